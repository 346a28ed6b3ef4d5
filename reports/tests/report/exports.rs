//! A run in the formats of other programs.

use std::collections::BTreeSet;

use polars::prelude::*;
use reelbench_protocol::{Better, CaptionSettings, PlannedCell};
use reelbench_reports::{Export, Results, TableName, Template, rebuild};
use serde_json::Value;

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;

const TABLES: [TableName; 4] =
    [TableName::Cells, TableName::Stages, TableName::Scenes, TableName::Conditions];

fn exported(results: &Results, export: Export) -> String {
    let mut bytes = Vec::new();
    results.export(export, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn json(results: &Results, export: Export) -> Value {
    serde_json::from_str(&exported(results, export)).unwrap()
}

/// The records of a file as RFC 4180 defines them; none of a field that is empty and not quoted.
fn records(csv: &str) -> Vec<Vec<Option<String>>> {
    let mut records = vec![Vec::new()];
    let (mut field, mut quoted, mut was_quoted) = (String::new(), false, false);
    let mut rest = csv.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '"' if quoted && rest.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => (quoted, was_quoted) = (!quoted, true),
            _ if quoted => field.push(c),
            ',' | '\r' => {
                let text = std::mem::take(&mut field);
                records.last_mut().unwrap().push((was_quoted || !text.is_empty()).then_some(text));
                was_quoted = false;
            }
            '\n' => records.push(Vec::new()),
            _ => field.push(c),
        }
    }
    assert_eq!(records.pop(), Some(Vec::new()), "the last line has its end");
    records
}

#[test]
fn a_finished_run_in_every_format() {
    let results = Results::load(finished_run().write()).unwrap();
    insta::assert_snapshot!("finished_cells_csv", exported(&results, Export::Csv(TableName::Cells)));
    insta::assert_snapshot!("finished_scenes_csv", exported(&results, Export::Csv(TableName::Scenes)));
    let stages = exported(&results, Export::Csv(TableName::Stages));
    insta::assert_snapshot!("finished_stages_csv", stages.lines().take(6).collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!("finished_bmf", exported(&results, Export::Bmf));
    let benchmark = |better| exported(&results, Export::GithubActionBenchmark(better));
    insta::assert_snapshot!("finished_smaller_is_better", benchmark(Better::Lower));
    insta::assert_snapshot!("finished_bigger_is_better", benchmark(Better::Higher));
}

#[test]
fn json_and_markdown_are_those_of_the_run_directory() {
    let run = mixed_run();
    let results = Results::load(run.write()).unwrap();
    rebuild(run.write(), &Template::Embedded).unwrap();
    assert_eq!(exported(&results, Export::Markdown), read(run.write(), "report.md"));
    let report = serde_json::to_string_pretty(&results.report).unwrap();
    assert_eq!(exported(&results, Export::Json), report + "\n");
}

#[test]
fn csv_says_what_parquet_says() {
    let asked = remote_cell("sintel");
    for run in [finished_run(), mixed_run(), run_of(&[&asked], |cell, _| remote(cell))] {
        let results = Results::load(run.write()).unwrap();
        let tables = &results.tables;
        for (name, table) in
            TABLES.iter().zip([&tables.cells, &tables.stages, &tables.scenes, &tables.conditions])
        {
            let records = records(&exported(&results, Export::Csv(*name)));
            assert_eq!(records.len(), table.height() + 1, "{name:?}");
            for (place, column) in table.columns().iter().enumerate() {
                assert_eq!(records[0][place].as_deref(), Some(column.name().as_str()));
                let values = column.as_materialized_series().iter();
                for (value, record) in values.zip(&records[1..]) {
                    assert_same(&value, record[place].as_deref(), column.name());
                }
            }
        }
    }
}

/// Numbers are the same to the bit.
fn assert_same(value: &AnyValue<'_>, field: Option<&str>, column: &str) {
    match (value, field) {
        (AnyValue::Null, None) => {}
        (AnyValue::Float64(number), Some(field)) => {
            assert_eq!(field.parse::<f64>().unwrap().to_bits(), number.to_bits(), "{column}");
        }
        (AnyValue::String(text), Some(field)) => assert_eq!(*text, field, "{column}"),
        (other, Some(field)) => assert_eq!(other.to_string(), field, "{column}"),
        (other, None) => panic!("{column}: nothing for {other:?}"),
    }
}

#[test]
fn figures_are_those_of_the_summary() {
    let results = Results::load(finished_run().write()).unwrap();
    let bmf = json(&results, Export::Bmf);
    let cell = &results.summary.cells[2];
    let metrics = &bmf["sintel llava-tiny use_cache=false (dummy weights)"];
    let close = |value: &Value, expected: f64| {
        let value = value.as_f64().unwrap();
        assert!((value / expected - 1.0).abs() < 1e-12, "{value} {expected}");
    };
    close(&metrics["rtf"]["value"], cell.rtf.as_ref().unwrap().median);
    close(&metrics["rtf"]["upper_value"], cell.rtf.as_ref().unwrap().ci95.unwrap().hi);
    close(&metrics["latency"]["value"], cell.wall_s.as_ref().unwrap().median * 1e9);
    close(&metrics["tokens-per-s"]["value"], cell.tokens_per_s.unwrap());
    let smaller = json(&results, Export::GithubActionBenchmark(Better::Lower));
    let name = "sintel llava-tiny use_cache=false (dummy weights): rtf";
    let entry = smaller.as_array().unwrap().iter().find(|entry| entry["name"] == name).unwrap();
    close(&entry["value"], cell.rtf.as_ref().unwrap().median);
}

#[test]
fn every_figure_has_one_direction() {
    let mut results = Results::load(finished_run().write()).unwrap();
    for cell in &mut results.summary.cells {
        let scores = [("wer", 0.1), ("bleu_4", 0.3), ("tokens_per_scene", 7.0)];
        cell.quality = scores.map(|(name, score)| (name.to_owned(), score)).into();
    }
    let names = |better| -> BTreeSet<String> {
        let entries = json(&results, Export::GithubActionBenchmark(better));
        let name = |entry: &Value| entry["name"].as_str().unwrap().rsplit(": ").next().unwrap().to_owned();
        entries.as_array().unwrap().iter().map(name).collect()
    };
    let smaller = ["peak_rss_bytes", "quality.wer", "rtf", "ttft_s", "wall_s"].map(String::from);
    assert_eq!(names(Better::Lower), BTreeSet::from(smaller));
    assert_eq!(names(Better::Higher), BTreeSet::from(["quality.bleu_4", "tokens_per_s"].map(String::from)));
    let bmf = json(&results, Export::Bmf);
    assert_eq!(bmf["sintel llava-tiny (dummy weights)"]["quality-tokens-per-scene"]["value"], 7.0);
}

#[test]
fn cells_that_are_not_ok_have_no_figures_and_are_named() {
    let results = Results::load(mixed_run().write()).unwrap();
    let bmf = json(&results, Export::Bmf);
    let names: Vec<&String> = bmf.as_object().unwrap().keys().collect();
    assert_eq!(names.len(), results.report.verdict.counts.ok);
    let left_out = results.not_exported(Export::Bmf);
    assert_eq!(left_out.len(), results.report.verdict.counts.not_ok());
    assert!(left_out.contains(&"sintel flaky (dummy weights)".to_owned()), "{left_out:?}");
    assert!(!names.iter().any(|name| left_out.contains(name)));
    assert_eq!(results.not_exported(Export::Csv(TableName::Cells)), [""; 0]);
}

#[test]
fn another_axis_renames_no_benchmark() {
    let stage1 = stage1_cell("sintel", 1);
    let cell = |settings| caption_cell("sintel", "llava-tiny", settings, &stage1);
    let names = |cells: &[PlannedCell]| -> Vec<String> {
        let mut run = RunDir::planned([std::slice::from_ref(&stage1), cells].concat(), vec![]);
        run.finish();
        Results::load(run.write()).unwrap().not_exported(Export::Bmf)
    };
    let plain = cell(cached());
    let alone = names(std::slice::from_ref(&plain));
    let beams = cell(CaptionSettings { num_beams: 4, ..uncached() });
    let among = names(&[plain, cell(uncached()), beams]);
    assert_eq!(among[..2], alone[..]);
    assert_eq!(among[2], "sintel llava-tiny use_cache=false (dummy weights)");
    assert_eq!(among[3], "sintel llava-tiny num_beams=4 use_cache=false (dummy weights)");
}

#[test]
fn cells_that_differ_have_names_that_differ() {
    let asked = remote_cell("sintel");
    let [batch, concurrency] =
        [(8, 1), (1, 4)].map(|(batch, concurrency)| Knobs { concurrency, batch, ..AT_REST });
    let full = [AT_REST, batch, concurrency, Knobs { parallel: true, ..AT_REST }];
    let cells =
        full.map(|knobs| full_cell("sintel", knobs)).into_iter().chain([asked, stage1_cell("sintel", 1)]);
    let mut run = RunDir::planned(cells.collect(), vec![]);
    run.finish();
    let names = Results::load(run.write()).unwrap().not_exported(Export::Bmf);
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), 6, "{names:#?}");
    let plain = "sintel stage 1 asr.per=scene asr.weights=hf:openai/whisper-tiny.en";
    assert_eq!(names[5], plain);
    assert_eq!(
        names[1],
        "sintel stage 1 asr.per=scene asr.weights=hf:openai/whisper-tiny.en ast.batch=8 ast.per=file \
         ast.weights=dummy:ast-tiny yolo.every_nth_frame=120 yolo.tracker=bytetrack yolo.weights=dummy:yolov8n?seed=1 \
         (dummy weights)"
    );
}
