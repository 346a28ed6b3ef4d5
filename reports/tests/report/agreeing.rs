//! The same numbers in the report, on the page, in the tables and in the summary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use polars::prelude::*;
use reelbench_reports::{Cell, Report, Results, Template, rebuild};
use serde_json::Value;

use crate::quality::scored_run;

/// Every number of `cells.parquet` is that of `summary.json` under the column's name.
#[test]
fn tables_and_summary_have_the_same_numbers() {
    let run = scored_run();
    let dir = run.write();
    rebuild(dir, &Template::default()).unwrap();
    let summary: Value = serde_json::from_slice(&fs::read(dir.join("summary.json")).unwrap()).unwrap();
    let table = fs::File::open(dir.join("cells.parquet")).unwrap();
    let table = ParquetReader::new(table).finish().unwrap();
    let cells = summary["cells"].as_array().unwrap();
    let settings = cells.iter().flat_map(|cell| cell["requested"].as_object().unwrap().keys());
    let settings: BTreeSet<&str> = settings.map(String::as_str).collect();
    let mut compared = 0;
    for column in table.columns().iter().filter(|column| column.dtype().is_primitive_numeric()) {
        let values = column.cast(&DataType::Float64).unwrap();
        let values = values.f64().unwrap();
        for (value, cell) in values.iter().zip(cells) {
            let Some(expected) = at_path(cell, column.name(), &settings) else { continue };
            assert_same(value, expected.as_f64(), column.name());
            compared += usize::from(expected.is_number());
        }
    }
    assert!(compared > 60, "only {compared} numbers were compared");
}

/// The value under a column's name; none of a column that describes the cell's settings.
fn at_path<'a>(cell: &'a Value, name: &str, settings: &BTreeSet<&str>) -> Option<&'a Value> {
    let (first, rest) = name.split_once('.').unwrap_or((name, ""));
    if !cell.as_object().unwrap().contains_key(first) {
        assert!(settings.contains(name), "{name} is neither a number of the summary nor a setting");
        return None;
    }
    let value = &cell[first];
    Some(match rest {
        "" => value,
        "ci95.lo" => &value["ci95"][0],
        "ci95.hi" => &value["ci95"][1],
        rest => rest.split('.').fold(value, |value, key| &value[key]),
    })
}

/// The same but for the last digit, which parsing may lose.
#[track_caller]
fn assert_same(found: Option<f64>, expected: Option<f64>, what: &str) {
    let same = match (found, expected) {
        (Some(found), Some(expected)) => (found - expected).abs() <= 2.0 * f64::EPSILON * expected.abs(),
        (None, None) => true,
        _ => false,
    };
    assert!(same, "{what}: {found:?} is not {expected:?}");
}

/// Every cell of every table stands on the page and in the Markdown, in the same words.
#[test]
fn page_and_report_have_the_same_words() {
    let run = scored_run();
    let dir = run.write();
    let report = rebuild(dir, &Template::default()).unwrap().report;
    let markdown = rows_of_markdown(&fs::read_to_string(dir.join("report.md")).unwrap());
    let page = rows_of_page(&fs::read_to_string(dir.join("report.html")).unwrap());
    let mut rows = 0;
    for section in report.sections() {
        for row in &section.section.table.rows {
            let said: Vec<String> = row.iter().map(words).collect();
            assert!(markdown.contains(&said), "{}: {said:?} is not in report.md", section.name);
            let shown: Vec<(String, Option<f64>)> =
                row.iter().map(|cell| (words(cell), cell.value)).collect();
            assert!(page.contains(&shown), "{}: {shown:?} is not in report.html", section.name);
            rows += 1;
        }
    }
    assert!(rows > 10, "only {rows} rows were compared");
}

/// What the tables show is what the summary says.
#[test]
fn report_and_summary_have_the_same_numbers() {
    let run = scored_run();
    let Results { report, summary, .. } = Results::load(run.write()).unwrap();
    let captions: Vec<_> = summary.cells.iter().filter(|cell| cell.model.is_some()).collect();
    assert_eq!(
        column(&report, "end_to_end", "RTF"),
        captions.iter().map(|cell| cell.rtf.as_ref().map(|rtf| rtf.median)).collect::<Vec<_>>()
    );
    assert_eq!(
        column(&report, "end_to_end", "VLM Time"),
        captions.iter().map(|cell| cell.wall_s.as_ref().map(|wall| wall.median)).collect::<Vec<_>>()
    );
    assert_eq!(
        column(&report, "captioning", "Decode"),
        captions.iter().map(|cell| cell.stage_s("decode")).collect::<Vec<_>>()
    );
    let stage1: Vec<_> = summary.cells.iter().filter(|cell| cell.model.is_none()).collect();
    assert_eq!(
        column(&report, "stage1", "ASR"),
        stage1.iter().map(|cell| cell.stage_s("asr")).collect::<Vec<_>>()
    );
    let scores = |name: &str, cells: &[&reelbench_reports::CellSummary]| -> Vec<Option<f64>> {
        cells.iter().map(|cell| cell.quality.get(name).copied()).collect()
    };
    assert_eq!(column(&report, "quality_captions", "ROUGE-L"), scores("rouge_l", &captions));
    assert_eq!(column(&report, "quality_stage1", "WER"), scores("wer", &stage1));
}

/// The numbers of a column, cell by cell.
fn column(report: &Report, section: &str, title: &str) -> Vec<Option<f64>> {
    let sections = report.sections();
    let table = &sections.iter().find(|named| named.name == section).unwrap().section.table;
    let place = table.columns.iter().position(|column| column.title == title);
    let place = place.unwrap_or_else(|| panic!("{section} has no column {title}"));
    let values: Vec<Option<f64>> = table.rows.iter().map(|row| row[place].value).collect();
    assert!(values.iter().any(Option::is_some), "{section}, {title}");
    values
}

fn words(cell: &Cell) -> String {
    [Some(cell.text.as_str()), cell.note.as_deref()].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The rows of all tables, without emphasis and padding.
fn rows_of_markdown(text: &str) -> Vec<Vec<String>> {
    let rows = text.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| {
        let line = line.trim_start_matches('|').trim_end_matches('|');
        line.split(" | ").map(|cell| cell.trim().replace("**", "").replace('\\', "")).collect()
    };
    rows.map(cells).collect()
}

/// The rows of all tables with the numbers they are sorted by.
fn rows_of_page(text: &str) -> Vec<Vec<(String, Option<f64>)>> {
    let rows = text.split("<tr>").skip(1).filter_map(|row| row.split("</tr>").next());
    let cells = |row: &str| -> Vec<(String, Option<f64>)> {
        let lines =
            row.lines().filter(|line| line.starts_with("<td") || line.starts_with("<th scope=\"row\""));
        lines.map(cell_of_page).collect()
    };
    rows.map(cells).collect()
}

fn cell_of_page(line: &str) -> (String, Option<f64>) {
    let value = line.split_once("data-value=\"").map(|(_, rest)| rest.split('"').next().unwrap());
    let mut text = String::new();
    let mut in_tag = false;
    for c in line.chars() {
        match c {
            '<' => in_tag = true,
            '>' => in_tag = false,
            c if !in_tag => text.push(c),
            _ => {}
        }
    }
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&#x27;", "'")
        .replace("&#x2f;", "/");
    (text.replace("&amp;", "&"), value.map(|value| value.parse().unwrap()))
}

/// Where both are, the journal's times sum to the summary's.
#[test]
fn spans_sum_to_the_summary() {
    let run = scored_run();
    let dir: &Path = run.write();
    rebuild(dir, &Template::default()).unwrap();
    let summary: Value = serde_json::from_slice(&fs::read(dir.join("summary.json")).unwrap()).unwrap();
    let table = ParquetReader::new(fs::File::open(dir.join("stages.parquet")).unwrap()).finish().unwrap();
    let mut compared = 0;
    for cell in summary["cells"].as_array().unwrap() {
        let typical = col("cell").eq(lit(cell["id"].as_str().unwrap())).and(col("typical"));
        let decode =
            table.clone().lazy().filter(typical).group_by([col("stage")]).agg([col("seconds").sum()]);
        let decode = decode.collect().unwrap();
        let stages = decode.column("stage").unwrap().str().unwrap().clone();
        let seconds = decode.column("seconds").unwrap().f64().unwrap().clone();
        for (stage, seconds) in stages.iter().zip(seconds.iter()) {
            let expected = cell["stages_s"][stage.unwrap()].as_f64().unwrap();
            assert!((seconds.unwrap() - expected).abs() < 1e-9, "{stage:?}");
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} stages were compared");
}
