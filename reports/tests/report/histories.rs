//! A cell's real-time factor over many runs.

use reelbench_protocol::{CellEnd, Failure, FailureKind, Work};
use reelbench_reports::{Change, History, PastRun, Point, PointChange};

use crate::fixtures::*;
use crate::support::*;

/// A run of a captioning cell whose repeats take about so long, with and without its cache where that is told.
fn run_at(day: u32, cpu: &str, wall_ms: u64, uncached_ms: Option<u64>) -> RunDir {
    let stage1 = stage1_cell("sintel", 1);
    let cells =
        [cached(), uncached()].map(|settings| caption_cell("sintel", "llava-tiny", settings, &stage1));
    let planned = if uncached_ms.is_some() { &cells[..] } else { &cells[..1] };
    let mut run = RunDir::planned([std::slice::from_ref(&stage1), planned].concat(), vec![]);
    run.measure(&stage1, [1000, 1010, 990], |wall_ms| stage1_result(&stage1, wall_ms));
    for (cell, wall_ms) in planned.iter().zip([Some(wall_ms), uncached_ms].into_iter().flatten()) {
        let walls = [wall_ms, wall_ms + wall_ms / 100, wall_ms - wall_ms / 100];
        run.measure(cell, walls, |wall_ms| caption_result(cell, wall_ms));
    }
    run.finish();
    run.manifest.started = format!("2026-01-{day:02}T03:04:05Z");
    run.manifest.run_id = format!("run-{day}");
    run.manifest.environment.cpu = cpu.into();
    run
}

fn broken_run(day: u32) -> RunDir {
    let mut run = run_at(day, "A", 1000, None);
    let stage1 = stage1_cell("sintel", 1);
    let cell = caption_cell("sintel", "llava-tiny", cached(), &stage1);
    run.events.pop();
    run.end(&cell, CellEnd::Failed, Failure::new(FailureKind::Internal, "no"), &[]);
    run.finish();
    run
}

fn history(runs: &[RunDir]) -> History {
    History::new(runs.iter().map(|run| PastRun::load(run.write()).unwrap()).collect(), |_| true)
}

fn points<'a>(history: &'a History, name: &str) -> &'a [Point] {
    let cell = history.cells.iter().find(|cell| cell.name == name);
    &cell.unwrap_or_else(|| panic!("no {name} in {:#?}", history.cells)).points
}

fn change(point: &Point) -> Option<(usize, Change)> {
    match point.change.as_ref()? {
        PointChange::Compared { since, change, .. } => Some((*since, *change)),
        PointChange::NotComparable { .. } => None,
    }
}

#[test]
fn each_run_is_compared_with_the_last_in_which_the_cell_was_ok() {
    let history = history(&[
        run_at(4, "A", 12_100, Some(30_000)),
        run_at(1, "A", 10_000, Some(30_000)),
        run_at(2, "A", 12_000, None),
        broken_run(3),
    ]);
    let ids: Vec<&str> = history.runs.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(ids, ["run-1", "run-2", "run-3", "run-4"], "the oldest first");
    let cached = points(&history, "sintel llava-tiny, use_cache true");
    let changes: Vec<_> = cached.iter().map(change).collect();
    assert_eq!(changes, [None, Some((0, Change::Worse)), None, Some((1, Change::NotShown))]);
    assert_eq!(cached[2].outcome.as_str(), "failed");
    let uncached = points(&history, "sintel llava-tiny, use_cache false");
    let runs: Vec<usize> = uncached.iter().map(|point| point.run).collect();
    assert_eq!(runs, [0, 3], "where it was planned");
    assert_eq!(change(&uncached[1]), Some((0, Change::NotShown)));
}

#[test]
fn faster_is_told_too() {
    let history = history(&[run_at(1, "A", 12_000, None), run_at(2, "A", 10_000, None)]);
    let point = &points(&history, "sintel llava-tiny")[1];
    let Some(PointChange::Compared { ratio, interval: Some(interval), change, .. }) = &point.change else {
        panic!("{point:?}")
    };
    assert_eq!(*change, Change::Better);
    assert!((ratio - 10.0 / 12.0).abs() < 1e-6 && interval.lo < *ratio && interval.hi < 1.0, "{ratio}");
}

#[test]
fn a_change_of_machine_is_no_regression() {
    let history =
        history(&[run_at(1, "A", 10_000, None), run_at(2, "B", 20_000, None), run_at(3, "B", 20_100, None)]);
    let points = points(&history, "sintel llava-tiny");
    let Some(PointChange::NotComparable { since: 0, differences }) = &points[1].change else {
        panic!("{:?}", points[1])
    };
    assert_eq!(differences[0].to_string(), "cpu: A in base, B in head");
    assert_eq!(change(&points[2]), Some((1, Change::NotShown)));
}

#[test]
fn only_cells_that_are_wanted_are_shown() {
    let run = run_at(1, "A", 10_000, Some(20_000));
    let runs = vec![PastRun::load(run.write()).unwrap()];
    let history = History::new(runs, |cell| matches!(cell.spec.work, Work::Stage1(_)));
    assert_eq!(history.cells.len(), 1);
    assert_eq!(history.cells[0].name, "sintel stage 1");
}

#[test]
fn a_history_on_a_terminal() {
    let mut newest = run_at(5, "B", 15_000, Some(40_000));
    newest.manifest.git = None;
    let history =
        history(&[run_at(1, "A", 10_000, Some(30_000)), run_at(2, "A", 12_000, None), broken_run(3), newest]);
    insta::assert_snapshot!("history_text", history.terminal_text());
}
