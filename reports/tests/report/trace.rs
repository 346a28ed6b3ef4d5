//! `trace.json`: what Perfetto needs, and the journal's times.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reelbench_protocol::{Activity, Output, Pass, Span, Stage, Stage1Output};
use reelbench_reports::{Results, TRACE_FILE, Template, rebuild};
use serde_json::Value;

use crate::fixtures::*;
use crate::support::*;

/// A trace that Perfetto can open: every event has what its kind needs, every thread has a name, and the events of a
/// thread lie within each other or apart.
fn trace(dir: &Path) -> Value {
    rebuild(dir, &Template::Embedded).unwrap();
    let trace: Value = serde_json::from_str(&read(dir, TRACE_FILE)).unwrap();
    let mut named = BTreeSet::new();
    let mut threads: BTreeMap<(u64, u64), Vec<(u64, u64)>> = BTreeMap::new();
    for event in trace["traceEvents"].as_array().unwrap() {
        let place = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        assert!(!event["name"].as_str().unwrap().is_empty());
        assert!(event["ts"].as_f64().unwrap() >= 0.0);
        match event["ph"].as_str().unwrap() {
            "X" => {
                assert!(event["dur"].as_f64().unwrap() >= 0.0);
                let start = ns(&event["ts"]);
                threads.entry(place).or_default().push((start, start + ns(&event["dur"])));
            }
            "i" => assert_eq!(event["s"], "t"),
            "M" if event["name"] == "thread_name" => assert!(named.insert(place), "{place:?} has two names"),
            "M" => {}
            other => panic!("an event of kind {other}"),
        }
    }
    for (place, events) in threads {
        assert!(named.contains(&place), "{place:?} has no name");
        check_nesting(events);
    }
    trace
}

fn check_nesting(mut events: Vec<(u64, u64)>) {
    events.sort_by_key(|&(start, end)| (start, std::cmp::Reverse(end)));
    let mut open: Vec<u64> = Vec::new();
    for (start, end) in events {
        while open.last().is_some_and(|&ends| ends <= start) {
            open.pop();
        }
        assert!(
            open.last().is_none_or(|&ends| end <= ends),
            "{start} to {end} crosses the end of another event"
        );
        open.push(end);
    }
}

/// Perfetto's reading of microseconds.
fn ns(microseconds: &Value) -> u64 {
    (microseconds.as_f64().unwrap() * 1e3).round() as u64
}

fn complete<'a>(trace: &'a Value, category: &str) -> Vec<&'a Value> {
    let events = trace["traceEvents"].as_array().unwrap();
    events.iter().filter(|event| event["ph"] == "X" && event["cat"] == category).collect()
}

#[test]
fn runs_of_every_outcome_have_a_trace() {
    for run in [finished_run(), mixed_run(), RunDir::planned(vec![], vec![])] {
        trace(run.write());
    }
    let mixed = trace(mixed_run().write());
    let ends: Vec<_> =
        mixed["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "i").collect();
    let ends: Vec<_> = ends.iter().map(|event| event["name"].as_str().unwrap()).collect();
    assert_eq!(ends, ["oom", "timeout", "failed", "skipped"]);
}

#[test]
fn times_are_those_of_the_journal() {
    let run = finished_run();
    // An event every ten minutes, which is longer than any of them takes.
    let minutes = |place: usize| place as u64 * 600_000;
    let dir = run.write_journal(run.journal_at(minutes).as_bytes());
    let trace = trace(dir);
    let results = Results::load(dir).unwrap();
    let repeats = complete(&trace, "repeat");
    assert_eq!(repeats.len(), 12);
    // Started, planned, hello, and for each cell a load and four repeats.
    let journal_places: Vec<usize> = (3..18).filter(|place| (place - 3) % 5 != 0).collect();
    let expected = results.run.cells.iter().flat_map(|cell| &cell.repeats);
    for ((event, repeat), place) in repeats.iter().zip(expected).zip(journal_places) {
        assert_eq!(ns(&event["dur"]), repeat.wall_ns);
        assert_eq!(ns(&event["ts"]) + repeat.wall_ns, minutes(place) * MS);
        let name = if repeat.pass == Pass::Warmup {
            "warm-up 0".to_owned()
        } else {
            format!("repeat {}", repeat.repeat)
        };
        assert_eq!(event["name"], name);
    }
    let loads = complete(&trace, "load");
    assert_eq!(loads.len(), 3);
    assert_eq!((ns(&loads[0]["ts"]), ns(&loads[0]["dur"])), ((3 * 600_000 - 1500) * MS, 1500 * MS));
    // All spans of the last repeat, within it.
    let last = results.run.cells[2].repeats.last().unwrap();
    let spans = complete(&trace, "span");
    let from = ns(&repeats[11]["ts"]);
    for (event, span) in spans[spans.len() - last.spans.len()..].iter().zip(&last.spans) {
        assert_eq!((ns(&event["ts"]) - from, ns(&event["dur"])), (span.start_ns, span.duration_ns));
        assert_eq!(event["name"], span.stage.as_str());
        assert_eq!(event["args"]["scene"], span.scene.unwrap());
        assert_eq!(event["args"]["activity"], span.activity.as_str());
    }
    assert_eq!(trace["otherData"]["spans"], "all");
}

fn span(start_ms: u64, end_ms: u64, scene: u32) -> Span {
    let (start_ns, duration_ns) = (start_ms * MS, (end_ms - start_ms) * MS);
    Span { stage: Stage::Asr, scene: Some(scene), activity: Activity::Network, start_ns, duration_ns }
}

#[test]
fn spans_side_by_side_have_threads_of_their_own() {
    let cell = stage1_cell("sintel", 4);
    let mut run = RunDir::planned(vec![cell.clone()], vec![]);
    let spans = vec![span(0, 50, 0), span(10, 60, 1), span(20, 40, 2), span(55, 90, 3), span(60, 60, 4)];
    run.load(&cell, 10);
    run.repeat(result_of(&cell, 100, spans, Output::Stage1(Stage1Output::default())));
    let trace = trace(run.write());
    let threads: Vec<(u64, u64)> = complete(&trace, "span")
        .iter()
        .map(|event| (event["args"]["scene"].as_u64().unwrap(), event["tid"].as_u64().unwrap()))
        .collect();
    let of_cell = complete(&trace, "repeat")[0]["tid"].as_u64().unwrap();
    // Scene 1 crosses scene 0; scene 2 lies within scene 0; scene 3 begins after scene 0, and crosses only scene 1.
    let beside = of_cell + 1;
    assert_eq!(threads, [(0, of_cell), (1, beside), (2, of_cell), (3, of_cell), (4, of_cell)]);
}

#[test]
fn of_very_many_spans_those_of_typical_repeats_remain() {
    let cell = stage1_cell("sintel", 1);
    let mut run = RunDir::planned(vec![cell.clone()], vec![]);
    let spans: Vec<Span> =
        (0..40_000).map(|n| Span { duration_ns: 1000, start_ns: n * 1000, ..span(0, 0, 0) }).collect();
    run.measure(&cell, [100, 120, 110], |wall_ms| {
        result_of(&cell, wall_ms, spans.clone(), Output::Stage1(Stage1Output::default()))
    });
    let trace = trace(run.write());
    assert_eq!(complete(&trace, "repeat").len(), 4);
    assert_eq!(complete(&trace, "span").len(), 40_000);
    let typical = complete(&trace, "repeat")[3];
    assert_eq!(typical["name"], "repeat 2", "110 ms is in the middle");
    assert_eq!(complete(&trace, "span")[0]["ts"], typical["ts"]);
    let said = trace["otherData"]["spans"].as_str().unwrap();
    assert!(
        said.starts_with("40000 of the repeats in the middle by wall time; 120000 others are left out"),
        "{said}"
    );
}
