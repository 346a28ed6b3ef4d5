//! What is written into a run directory.

use std::fs;
use std::path::Path;

use polars::prelude::*;
use reelbench_reports::{Results, Template, rebuild, render};
use serde_json::Value;

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;

#[test]
fn a_finished_run() {
    let run = finished_run();
    let rebuilt = rebuild(run.write(), &Template::Embedded).unwrap();
    assert_eq!((rebuilt.counts.ok, rebuilt.counts.not_ok()), (3, 0));
    insta::assert_snapshot!("finished_report", read(run.write(), "report.md"));
    insta::assert_snapshot!("finished_summary", read(run.write(), "summary.json"));
    insta::assert_snapshot!("finished_main_table", rebuilt.main_table);
    insta::assert_snapshot!("finished_outputs", read(run.write(), "outputs.jsonl"));
}

/// The same number, but for the last digit that `serde_json`'s parser may lose.
fn assert_same(a: Option<f64>, b: Option<f64>) {
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!((a - b).abs() <= 2.0 * f64::EPSILON * a.abs(), "{a} is not {b}");
}

fn table(dir: &Path, name: &str) -> DataFrame {
    ParquetReader::new(fs::File::open(dir.join(name)).unwrap()).finish().unwrap()
}

#[test]
fn cells_table_and_summary_agree() {
    let run = finished_run();
    let summary = summary(run.write());
    let cells = table(run.write(), "cells.parquet");
    for (row, cell) in summary["cells"].as_array().unwrap().iter().enumerate() {
        let number = |name: &str| cells.column(name).unwrap().f64().unwrap().get(row);
        assert_same(number("wall_s.median"), cell["wall_s"]["median"].as_f64());
        assert_same(number("rtf.median"), cell["rtf"]["median"].as_f64());
        assert_same(number("rtf.ci95.hi"), cell["rtf"]["ci95"][1].as_f64());
        for (stage, seconds) in cell["stages_s"].as_object().unwrap() {
            assert_same(number(&format!("stages_s.{stage}")), seconds.as_f64());
        }
    }
}

#[test]
fn stages_sum_to_the_wall_time() {
    let run = finished_run();
    let summary = summary(run.write());
    let stages = table(run.write(), "stages.parquet");
    assert_eq!(
        table(run.write(), "scenes.parquet").height(),
        2 * 4 * 2,
        "two cells, four repeats, two scenes"
    );
    for cell in summary["cells"].as_array().unwrap() {
        let parts = cell["stages_s"].as_object().unwrap();
        let sum: f64 = parts.values().filter_map(Value::as_f64).sum();
        let wall_s = cell["wall_s"]["median"].as_f64().unwrap();
        assert!((sum - wall_s).abs() < 1e-9, "stages sum to {sum}, not {wall_s}");
        assert!(parts["unattributed"].as_f64().unwrap() > 0.0);

        let of_cell = col("cell").eq(lit(cell["id"].as_str().unwrap()));
        let walls = stages
            .clone()
            .lazy()
            .filter(of_cell.and(col("pass").eq(lit("measured"))))
            .group_by_stable([col("repeat")])
            .agg([col("seconds").sum()])
            .collect()
            .unwrap();
        let walls: Vec<_> = walls.column("seconds").unwrap().f64().unwrap().iter().flatten().collect();
        let samples = cell["wall_s"]["samples"].as_array().unwrap();
        assert_eq!(walls.len(), samples.len());
        for (wall, sample) in walls.iter().zip(samples) {
            assert!((wall - sample.as_f64().unwrap()).abs() < 1e-9);
        }
    }
}

#[test]
fn spans_are_kept_raw_beside_their_shares() {
    let cell = remote_cell("sintel");
    let run = run_of(&[&cell], |cell, _| remote(cell));
    rebuild(run.write(), &Template::Embedded).unwrap();
    let stages = table(run.write(), "stages.parquet").head(Some(7));
    let texts = |name: &str| -> Vec<Option<String>> {
        let column = stages.column(name).unwrap().str().unwrap();
        column.iter().map(|text| text.map(str::to_owned)).collect()
    };
    let ms = |name: &str| -> Vec<i64> {
        stages.column(name).unwrap().i64().unwrap().iter().flatten().map(|ns| ns / 1_000_000).collect()
    };
    let activities = ["compute", "network", "rate_limit", "network", "compute", "compute"];
    let activities: Vec<_> = activities.iter().map(|&word| Some(word.to_owned())).chain([None]).collect();
    assert_eq!(texts("activity"), activities, "none of what no span covers");
    assert_eq!(ms("duration_ns"), [100, 400, 600, 200, 50, 50, 0]);
    assert_eq!(ms("share_ns"), [100, 200, 400, 200, 50, 50, 0]);
    let cells = table(run.write(), "cells.parquet");
    let waited = cells.column("activities_s.asr.rate_limit").unwrap().f64().unwrap().get(0);
    assert_same(waited, Some(0.4));
}

#[test]
fn report_and_summary_agree() {
    let run = finished_run();
    let summary = summary(run.write());
    let report = read(run.write(), "report.md");
    let number = |cell: usize, path: &str| summary["cells"][cell].pointer(path).unwrap().as_f64().unwrap();
    let rows: Vec<Vec<&str>> = report
        .lines()
        .filter(|line| line.starts_with("| **llava-tiny**"))
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    assert_eq!(rows.len(), 7, "two in End-to-End, two in the breakdown, one load, one knob, one agreement");
    assert_eq!(rows[0][5], format!("{:.2} s", number(1, "/wall_s/median")));
    assert_eq!(rows[0][6], format!("**{:.3}x** ± 0.030", number(1, "/rtf/median")));
    assert_eq!(rows[1][5], format!("{:.1} min", number(2, "/wall_s/median") / 60.0));
    assert_eq!(rows[1][6], format!("**{:.1}x** ± 0.5", number(2, "/rtf/median")));
    assert_eq!(rows[2][3], rows[0][5]);
    assert_eq!(rows[2][8], format!("{:.2} s", number(1, "/stages_s/decode")));
    assert_eq!(rows[4][4], format!("{:.1} MiB", number(1, "/weights_parts/vision") / f64::from(1 << 20)));
}

#[test]
fn rendering_again_gives_the_same_bytes() {
    let run = mixed_run();
    let paths = rebuild(run.write(), &Template::Embedded).unwrap().paths;
    let first: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert_eq!(rebuild(run.write(), &Template::Embedded).unwrap().paths, paths);
    for (path, bytes) in paths.iter().zip(first) {
        assert!(fs::read(path).unwrap() == bytes, "{} changed", path.display());
    }
    let parts = fs::read_dir(run.write()).unwrap().flatten();
    let left: Vec<_> = parts.map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn an_empty_run() {
    let mut run = RunDir::planned(vec![], vec![]);
    run.finish();
    let rebuilt = rebuild(run.write(), &Template::Embedded).unwrap();
    assert_eq!((rebuilt.counts.total(), rebuilt.main_table.as_str()), (0, ""));
    insta::assert_snapshot!("empty_report", read(run.write(), "report.md"));
}

#[test]
fn decode_rate_and_first_token_by_hand() {
    let results = Results::load(finished_run().write()).unwrap();
    let cell = &results.summary.cells[1];
    // Four tokens after the first ones, in 2 × 20 % of 12 s.
    assert!((cell.tokens_per_s.unwrap() - 4.0 / 4.8).abs() < 1e-9);
    // 40 ms and 80 ms.
    assert!((cell.ttft_s.unwrap() - 0.06).abs() < 1e-12);
    assert_eq!((cell.scenes, cell.tokens_out), (Some(2), Some(6)));
    assert_eq!(cell.load_s, Some(1.5));
}

#[test]
fn a_template_of_ones_own() {
    let run = finished_run();
    let results = Results::load(run.write()).unwrap();
    let path = run.write().join("mine.md.j2");
    let mine = |source: &str| {
        fs::write(&path, source).unwrap();
        render(&results.report, &Template::File { path: path.clone(), output: None })
    };
    let text = mine("{% for cell in cells %}{{ cell.requested.use_cache is defined }} {% endfor %}").unwrap();
    assert_eq!(text, "False True True ");
    assert_eq!(mine("{{ setup.machine.cpu }}\n").unwrap(), "Test CPU \\| 3 GHz\n");
    let error = mine("a\n{{ verdict.txt }}").unwrap_err().to_string();
    assert_eq!(
        error,
        "template mine.md.j2: line 2: `verdict` has no `txt`; did you mean `text`? it has counts, text"
    );
    let error = mine("{% if %}").unwrap_err().to_string();
    assert!(error.starts_with("template mine.md.j2: line 1: syntax error: "), "{error}");
}

#[test]
fn the_report_is_json_too() {
    let results = Results::load(mixed_run().write()).unwrap();
    let json = serde_json::to_value(&results.report).unwrap();
    assert_eq!(json["verdict"]["counts"]["ok"], 3);
    assert_eq!(json["end_to_end"]["table"]["rows"].as_array().unwrap().len(), 11);
}

#[test]
fn stage1_output_is_kept_beside() {
    let run = finished_run();
    rebuild(run.write(), &Template::Embedded).unwrap();
    let cell = stage1_cell("sintel", 1);
    let file: Value = serde_json::from_str(&read(run.write(), &format!("stage1/{}.json", cell.id))).unwrap();
    assert_eq!(file["transcript"]["text"], "hello");
    assert_eq!(file["scenes"]["scenes"][1]["end_frame"], 480);
}
