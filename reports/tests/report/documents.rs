//! What the documents say of tables and of the data of templates is what there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use polars::prelude::*;
use reelbench_protocol::{CaptionSettings, Change, Conditions, Output, RepeatResult, Work};
use reelbench_reports::{Results, Template, render};
use serde_json::Value;

use crate::fixtures::*;
use crate::stage1_fixtures::*;
use crate::support::*;
use crate::trade_offs::{adaptive_run, run_of_short_captions};

fn document(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// First and second column of the tables below a heading, or before the first one; without the code marks of the first.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<(&'a str, &'a str)> {
    let below = text.split_once(&format!("{heading}\n")).unwrap_or_else(|| panic!("no {heading}")).1;
    let section = below.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.filter_map(|row| {
        let (name, rest) = row.split_once("` | ")?;
        Some((name, rest.split([' ', '|']).next()?))
    })
    .collect()
}

/// Whether a documented name is that of a column: `*` stands for any part of it.
fn names(documented: &str, column: &str) -> bool {
    let (documented, column) = (documented.split('.'), column.split('.'));
    documented.clone().count() == column.clone().count()
        && documented.zip(column).all(|(documented, part)| documented == "*" || documented == part)
}

/// Runs in which every column and every field occurs.
fn runs() -> Vec<Results> {
    let remote_cell = remote_cell("sintel");
    let mut changed = finished_run();
    changed.manifest.environment.gpus.push("GPU".into());
    changed.manifest.changes.push(Change {
        at: "2026-01-02T04:04:05Z".into(),
        what: "matrix".into(),
        before: Some("a".into()),
        now: Some("b".into()),
    });
    let stage1 = stage1_cell("sintel", 1);
    let cell = caption_cell("sintel", "disturbed", CaptionSettings::default(), &stage1);
    let mut disturbed = RunDir::planned(vec![stage1.clone(), cell.clone()], vec![]);
    disturbed.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    disturbed.load(&cell, 1000);
    for repeat in 0..3 {
        let result = RepeatResult { repeat, peak_vram_bytes: Some(1), ..caption_result(&cell, 12_000) };
        let swapping = Conditions { swapped_pages: Some(5000), ..Conditions::default() };
        disturbed.repeat_amid(result, swapping);
    }
    disturbed.finish();
    let remote = run_of(&[&remote_cell], |cell, _| remote(cell));
    let [short, adaptive] = [run_of_short_captions(1, 5_000), adaptive_run()];
    let runs = [changed, disturbed, mixed_run(), remote, run_of_three_films(), short, adaptive];
    runs.iter().map(|run| Results::load(run.write()).unwrap()).collect()
}

/// A pair of cells for each of three films, in one of which more beams say more.
fn run_of_three_films() -> RunDir {
    let of_film = |video| {
        let stage1 = stage1_cell(video, 1);
        let beams = [1, 4].map(|num_beams| CaptionSettings { num_beams, ..cached() });
        let [few, many] = beams.map(|settings| caption_cell(video, "paired", settings, &stage1));
        [stage1, few, many]
    };
    let mut cells = ["a", "b", "c"].map(of_film).concat();
    for cell in &mut cells {
        cell.spec.video.title = Some("A Film".into());
    }
    run_of(&cells.iter().collect::<Vec<_>>(), |cell, repeat| {
        let wall_ms = 9000 + u64::from(repeat);
        if matches!(cell.spec.work, Work::Stage1(_)) {
            return stage1_result(cell, wall_ms);
        }
        let mut result = caption_result(cell, wall_ms);
        if let (true, Output::Caption { scenes }) = (*cell == cells[5], &mut result.output) {
            scenes[0].tokens.push(7);
        }
        result
    })
}

#[test]
fn the_columns_of_every_table_are_documented_with_their_types() {
    let text = document("TABLES.md");
    let runs = runs();
    let tables = |of: fn(&Results) -> &DataFrame| runs.iter().map(of).collect::<Vec<_>>();
    for (name, tables) in [
        ("cells", tables(|run| &run.tables.cells)),
        ("stages", tables(|run| &run.tables.stages)),
        ("scenes", tables(|run| &run.tables.scenes)),
        ("conditions", tables(|run| &run.tables.conditions)),
    ] {
        let documented = [rows(&text, "## Every table"), rows(&text, &format!("## {name}.parquet"))].concat();
        let mut unseen: BTreeSet<&str> = documented.iter().map(|(name, _)| *name).collect();
        for (results, table) in runs.iter().zip(tables) {
            let is_setting =
                |column: &str| results.summary.cells.iter().any(|cell| cell.requested.contains_key(column));
            let mut last = 0;
            for column in table.columns().iter().filter(|column| !is_setting(column.name())) {
                let place = documented.iter().position(|(name, _)| names(name, column.name()));
                let place = place.unwrap_or_else(|| panic!("{name}: {} is not documented", column.name()));
                assert!(place >= last, "{name}: {} stands elsewhere", column.name());
                last = place;
                let (documented, dtype) = documented[place];
                assert_eq!(format!("{:?}", column.dtype()), dtype, "{name}: {documented}");
                unseen.remove(documented);
            }
        }
        assert_eq!(unseen, BTreeSet::new(), "{name} has no such columns");
    }
}

/// Every path of a value with the type of what stands there; none where that is null or empty.
fn paths(value: &Value, path: &str, maps: &[&str], found: &mut BTreeMap<String, BTreeSet<&'static str>>) {
    let leaf = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let name = if maps.contains(&path) { "*" } else { name };
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                paths(value, &path, maps, found);
            }
            None
        }
        Value::Array(entries) => {
            for entry in entries {
                paths(entry, &format!("{path}[]"), maps, found);
            }
            None
        }
        Value::Null => None,
        Value::Bool(_) => Some("boolean"),
        Value::Number(number) => Some(if number.is_f64() { "number" } else { "integer" }),
        Value::String(_) => Some("text"),
    };
    if let Some(leaf) = leaf {
        found.entry(path.to_owned()).or_default().insert(leaf);
    }
}

/// The path as the document has it: sections are `SECTION`, what a table consists of is `TABLE`.
fn documented_path(path: &str, sections: &[&str]) -> Vec<String> {
    let of_section = path.split_once('.').filter(|(name, _)| sections.contains(name));
    let path = of_section.map_or_else(|| path.to_owned(), |(_, rest)| format!("SECTION.{rest}"));
    for table in ["SECTION.table", "provenance.files"] {
        if let Some(rest) = path.strip_prefix(&format!("{table}.")) {
            return vec![table.to_owned(), format!("TABLE.{rest}")];
        }
    }
    vec![path]
}

#[test]
fn the_data_of_a_template_is_documented_name_by_name() {
    let text = document("../templates/README.md");
    let documented: BTreeMap<&str, &str> = rows(&text, "## Data").into_iter().collect();
    let runs = runs();
    let sections = runs[0].report.sections().map(|named| named.name);
    let maps: Vec<&str> = documented
        .keys()
        .flat_map(|path| path.match_indices(".*").map(|(place, _)| &path[..place]))
        .collect();
    let mut found = BTreeMap::new();
    for run in &runs {
        paths(&serde_json::to_value(&run.report).unwrap(), "", &maps, &mut found);
    }
    let mut unseen: BTreeSet<&str> = documented.keys().copied().collect();
    // The heading of a section stands where its type would, and `tables` is made for templates alone.
    unseen.retain(|path| !sections.contains(path) && *path != "tables.*");
    for (path, types) in &found {
        for path in documented_path(path, &sections) {
            let expected = documented.get(path.as_str());
            let expected =
                expected.unwrap_or_else(|| panic!("{path} is not documented in templates/README.md"));
            let is_leaf = !["table", "any"].contains(expected);
            assert!(!is_leaf || *types == BTreeSet::from([*expected]), "{path} is {types:?}");
            unseen.remove(path.as_str());
        }
    }
    assert_eq!(unseen, BTreeSet::new(), "a report has no such names");
}

#[test]
fn the_sections_are_documented_in_their_order() {
    let text = document("../templates/README.md");
    let list = text.split_once("and the sections, in their order, are").unwrap().1;
    let listed: Vec<(&str, &str)> = list
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.strip_suffix(" |")?.split_once("` | "))
        .collect();
    let report = &runs()[0].report;
    assert_eq!(listed, report.sections().map(|named| (named.name, named.title)));
}

#[test]
fn the_example_of_a_template_works() {
    let text = document("../templates/README.md");
    let example = text.split_once("```jinja\n").unwrap().1.split_once("```\n").unwrap().0;
    let run = mixed_run();
    let path = run.write().join("summary.md.j2");
    fs::write(&path, example).unwrap();
    let report = Results::load(run.write()).unwrap().report;
    insta::assert_snapshot!(
        "example_template",
        render(&report, &Template::File { path, output: None }).unwrap()
    );
}
