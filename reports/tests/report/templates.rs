//! Templates of one's own.

use std::fs;
use std::path::{Path, PathBuf};

use reelbench_reports::{Results, Template, rebuild, render};

use crate::fixtures::*;

fn template(dir: &Path, name: &str, source: &str) -> Template {
    let path = dir.join(name);
    fs::write(&path, source).unwrap();
    Template::File { path, output: None }
}

#[test]
fn a_name_that_does_not_exist_is_told_with_what_there_is() {
    let run = mixed_run();
    let report = Results::load(run.write()).unwrap().report;
    let told = |source: &str| {
        let error = render(&report, &template(run.write(), "mine.md.j2", source)).unwrap_err().to_string();
        error.strip_prefix("template mine.md.j2: line ").unwrap_or_else(|| panic!("{error}")).to_owned()
    };
    assert_eq!(
        told("\n{{ verdict.counts.okay }}"),
        "2: `verdict.counts` has no `okay`; did you mean `ok`? it has failed, ok, oom, skipped, timeout, unstable"
    );
    let unknown = told("{% if name is defined and nothing is defined %}{% endif %}\n\n{{ verdikt }}");
    let start = "3: there is no `verdikt`; did you mean `verdict`? there are agreement, bottlenecks, cache_check, captioning, cells, ";
    assert!(unknown.starts_with(start), "{unknown}");
    let in_loop = told("{% for cell in cells %}\n{{ cell.oucome }}\n{% endfor %}");
    assert!(
        in_loop.starts_with("2: `cells[0]` has no `oucome`; did you mean `outcome`? it has "),
        "{in_loop}"
    );
    let alias = told("{% set machine = setup.machine %}{{ machine.gpu }}");
    assert!(alias.starts_with("1: `setup.machine` has no `gpu`; did you mean `gpus`? it has "), "{alias}");
    assert_eq!(
        told("{% for cell in cells %}{{ cell.rtf.median }}{% endfor %}"),
        "1: `cells[1].rtf` is none here and has nothing in it; ask first: {% if cells[1].rtf %}"
    );
    assert_eq!(told("{{ name.first }}"), "1: `name` is a string and has nothing in it");
    assert_eq!(
        told("{{ cells.outcome }}"),
        "1: `cells` is a list of 13 and has no `outcome`; take its entries one by one: {% for entry in cells %}"
    );
    assert_eq!(
        told("{{ cells[0].requested[\"asr.pre\"] }}"),
        "1: `cells[0].requested` has no `asr.pre`; did you mean `asr.per`? it has asr.concurrency, asr.engine, \
         asr.num_beams, asr.per, asr.quantization, asr.temperature_fallback, asr.weights, scene.detector, \
         scene.min_scene_len, scene.threshold"
    );
    assert_eq!(told("{{ name | shout }}"), "1: unknown filter: filter shout is unknown");
}

#[test]
fn asking_whether_a_name_exists_is_no_error() {
    let run = finished_run();
    let report = Results::load(run.write()).unwrap().report;
    let source = "{{ nothing is defined }} {{ nothing | default(\"none\") }} {{ cells | length }} \
                  {{ cells | map(attribute=\"kind\") | join(\" \") }} {{ verdict.counts | items | first }} \
                  {{ cells[-1].outcome }} {{ \"ok\" in verdict.counts }}";
    let text = render(&report, &template(run.write(), "mine.txt.j2", source)).unwrap();
    assert_eq!(text, "False none 3 stage1 caption caption ('ok', 3) ok True");
}

#[test]
fn its_text_is_named_after_it_and_stands_beside_the_report() {
    let run = finished_run();
    let dir = run.write();
    let page = template(dir, "page.html.j2", "<p>{{ setup.machine.cpu }} & {{ cells[1].video }}</p>\n");
    let rebuilt = rebuild(dir, &page).unwrap();
    assert_eq!(rebuilt.report_path, dir.join("page.html"));
    assert_eq!(read(dir, "page.html"), "<p>Test CPU | 3 GHz & sintel</p>\n");
    assert!(read(dir, "report.md").starts_with("# fixture\n"));
    assert!(rebuilt.paths.contains(&dir.join("page.html")) && rebuilt.paths.contains(&dir.join("report.md")));

    rebuild(dir, &template(dir, "report.md.j2", "mine: {{ name }}\n")).unwrap();
    assert_eq!(read(dir, "report.md"), "mine: fixture\n");
    let Template::File { path, .. } = page else { panic!("it is a file") };
    let elsewhere = dir.join("below/other.txt");
    rebuild(dir, &Template::File { path, output: Some(elsewhere) }).unwrap();
    assert!(read(dir, "below/other.txt").starts_with("<p>"));
}

#[test]
fn its_text_takes_the_place_of_nothing_else() {
    let run = finished_run();
    let dir = run.write();
    let told = |name: &str, output: Option<PathBuf>| {
        let Template::File { path, .. } = template(dir, name, "mine") else { panic!("it is a file") };
        let error = rebuild(dir, &Template::File { path, output }).unwrap_err().to_string();
        error.replace(&dir.display().to_string(), "DIR")
    };
    let journal = read(dir, "journal.jsonl");
    let other = "and is not overwritten; give the text another name with --output FILE";
    let kept = "it is what the run was made from or found";
    assert_eq!(told("journal.jsonl.j2", None), format!("DIR/journal.jsonl: {kept} {other}"));
    assert_eq!(read(dir, "journal.jsonl"), journal);
    assert_eq!(
        told("mine.j2", Some(dir.join("manifest.json"))),
        format!("DIR/manifest.json: {kept} {other}")
    );
    let every = "it is a file of every run directory";
    assert_eq!(told("summary.json.j2", None), format!("DIR/summary.json: {every} {other}"));
    let itself = told("self.md.j2", Some(dir.join("self.md.j2")));
    assert_eq!(itself, format!("DIR/self.md.j2: it is the template itself {other}"));
    let nameless = told("page.html", None);
    assert!(nameless.starts_with("template DIR/page.html: its name says nothing of "), "{nameless}");
}
