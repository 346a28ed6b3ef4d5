//! What a run comes to but for what differs from time to time.

use std::collections::BTreeMap;
use std::fs::{self, File};

use polars::prelude::{DataFrame, ParquetReader, SerReader};
use serde_json::Value;

use crate::common::Workplace;

/// What `run/` says but for times and memory. Numbers of those kinds alone give way to a word, so that a row, a sample or
/// a value that is missing shows.
#[derive(Debug, PartialEq)]
pub(crate) struct Essence {
    pub(crate) summary: Value,
    pub(crate) report: Vec<String>,
    pub(crate) outputs: Vec<String>,
    found: BTreeMap<String, Value>,
    tables: BTreeMap<&'static str, Vec<String>>,
}

impl Essence {
    pub(crate) fn of(workplace: &Workplace, run: &str) -> Self {
        let mut summary = workplace.json(&format!("{run}/summary.json"));
        summary["run_id"].take();
        // What disturbed the machine differs from run to run.
        summary["noise"].take();
        for cell in summary["cells"].as_array_mut().unwrap() {
            cell["noise"].take();
            for key in ["rtf", "wall_s", "load_s", "stages_s", "ttft_s", "tokens_per_s", "peak_rss_bytes"] {
                hide_numbers(&mut cell[key]);
            }
        }
        let mut outputs: Vec<String> =
            workplace.read(&format!("{run}/outputs.jsonl")).lines().map(str::to_owned).collect();
        outputs.sort();
        let found = fs::read_dir(workplace.path(&format!("{run}/stage1"))).unwrap().map(|file| {
            let name = file.unwrap().file_name().into_string().unwrap();
            let json = workplace.json(&format!("{run}/stage1/{name}"));
            (name, json)
        });
        Self {
            found: found.collect(),
            summary,
            report: report(&workplace.read(&format!("{run}/report.md"))),
            outputs,
            tables: TABLES
                .into_iter()
                .map(|(name, times)| (name, table(workplace, run, name, times)))
                .collect(),
        }
    }
}

/// Puts a word in the place of each number, and leaves lists as long as they are.
fn hide_numbers(value: &mut Value) {
    match value {
        Value::Number(_) => *value = "measured".into(),
        Value::Array(values) => values.iter_mut().for_each(hide_numbers),
        Value::Object(members) => members.values_mut().for_each(hide_numbers),
        _ => {}
    }
}

/// A column of a table in a report.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Column {
    Kept,
    /// A speed without a unit.
    Speed,
    /// What it says, or whether it is there, follows from the times.
    Hidden,
}

impl Column {
    fn of(title: &str, section: &str) -> Self {
        match title {
            // Stages that take too little of any total have no column.
            "Unattributed"
            | "Scene"
            | "ASR"
            | "AST"
            | "YOLO"
            | "Frames"
            | "Preprocess"
            | "Vision"
            | "Prefill"
            | "Decode"
            | "Load (not included)" => Self::Hidden,
            "Model" | "Knob" | "Value" | "Instead of" | "Pairs" => Self::Kept,
            _ if section == KNOBS => Self::Hidden,
            "Tokens/s" => Self::Speed,
            _ => Self::Kept,
        }
    }
}

/// Its figures are ratios of times.
const KNOBS: &str = "## What each knob does";

/// Beginnings of lines that follow from times and memory.
const FROM_TIMES: [&str; 6] = [
    // Which charts have something to show.
    "![",
    "The bottleneck is ",
    "Bounds, not measured",
    "Measured: ",
    "Too little of any total ",
    "In every row: Load (not included)",
];

/// The report's lines that are not empty: columns of tables without padding, numbers with a unit of time, speed or memory
/// hidden, without what is said about noise and what follows from the times.
fn report(text: &str) -> Vec<String> {
    let mut section = "";
    let kept = text.lines().filter_map(|line| {
        if line.starts_with("## ") {
            section = line;
        }
        let is_prose = !line.starts_with(['|', '#']);
        let from_times = FROM_TIMES.iter().any(|beginning| line.starts_with(beginning));
        let is_hidden =
            section == "## Noise" || line.is_empty() || from_times || (is_prose && section == KNOBS);
        (!is_hidden).then_some((section, line))
    });
    // Those of the table at hand; none outside of a table.
    let mut columns: Option<Vec<Column>> = None;
    let lines = kept.map(|(section, line)| {
        let line = line
            .split_once(" noise finding")
            .map_or(line, |(verdict, _)| verdict.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end());
        if line.starts_with("- **Run**") {
            return "- **Run**".to_owned();
        }
        if !line.starts_with('|') {
            columns = None;
            return without_measured(line);
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let columns =
            columns.get_or_insert_with(|| cells.iter().map(|title| Column::of(title, section)).collect());
        let kept = cells.iter().zip(columns).filter(|(_, column)| **column != Column::Hidden);
        let cells = kept.map(|(cell, column)| {
            if cell.starts_with("---") {
                "---".to_owned()
            } else if *column == Column::Speed && cell.parse::<f64>().is_ok() {
                "measured".to_owned()
            } else {
                without_measured(cell)
            }
        });
        cells.collect::<Vec<_>>().join(" | ")
    });
    lines.collect()
}

/// Hides numbers that a unit follows, and those behind `±`.
fn without_measured(text: &str) -> String {
    const UNITS: [&str; 8] = ["ms", "s", "x", "%", "B", "KiB", "MiB", "GiB"];
    let is_of_number = |c: char| c.is_ascii_digit() || c == '.';
    let (mut out, mut rest) = (String::new(), text);
    while let Some(start) = rest.find(|c: char| c.is_ascii_digit()) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|c| !is_of_number(c)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        let unit: String =
            after.trim_start_matches(' ').chars().take_while(|c| c.is_alphabetic() || *c == '%').collect();
        let is_word = before.ends_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        let is_measured = !is_word && (UNITS.contains(&unit.as_str()) || before.ends_with("± "));
        out.push_str(before);
        out.push_str(if is_measured { "#" } else { number });
        rest = after;
    }
    out + rest
}

/// The tables, and the beginnings of their columns of times and memory; `typical` follows from the times.
const TABLES: [(&str, &[&str]); 3] = [
    (
        "cells",
        &["rtf", "wall_s", "load_s", "stages_s", "activities_s", "ttft_s", "tokens_per_s", "peak_rss_bytes"],
    ),
    ("stages", &["start_ns", "duration_ns", "share_ns", "seconds", "typical"]),
    ("scenes", &["ttft_s"]),
];

/// The rows of a table as text, sorted. Warm-ups are left out: each process that goes on makes its own.
fn table(workplace: &Workplace, run: &str, name: &str, times: &[&str]) -> Vec<String> {
    let file = File::open(workplace.path(&format!("{run}/{name}.parquet"))).unwrap();
    let table: DataFrame = ParquetReader::new(file).finish().unwrap();
    let is_time = |column: &str| times.iter().any(|time| column.split('.').next() == Some(*time));
    let is_warmup = |row: &usize| {
        let pass = table.column("pass").ok().map(|pass| pass.get(*row).unwrap());
        pass.is_some_and(|pass| pass.get_str() == Some("warmup"))
    };
    let text = |row: usize| {
        let values = table.columns().iter().map(|column| {
            let value = column.get(row).unwrap();
            let is_hidden = is_time(column.name()) && !value.is_null();
            let shown = if is_hidden { "measured".to_owned() } else { value.to_string() };
            format!("{}={shown}", column.name())
        });
        values.collect::<Vec<_>>().join(" ")
    };
    let mut rows: Vec<String> = (0..table.height()).filter(|row| !is_warmup(row)).map(text).collect();
    rows.sort();
    rows
}

#[test]
fn a_row_a_sample_or_a_word_that_is_lost_shows() {
    let text = "| Video | Tokens/s | RTF |\n| --- | --: | --: |\n| a | 12 | 0.5x ± 0.1 |\n| b | 13 | – |\n3 of 4 took 5 ms";
    let told = [
        "Video | Tokens/s | RTF",
        "--- | --- | ---",
        "a | measured | #x ± #",
        "b | measured | –",
        "3 of 4 took # ms",
    ];
    assert_eq!(report(&text.replace("--:", "---:")), told);
    let covered = report(
        "| Video | AST |\n| --- | --- |\n| a | 2 ms |\n\nToo little of any total to have a column: what no stage covers (0.1 % at most).",
    );
    let uncovered = report("| Video | AST | Unattributed |\n| --- | --- | --- |\n| a | 2 ms | 1 ms |");
    assert_eq!(covered, uncovered);
    let mut samples = serde_json::json!({"samples": [1, 2.5], "none": null, "unit": "x"});
    hide_numbers(&mut samples);
    assert_eq!(samples, serde_json::json!({"samples": ["measured", "measured"], "none": null, "unit": "x"}));
}
