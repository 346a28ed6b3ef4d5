//! Which charts a run has, where they stand, and that they say what the tables say.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reelbench_protocol::{CaptionSettings, JournalEvent, Pass, RUN_FORMAT_VERSION, RepeatResult};
use reelbench_reports::{CHARTS_FOLDER, Chart, Results, Template, rebuild};

use crate::fixtures::*;
use crate::support::*;

fn names(results: &Results) -> Vec<&str> {
    results.report.charts.iter().map(|chart| chart.name.as_str()).collect()
}

fn chart<'a>(results: &'a Results, name: &str) -> &'a Chart {
    results.report.charts.get(name).unwrap()
}

fn files(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir.join(CHARTS_FOLDER)).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Two captioning cells whose speeds and peaks of memory differ.
fn with_choices() -> RunDir {
    let stage1 = stage1_cell("sintel", 1);
    let cells =
        [("fast", 12_000, 900), ("lean", 48_000, 300), ("neither", 50_000, 1000)].map(|(model, ms, mib)| {
            (caption_cell("sintel", model, CaptionSettings::default(), &stage1), ms, mib)
        });
    let planned = std::iter::once(stage1.clone()).chain(cells.iter().map(|(cell, ..)| cell.clone()));
    let mut run = RunDir::planned(planned.collect(), vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    for (cell, ms, mib) in &cells {
        run.measure(cell, [*ms, ms + 100, ms + 200], |wall_ms| RepeatResult {
            peak_rss_bytes: Some(mib << 20),
            ..caption_result(cell, wall_ms)
        });
    }
    run.finish();
    run
}

#[test]
fn every_chart_is_written_and_shown_in_its_section() {
    let run = with_choices();
    let dir = run.write();
    rebuild(dir, &Template::Embedded).unwrap();
    let results = Results::load(dir).unwrap();
    let expected = ["rtf", "stages_stage1", "stages_captioning", "pareto_memory", "drift", "timeline"];
    assert_eq!(names(&results), expected);
    let markdown = read(dir, "report.md");
    let mut rest = markdown.as_str();
    for chart in &results.report.charts {
        assert_eq!(read(dir, &chart.file), chart.svg);
        let (_, after) =
            rest.split_once(&format!("]({})\n", chart.file)).expect("in the report, in its order");
        rest = after;
    }
    let written: BTreeSet<String> = expected.iter().map(|name| format!("{name}.svg")).collect();
    assert_eq!(files(dir), written);
    let json = serde_json::to_value(&results.report).unwrap();
    assert_eq!(json["charts"][0]["file"], "charts/rtf.svg");
    assert!(json["charts"][0].get("svg").is_none(), "pictures are files");
}

#[test]
fn charts_that_the_run_no_longer_has_are_removed() {
    let run = finished_run();
    let dir = run.write();
    let folder = dir.join(CHARTS_FOLDER);
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("pareto_old.svg"), "<svg/>").unwrap();
    fs::write(folder.join("notes.txt"), "mine").unwrap();
    rebuild(dir, &Template::Embedded).unwrap();
    let files = files(dir);
    assert!(
        !files.contains("pareto_old.svg") && files.contains("notes.txt") && files.contains("rtf.svg"),
        "{files:?}"
    );
}

#[test]
fn a_chart_says_what_the_tables_say() {
    let run = finished_run();
    let results = Results::load(run.write()).unwrap();
    let rtf = &chart(&results, "rtf").svg;
    let column =
        results.report.end_to_end.table.columns.iter().position(|column| column.title.starts_with("RTF"));
    for row in &results.report.end_to_end.table.rows {
        let cell = &row[column.unwrap()];
        let words = [Some(&cell.text), cell.note.as_ref()]
            .into_iter()
            .flatten()
            .cloned()
            .collect::<Vec<_>>()
            .join(" ");
        assert!(rtf.contains(&format!(">{words}</text>")), "{words}");
    }
    let stages = &chart(&results, "stages_captioning").svg;
    // A fifth of either scene's time is decoding; the middle one of 12, 12.3 and 11.9 s is 12.
    assert!(
        stages.contains("use_cache true, Decode: 4.80 s, 40.0 %</title>")
            || stages.contains("Decode: 0.1 min, 40.0 %</title>"),
        "{stages}"
    );
    assert!(rtf.contains("sintel llava-tiny (dummy weights)"), "random weights are marked");
}

#[test]
fn drift_has_every_repeat_against_the_median_of_its_cell() {
    let run = finished_run();
    let results = Results::load(run.write()).unwrap();
    let svg = &chart(&results, "drift").svg;
    assert_eq!(svg.matches("<circle").count(), 3 * 4, "three cells, a warm-up and three samples each");
    // 252 s is the median of 250, 252 and 257 s.
    assert!(svg.contains("sample 2: 102.0 %, 4.3 min</title>"), "{svg}");
    assert!(svg.contains("warm-up 0: 200.0 %, 2.00 s</title>"), "{svg}");
}

#[test]
fn a_pareto_chart_needs_something_to_choose() {
    let results = Results::load(with_choices().write()).unwrap();
    let svg = &chart(&results, "pareto_memory").svg;
    assert!(svg.contains("fast (dummy weights): 0.605x, 900.0 MiB</title>"), "{svg}");
    // The fast one and the lean one are worth it, in the plot and in the list below; the third is beaten by both.
    assert_eq!(svg.matches("r=\"4.5\" class=\"rb-fill rb-1\"").count(), 4);
    assert_eq!(svg.matches("r=\"4.5\" class=\"rb-hollow rb-0\"").count(), 2);
    let same_memory = Results::load(finished_run().write()).unwrap();
    assert!(same_memory.report.charts.get("pareto_memory").is_none());
}

#[test]
fn a_run_without_repeats_has_no_charts() {
    let run = RunDir::planned(vec![], vec![]);
    rebuild(run.write(), &Template::Embedded).unwrap();
    assert!(!run.write().join(CHARTS_FOLDER).exists());
    assert!(!read(run.write(), "report.md").contains("!["));
}

#[test]
fn a_pause_is_left_out_of_the_timeline() {
    let mut run = finished_run();
    run.events.pop();
    let resumed = JournalEvent::Started { format: RUN_FORMAT_VERSION, run_id: "run-1".into() };
    run.events.push(resumed);
    let stage1 = stage1_cell("sintel", 1);
    run.repeat(RepeatResult { pass: Pass::Warmup, ..stage1_result(&stage1, 500) });
    // Everything up to the pause takes less than an hour; it goes on a day later.
    let last = run.events.len() - 2;
    let journal = run.journal_at(|place| if place < last { place as u64 } else { 86_400_000 + place as u64 });
    let results = Results::load(run.write_journal(journal.as_bytes())).unwrap();
    let svg = &chart(&results, "timeline").svg;
    assert!(svg.contains("1 pause left out."), "{svg}");
    assert!(svg.contains(">went on</text>"));
    assert_eq!(results.run.course.pauses.len(), 1);
    assert!(svg.contains("Time in the run, min") && !svg.contains(">1000</text>"), "{svg}");
}
