//! How often a cell is warmed up and measured where its times decide, and how long a run may take.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;
use std::time::{Duration, Instant};

use common::{AMPLE, TestRun, caption, is_running, plan, runner};
use reelbench_exec::{Enough, RunEnd, RunEvent, RunPlan, RunnerCommand, Sink, StopFlag, execute};
use reelbench_protocol::{AdaptiveRepeats, JournalEvent, Pass, PlannedCell, Repeats, Warmup};

/// Half as much again, and more than a busy machine adds to a sleep of these tests.
const ROUGHLY: f64 = 0.5;

/// A runner whose repeats of this pass take so many milliseconds, the last of them from then on.
fn taking(pass: Pass, ms: &[u64]) -> RunnerCommand {
    let last = ms.len() - 1;
    let rule = |(repeat, ms): (usize, &u64)| {
        let when = if repeat == last { String::new() } else { format!(r#", "repeat": {repeat}"#) };
        format!(r#"{{"when": {{"pass": "{pass}"{when}}}, "then": {{"do": "slow", "ms": {ms}}}}}"#)
    };
    let rules: Vec<String> = ms.iter().enumerate().map(rule).collect();
    runner(&["--script", &format!(r#"{{"rules": [{}]}}"#, rules.join(", "))])
}

fn auto(at_least: u32, at_most: u32) -> AdaptiveRepeats {
    AdaptiveRepeats { at_least, at_most, precision: ROUGHLY, budget_s: 60.0 }
}

fn adaptive(cell: &PlannedCell, repeats: AdaptiveRepeats) -> RunPlan {
    RunPlan { repeats: Repeats::Adaptive(repeats), warmup: Warmup::Fixed(0), ..plan(vec![cell.clone()]) }
}

fn samples(run: &TestRun, cell: &PlannedCell) -> usize {
    run.results(cell, Pass::Measured).len()
}

/// Notes which cells were measured often enough, and why.
#[derive(Default)]
struct Measured(Vec<(u32, Enough)>);

impl Sink for Measured {
    fn event(&mut self, event: RunEvent<'_>) {
        if let RunEvent::CellMeasured { repeats, enough, .. } = event {
            self.0.push((repeats, enough));
        }
    }
}

fn measured(plan: &RunPlan, runner: &RunnerCommand) -> Vec<(u32, Enough)> {
    let mut sink = Measured::default();
    execute(plan, &TestRun::new().directory, runner, &mut sink, &StopFlag::new()).unwrap();
    sink.0
}

#[test]
fn a_warm_up_ends_when_it_is_warm() {
    let cell = caption("film", "model", "ok", None);
    let warmup = Warmup::UntilWarm { at_most: 6, within: ROUGHLY };
    for (ms, needed) in [(&[100][..], 2), (&[900, 300, 100][..], 4)] {
        let run = TestRun::new();
        run.finish(&RunPlan { warmup, ..plan(vec![cell.clone()]) }, &taking(Pass::Warmup, ms));
        assert_eq!(run.results(&cell, Pass::Warmup).len(), needed, "{ms:?}");
        assert_eq!(samples(&run, &cell), 2);
    }
}

#[test]
fn a_warm_up_that_never_settles_ends_at_its_cap() {
    let cell = caption("film", "model", "ok", None);
    let run = TestRun::new();
    let warmup = Warmup::UntilWarm { at_most: 3, within: ROUGHLY };
    let runner = taking(Pass::Warmup, &[50, 200, 50, 200]);
    run.finish(&RunPlan { warmup, ..plan(vec![cell.clone()]) }, &runner);
    assert_eq!(run.results(&cell, Pass::Warmup).len(), 3);
    assert_eq!(samples(&run, &cell), 2);
}

#[test]
fn a_steady_cell_is_measured_no_more_often_than_the_least() {
    let cell = caption("film", "model", "ok", None);
    let runner = taking(Pass::Measured, &[100]);
    assert_eq!(measured(&adaptive(&cell, auto(3, 9)), &runner), [(3, Enough::Steady)]);
}

#[test]
fn a_restless_cell_is_measured_until_the_most() {
    let cell = caption("film", "model", "ok", None);
    let runner = taking(Pass::Measured, &[50, 250, 50, 250, 50, 250]);
    assert_eq!(measured(&adaptive(&cell, auto(3, 6)), &runner), [(6, Enough::MostTaken)]);
}

#[test]
fn no_repeat_begins_after_the_budget_but_the_least_number_is_taken() {
    let cell = caption("film", "model", "ok", None);
    let runner = taking(Pass::Measured, &[100, 400, 100]);
    let within = |budget_s, at_least| {
        measured(&adaptive(&cell, AdaptiveRepeats { budget_s, ..auto(at_least, 30) }), &runner)
    };
    assert_eq!(within(0.45, 2), [(2, Enough::BudgetSpent)]);
    assert_eq!(within(0.05, 3), [(3, Enough::BudgetSpent)]);
}

#[test]
fn settled_cells_leave_the_rounds_and_the_others_go_on() {
    let (steady, restless) = (caption("film", "steady", "ok", None), caption("film", "restless", "ok", None));
    let script = r#"{"rules": [{"when": {"model": "restless", "repeat": 1}, "then": {"do": "slow", "ms": 300}},
        {"when": {"model": "restless", "repeat": 3}, "then": {"do": "slow", "ms": 300}},
        {"then": {"do": "slow", "ms": 60}}]}"#;
    let run = TestRun::new();
    let plan = RunPlan {
        repeats: Repeats::Adaptive(auto(3, 5)),
        warmup: Warmup::Fixed(0),
        ..plan(vec![steady.clone(), restless.clone()])
    };
    run.finish(&plan, &runner(&["--script", script]));
    assert_eq!((samples(&run, &steady), samples(&run, &restless)), (3, 5));
}

#[test]
fn a_run_that_goes_on_takes_as_many_repeats_as_one_that_never_stopped() {
    let cell = caption("film", "model", "ok", None);
    let (plan, runner) = (adaptive(&cell, auto(3, 20)), taking(Pass::Measured, &[60, 240, 60]));
    let whole = TestRun::new();
    whole.finish(&plan, &runner);
    let needed = samples(&whole, &cell);
    assert!((4..20).contains(&needed), "one outlier takes more than the least, and far less than the most");
    let journal = fs::read_to_string(whole.directory.journal()).unwrap();
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    for cut in 0..lines.len() {
        let resumed = TestRun::new();
        fs::write(resumed.directory.journal(), lines[..cut].concat()).unwrap();
        resumed.finish(&plan, &runner);
        assert_eq!(samples(&resumed, &cell), needed, "cut after {cut} lines");
    }
}

#[test]
fn a_run_whose_time_is_up_ends_the_repeat_in_flight_and_can_go_on() {
    let cells = vec![caption("film", "quick", "ok", None), caption("film", "hanging", "ok", None)];
    let hangs = r#"{"rules": [{"when": {"model": "hanging", "pass": "measured"}, "then": {"do": "hang-with-child"}}]}"#;
    let run = TestRun::new();
    let plan = RunPlan { run_timeout: Some(Duration::from_secs(2)), ..plan(cells.clone()) };
    let start = Instant::now();
    assert_eq!(run.execute(&plan, &runner(&["--script", hangs])), RunEnd::OutOfTime);
    assert!(start.elapsed() < AMPLE / 2, "it did not wait for the repeat's own timeout");
    assert!(matches!(run.events().last(), Some(JournalEvent::OutOfTime { run_timeout_s: 2.0 })));
    assert!(run.ending(&cells[1]).is_none(), "the end of the run's time is not the cell's fault");
    let children = run.children();
    assert!(!children.is_empty() && !children.iter().any(|&child| is_running(child)), "{children:?}");

    let done = samples(&run, &cells[0]);
    let plan = RunPlan { run_timeout: Some(AMPLE), ..plan };
    assert_eq!(run.finish(&plan, &runner(&[])).complete, 2);
    assert_eq!((samples(&run, &cells[0]), samples(&run, &cells[1])), (2, 2));
    assert!(done <= 2, "what was done is not done again");
}

#[test]
fn a_run_without_any_time_starts_no_runner() {
    let run = TestRun::new();
    let plan =
        RunPlan { run_timeout: Some(Duration::ZERO), ..plan(vec![caption("film", "model", "ok", None)]) };
    assert_eq!(run.execute(&plan, &runner(&[])), RunEnd::OutOfTime);
    assert!(!run.events().iter().any(|event| matches!(event, JournalEvent::RunnerStarted { .. })));
}
