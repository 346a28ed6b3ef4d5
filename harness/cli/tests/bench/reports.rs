//! What `bench report` and `bench history` make of runs.

use serde_json::Value;

use crate::common::{Ended, Workplace};

const MATRIX: &str = r#"
version: 1
name: small
videos: [{id: film, path: film.mp4}]
stage1: {scene: {}}
models:
  - {id: good, family: llava-next, weights: "dummy:llava-next-tiny"}
  - {id: wavers, family: llava-next, weights: "dummy:unstable"}
settings: {dtype: f32, max_new_tokens: 4}
run: {repeats: 2, warmup: 0}
"#;

fn measured(only: &str) -> Workplace {
    let workplace = Workplace::new();
    workplace.write("film.mp4", "the fake runner does not look inside");
    workplace.write("matrix.yaml", MATRIX);
    workplace.bench(&format!("run matrix.yaml --runner fake --out runs/first --only {only}"));
    assert!(workplace.path("runs/first/report.md").exists());
    workplace
}

/// The same call, and the message that it ends with.
fn refused(workplace: &Workplace, args: &str, code: i32) -> String {
    let ended = workplace.bench(args).expect(code);
    assert_eq!(ended.stdout, "", "{args}");
    ended.stderr
}

#[test]
fn figures_for_other_programs() {
    let workplace = measured("kind=caption");
    let export =
        |options: &str| -> Ended { workplace.bench(&format!("report runs/first {options}")).expect(0) };

    let bmf = export("--format bmf");
    assert_eq!(
        bmf.stderr,
        "left out, for they did not end ok (1): film wavers dtype=f32 max_new_tokens=4 (dummy weights)\n"
    );
    let bmf = bmf.json();
    let cell = &bmf["film good dtype=f32 max_new_tokens=4 (dummy weights)"];
    let summary = workplace.json("runs/first/summary.json");
    let good = summary["cells"].as_array().unwrap().iter().find(|cell| cell["model"] == "good").unwrap();
    assert_eq!(cell["rtf"]["value"], good["rtf"]["median"]);

    let bigger = export("--format github-action-benchmark --better bigger").json();
    assert_eq!(bigger[0]["unit"], "tokens/s", "{bigger:#}");
    let smaller = export("--format github-action-benchmark").json();
    assert!(smaller.as_array().unwrap().iter().all(|entry| entry["unit"] != "tokens/s"), "{smaller:#}");

    let csv = export("--format csv --output tables/cells.csv");
    assert_eq!((csv.stdout.as_str(), csv.stderr.as_str()), ("", ""));
    let cells = workplace.read("tables/cells.csv");
    assert!(cells.starts_with("cell,kind,video,model,weights,dummy_weights,outcome,"), "{cells}");
    assert_eq!(cells.matches("\r\n").count(), 1 + summary["cells"].as_array().unwrap().len());
    assert!(export("--format csv --table stages").stdout.contains(",decode,compute,"));
    export("--format markdown --output report.md");
    assert_eq!(workplace.read("report.md"), workplace.read("runs/first/report.md"));
    assert_eq!(export("--format json").stdout, export("--json").stdout);
}

#[test]
fn the_run_directory_stays_as_it_is_where_another_format_is_asked_for() {
    let workplace = measured("kind=caption");
    workplace.write("runs/first/report.md", "changed by hand");
    for format in ["csv", "json", "markdown", "bmf", "github-action-benchmark"] {
        workplace.bench(&format!("report runs/first --format {format}")).expect(0);
    }
    assert_eq!(workplace.read("runs/first/report.md"), "changed by hand");
    workplace.bench("report runs/first").expect(0);
    assert!(workplace.read("runs/first/report.md").starts_with("# small"));
}

#[test]
fn options_that_say_nothing_are_refused() {
    let workplace = measured("kind=stage1");
    let table = refused(&workplace, "report runs/first --format bmf --table cells", 2);
    assert_eq!(table, "error: --table says something only with --format csv\n");
    let better = refused(&workplace, "report runs/first --format csv --better bigger", 2);
    assert_eq!(better, "error: --better says something only with --format github-action-benchmark\n");
    for (args, word) in [
        ("--format cvs", "possible values: csv, json, markdown, bmf, github-action-benchmark"),
        ("--table cells", "--format <FORMAT>"),
        ("--output page.html", "--template <FILE>|--format <FORMAT>"),
        ("--check", "--splice <FILE>"),
        ("--format csv --json", "cannot be used with"),
        ("--format csv --template a.md.j2", "cannot be used with"),
        ("--splice README.md --format csv", "cannot be used with"),
    ] {
        let told = refused(&workplace, &format!("report runs/first {args}"), 2);
        assert!(told.contains(word), "{args}: {told}");
    }
}

#[test]
fn tables_are_put_into_a_file_and_told_when_they_are_old() {
    let workplace = measured("kind=caption");
    let text = "# Films\n<!-- reelbench:end_to_end -->\n<!-- /reelbench:end_to_end -->\n";
    workplace.write("README.md", text);
    workplace.write("docs/speed.md", "<!-- reelbench:verdict -->\n<!-- /reelbench:verdict -->\n");
    let splice = "report runs/first --splice README.md --splice docs/speed.md";
    let stale = refused(&workplace, &format!("{splice} --check"), 1);
    assert_eq!(
        stale,
        "error: README.md:3: not what the report says\ndocs/speed.md:2: not what the report says; `bench report runs/first \
         --splice FILE` brings the file up to date\n"
    );
    assert_eq!(workplace.read("README.md"), text);
    assert_eq!(workplace.bench(splice).expect(0).stdout, "README.md: end_to_end\ndocs/speed.md: verdict\n");
    let spliced = workplace.read("README.md");
    assert!(spliced.contains("| **good** (dummy weights) "), "{spliced}");
    assert_eq!(workplace.bench(&format!("{splice} --check")).expect(0).stdout, "");
    let again = workplace.bench(splice).expect(0).stdout;
    assert_eq!(again, "README.md: end_to_end (up to date)\ndocs/speed.md: verdict (up to date)\n");
    assert_eq!(workplace.read("README.md"), spliced);

    workplace.write("broken.md", "\n<!-- reelbench:verdict -->\n");
    workplace.write("README.md", text);
    let broken = refused(&workplace, "report runs/first --splice README.md --splice broken.md", 1);
    assert!(broken.starts_with("error: broken.md:2: `<!-- reelbench:verdict -->` is not closed"), "{broken}");
    assert_eq!(workplace.read("README.md"), text, "all files or none");
}

#[test]
fn a_template_of_ones_own() {
    let workplace = measured("kind=stage1");
    workplace.write("page.html.j2", "<h1>{{ verdict.text }}</h1>\n");
    let told = workplace.bench("report runs/first --template page.html.j2").expect(0).stdout;
    assert!(told.contains("report: runs/first/page.html\n"), "{told}");
    assert!(workplace.read("runs/first/page.html").starts_with("<h1>✅ All cells ok: 1 of 1."));
    workplace.bench("report runs/first --template page.html.j2 --output site/index.html").expect(0);
    assert_eq!(workplace.read("site/index.html"), workplace.read("runs/first/page.html"));

    workplace.write("page.html.j2", "\n{{ verdict.txt }}\n");
    let told = refused(&workplace, "report runs/first --template page.html.j2", 1);
    assert_eq!(
        told,
        "error: template page.html.j2: line 2: `verdict` has no `txt`; did you mean `text`? it has counts, text\n"
    );
    let told = refused(&workplace, "report runs/first --template absent.md.j2", 1);
    assert!(told.contains("absent.md.j2"), "{told}");
}

#[test]
fn a_cell_over_several_runs() {
    let workplace = measured("model=good");
    workplace.bench("run matrix.yaml --runner fake --out runs/second").expect(3);
    workplace.write("runs/broken/manifest.json", "{}");
    workplace.write("runs/notes.txt", "no run");
    let ended = workplace.bench("history runs runs/first --json").expect(0);
    assert!(ended.stderr.contains("left out: [WORK]/runs/broken/manifest.json: "), "{}", ended.stderr);
    let history = ended.json();
    let runs = history["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2, "a run that is named twice counts once");
    assert!(runs[0]["started"].as_str().unwrap() <= runs[1]["started"].as_str().unwrap());
    let cell = |model: &str| -> &Value {
        let mut cells = history["cells"].as_array().unwrap().iter();
        cells.find(|cell| cell["name"].as_str().unwrap().contains(model)).unwrap()
    };
    let points = cell("good")["points"].as_array().unwrap();
    let summary = workplace.json("runs/second/summary.json");
    let good = summary["cells"].as_array().unwrap().iter().find(|cell| cell["model"] == "good").unwrap();
    assert_eq!(points[1]["rtf"], good["rtf"]);
    assert_eq!(
        (&points[1]["change"]["kind"], &points[1]["change"]["since"]),
        (&"compared".into(), &0.into())
    );
    assert_eq!(cell("wavers")["points"].as_array().unwrap().len(), 1);

    let text = workplace.bench("history runs --only model=good").expect(0).stdout;
    assert!(text.contains("\nfilm good (dummy weights)  ") && !text.contains("wavers"), "{text}");
}

#[test]
fn a_history_needs_runs_and_cells() {
    let workplace = measured("kind=stage1");
    workplace.write("empty/notes.txt", "no run");
    let told = refused(&workplace, "history empty", 1);
    assert!(told.contains("left out: [WORK]/empty: no run in it"), "{told}");
    assert!(told.ends_with(
        "no run is left to show: give run directories, or folders with run directories in them\n"
    ));
    assert!(refused(&workplace, "history absent", 2).contains("no such file: absent"));
    assert!(
        refused(&workplace, "history matrix.yaml", 2)
            .contains("neither a run directory nor a folder of them")
    );
    let told = refused(&workplace, "history runs --only model=absent", 2);
    assert!(told.contains("--only model=absent matches none of the 1 cells"), "{told}");
    refused(&workplace, "history", 2);
    let told = refused(&workplace, "history runs --only modle=good", 2);
    assert!(told.contains("did you mean `model`?"), "{told}");
}
