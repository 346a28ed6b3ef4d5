//! What disturbed a run is told, and what did not is not.

use std::fs;
use std::path::Path;

use polars::prelude::*;
use reelbench_protocol::{CaptionSettings, Conditions, Frequency, Pass, PlannedCell, RepeatResult, Stalls};
use reelbench_reports::{Template, rebuild};
use serde_json::{Value, json};

use crate::fixtures::*;
use crate::support::*;

/// As long as the repeat, on two processors, with nothing else going on.
fn quiet(result: &RepeatResult) -> Conditions {
    let elapsed_s = result.wall_ns as f64 / 1e9;
    let frequency = Frequency { min_mhz: 2990.0, mean_mhz: 2995.0, max_mhz: 3000.0 };
    Conditions {
        elapsed_s: Some(elapsed_s),
        processors: Some(2),
        runner_cpu_s: Some(elapsed_s * 1.9),
        others_cpu_s: Some(elapsed_s * 0.01),
        stolen_cpu_s: Some(0.0),
        runner_major_faults: Some(0),
        frequency_before: Some(frequency),
        frequency_after: Some(frequency),
        thermal_throttles: Some(0),
        cgroup_throttles: Some(0),
        cgroup_throttled_s: Some(0.0),
        stalled: Some(Stalls { cpu_s: elapsed_s * 0.2, memory_s: 0.0, io_s: 0.0 }),
        swapped_pages: Some(0),
        clock_step_ns: Some(40),
        ..Conditions::default()
    }
}

/// Two captioning cells of six steady repeats, disturbed as told.
fn observed_run(disturb: impl Fn(&PlannedCell, &RepeatResult, &mut Conditions)) -> RunDir {
    let stage1 = stage1_cell("sintel", 1);
    let cells = [
        caption_cell("sintel", "llava-tiny", cached(), &stage1),
        caption_cell("sintel", "llava-tiny", uncached(), &stage1),
    ];
    let mut run = RunDir::planned([std::slice::from_ref(&stage1), &cells].concat(), vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    for cell in &cells {
        run.load(cell, 1500);
        let mut take = |pass, repeat, wall_ms| {
            let result = RepeatResult { repeat, pass, ..caption_result(cell, wall_ms) };
            let mut conditions = quiet(&result);
            disturb(cell, &result, &mut conditions);
            run.repeat_amid(result, conditions);
        };
        take(Pass::Warmup, 0, 20_000);
        for (repeat, wall_ms) in [12_010, 12_000, 12_030, 11_990, 12_020, 12_005].into_iter().enumerate() {
            take(Pass::Measured, repeat as u32, wall_ms);
        }
    }
    run.finish();
    run
}

fn noise_section(dir: &Path) -> String {
    let report = fs::read_to_string(dir.join("report.md")).unwrap();
    let verdict = report.lines().find(|line| line.starts_with("**")).unwrap();
    let section = report.split("\n## ").find(|section| section.starts_with("Noise\n")).unwrap();
    format!("{verdict}\n\n## {section}")
}

#[test]
fn what_disturbed_a_run_is_told_with_what_to_do() {
    let mut run = observed_run(|cell, result, seen| {
        let is_cached = cell.spec.requested()["use_cache"] == json!(true);
        match (result.pass, result.repeat) {
            // Nobody reports of warm-ups.
            (Pass::Warmup, _) => seen.swapped_pages = Some(1_000_000),
            (Pass::Measured, 1 | 3) if is_cached => seen.others_cpu_s = Some(f64::from(result.repeat) * 4.0),
            (Pass::Measured, 2) => seen.cgroup_throttled_s = Some(1.2),
            (Pass::Measured, 5) if !is_cached => {
                seen.frequency_after = Some(Frequency { min_mhz: 1500.0, mean_mhz: 1500.0, max_mhz: 1500.0 });
            }
            _ => {}
        }
    });
    run.manifest.environment.governor = Some("powersave".into());
    rebuild(run.write(), &Template::Embedded).unwrap();
    insta::assert_snapshot!("noise_section", noise_section(run.write()));
    let summary: Value = serde_json::from_str(&read(run.write(), "summary.json")).unwrap();
    insta::assert_snapshot!("noise_of_a_cell", format!("{:#}", summary["cells"][1]["noise"]));
    assert_eq!(summary["noise"][0]["kind"], "governor");
    assert_eq!(summary["cells"][1]["rtf"]["samples"].as_array().unwrap().len(), 6, "nothing is dropped");
}

#[test]
fn a_quiet_run_says_so_in_a_sentence() {
    let run = observed_run(|_, _, _| {});
    rebuild(run.write(), &Template::Embedded).unwrap();
    let section = noise_section(run.write());
    let (sentence, chart) = section.trim().rsplit_once("\n\n").unwrap();
    assert_eq!(
        sentence,
        "**✅ All cells ok: 3 of 3.**\n\n## Noise\n\nNothing was seen that may have disturbed the measurement."
    );
    assert!(chart.ends_with("](charts/drift.svg)"), "{chart}");
    let summary: Value = serde_json::from_str(&read(run.write(), "summary.json")).unwrap();
    assert_eq!((&summary["noise"], &summary["cells"][1]["noise"]), (&json!([]), &json!([])));
}

#[test]
fn what_the_samples_themselves_say_is_told_of_their_cell() {
    let stage1 = stage1_cell("sintel", 1);
    let cell = caption_cell("sintel", "llava-tiny", cached(), &stage1);
    let mut run = RunDir::planned(vec![stage1.clone(), cell.clone()], vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    run.load(&cell, 1500);
    let steady = [12_010, 12_000, 12_030, 11_990, 12_020, 12_005, 11_995, 12_015, 12_025, 12_008];
    for (repeat, wall_ms) in (0..).zip(steady.into_iter().chain([16_000, 12_011])) {
        let result = RepeatResult { repeat, ..caption_result(&cell, wall_ms) };
        let conditions = Conditions { clock_step_ns: Some(5_000_000), ..quiet(&result) };
        run.repeat_amid(result, conditions);
    }
    run.finish();
    rebuild(run.write(), &Template::Embedded).unwrap();
    let summary: Value = serde_json::from_str(&read(run.write(), "summary.json")).unwrap();
    let noise = summary["cells"][1]["noise"].as_array().unwrap();
    let told: Vec<_> = noise.iter().map(|found| (&found["kind"], &found["repeats"])).collect();
    assert_eq!(told, [(&json!("outliers"), &json!([10])), (&json!("coarse_clock"), &json!([]))]);
}

#[test]
fn conditions_are_kept_for_every_repeat() {
    let run = observed_run(|_, result, seen| seen.swapped_pages = Some(u64::from(result.repeat)));
    rebuild(run.write(), &Template::Embedded).unwrap();
    let file = fs::File::open(run.write().join("conditions.parquet")).unwrap();
    let table = ParquetReader::new(file).finish().unwrap();
    assert_eq!(table.height(), 4 + 2 * 7, "stage 1, and two cells with a warm-up and six samples each");
    let column = |name: &str| table.column(name).unwrap().clone();
    let swapped: Vec<_> = column("swapped_pages").u64().unwrap().iter().flatten().collect();
    assert_eq!(swapped, [0, 0, 1, 2, 3, 4, 5, 0, 0, 1, 2, 3, 4, 5]);
    assert_eq!(
        column("turn").u64().unwrap().iter().flatten().collect::<Vec<_>>(),
        (0..18).collect::<Vec<u64>>()
    );
    assert_eq!(column("frequency_after.max_mhz").f64().unwrap().get(7), Some(3000.0));
    assert_eq!(column("gpus").null_count(), 18);
}

/// Orders of four cells in which each has each place once. Taken forwards and then backwards, no cell's place goes with time.
const ORDERS: [[u64; 4]; 4] = [[0, 1, 2, 3], [1, 3, 0, 2], [2, 0, 3, 1], [3, 2, 1, 0]];

/// Four captioning cells in eight rounds; `wall_ms` takes cell, repeat and place in the round.
fn rounds(wall_ms: impl Fn(u64, u64, u64) -> u64) -> Value {
    let stage1 = stage1_cell("sintel", 1);
    let cell = |tokens: u64| {
        let settings = CaptionSettings { max_new_tokens: 100 + tokens as u32, ..cached() };
        caption_cell("sintel", "llava-tiny", settings, &stage1)
    };
    let cells: Vec<_> = (0..4).map(cell).collect();
    let mut run = RunDir::planned([std::slice::from_ref(&stage1), &cells].concat(), vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    for (repeat, order) in (0..).zip(ORDERS.iter().chain(ORDERS.iter().rev())) {
        for (place, &number) in (0..).zip(order) {
            let cell = &cells[number as usize];
            let result = caption_result(cell, wall_ms(number, repeat, place));
            run.repeat(RepeatResult { repeat: repeat as u32, ..result });
        }
    }
    run.finish();
    rebuild(run.write(), &Template::Embedded).unwrap();
    let summary: Value = serde_json::from_str(&read(run.write(), "summary.json")).unwrap();
    summary["noise"].clone()
}

/// Up to 7 ms more or less, in no order.
fn scatter(cell: u64, repeat: u64) -> u64 {
    (cell * 31 + repeat * 37 + cell * repeat * 11) % 15
}

#[test]
fn times_that_only_scatter_have_no_course() {
    assert_eq!(rounds(|cell, repeat, _| 10_000 * (cell + 1) + scatter(cell, repeat)), json!([]));
}

#[test]
fn the_course_of_times_is_told() {
    type Course = fn(u64, u64, u64) -> u64;
    let cases: [(&str, f64, Course); 3] = [
        ("drift", 0.07, |_, repeat, _| repeat * 100),
        ("order_effect", 0.06, |_, _, place| place * 200),
        ("slow_first_repeat", 0.3, |_, repeat, _| if repeat == 0 { 3000 } else { 0 }),
    ];
    for (kind, size, course) in cases {
        let found = rounds(|cell, repeat, place| {
            10_000 + 10_000 * cell + scatter(cell, repeat) + course(cell, repeat, place) * (cell + 1)
        });
        assert_eq!(found.as_array().unwrap().len(), 1, "{kind}: {found:#}");
        assert_eq!(found[0]["kind"], kind);
        let told = found[0]["size"].as_f64().unwrap();
        assert!((told - size).abs() < 0.25 * size, "{kind}: {told} is not {size}");
    }
}
