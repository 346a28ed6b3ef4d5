//! A run that is stopped at any moment goes on to the same end.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use common::{TestRun, caption, is_running, plan, runner, stage1};
use reelbench_exec::{ExecError, JournalError, RunEnd, RunEvent, RunPlan, Sink, StopFlag, execute};
use reelbench_protocol::{JournalEvent, Output, Pass, Repeats, Warmup};

/// What a run says but for times: its plan, its measured outputs, its endings, each once.
fn essence(run: &TestRun) -> BTreeSet<String> {
    let mut essence = BTreeSet::new();
    for event in run.events() {
        let line = match event {
            JournalEvent::Planned { .. } => format!("{event:?}"),
            JournalEvent::Repeat { result, .. } if result.pass == Pass::Measured => {
                let output = match result.output {
                    // The time to the first token is a time too.
                    Output::Caption { scenes } => {
                        format!("{:?}", scenes.iter().map(|scene| &scene.tokens).collect::<Vec<_>>())
                    }
                    Output::Stage1(output) => format!("{output:?}"),
                };
                format!("{} {} {output}", result.cell, result.repeat)
            }
            JournalEvent::CellEnded { cell, end, failure, .. } => format!("{cell} {end} {failure}"),
            _ => continue,
        };
        assert!(essence.insert(line.clone()), "twice: {line}");
    }
    essence
}

/// Stage 1 that works and one that does not, captions on both, one that crashes, two loads.
fn varied_plan() -> RunPlan {
    let (scenes, broken) = (stage1("film", None), stage1("broken", Some("exit")));
    let cells = vec![
        caption("film", "model", "ok", Some(&scenes)),
        caption("film", "crashing", "crash", Some(&scenes)),
        caption("broken", "model", "ok", Some(&broken)),
        scenes,
        broken,
    ];
    RunPlan { warmup: Warmup::Fixed(0), ..plan(cells) }
}

#[test]
fn a_kill_at_any_byte_of_the_journal_changes_nothing_in_the_end() {
    let plan = varied_plan();
    let whole = TestRun::new();
    whole.finish(&plan, &runner(&[]));
    let journal = fs::read(whole.directory.journal()).unwrap();
    let expected = essence(&whole);
    assert!(expected.len() > 5, "{expected:?}");

    let line_ends = journal.iter().enumerate().filter(|&(_, &byte)| byte == b'\n').map(|(at, _)| at + 1);
    let cuts: Vec<usize> = [0].into_iter().chain(line_ends).collect();
    let middles: Vec<usize> = cuts.windows(2).map(|pair| usize::midpoint(pair[0], pair[1])).collect();
    for cut in cuts.into_iter().chain(middles) {
        let resumed = TestRun::new();
        fs::write(resumed.directory.journal(), &journal[..cut]).unwrap();
        let before = resumed.events();
        resumed.finish(&plan, &runner(&[]));
        assert_eq!(essence(&resumed), expected, "cut after {cut} bytes");
        assert_eq!(resumed.events()[..before.len()], before, "what was written stays");
        let finishes =
            resumed.events().iter().filter(|event| matches!(event, JournalEvent::Finished)).count();
        assert_eq!(finishes, 1, "cut after {cut} bytes");
    }
}

#[test]
fn a_finished_run_has_nothing_left_to_do() {
    let run = TestRun::new();
    let plan = varied_plan();
    let counts = run.finish(&plan, &runner(&[]));
    let journal = fs::read(run.directory.journal()).unwrap();
    assert_eq!(run.finish(&plan, &runner(&[])), counts);
    assert_eq!(fs::read(run.directory.journal()).unwrap(), journal);
}

/// Asks for a stop when the given number of repeats has begun.
struct StopAtRepeat {
    stop: StopFlag,
    left: u32,
}

impl Sink for StopAtRepeat {
    fn event(&mut self, event: RunEvent<'_>) {
        if let RunEvent::RepeatStarted { .. } = event {
            self.left -= 1;
            if self.left == 0 {
                let stop = self.stop.clone();
                // From another thread and a little later, as a signal would: in the middle of the wait.
                thread::spawn(move || {
                    thread::sleep(Duration::from_millis(50));
                    stop.request();
                });
            }
        }
    }
}

#[test]
fn an_interruption_wakes_the_run_ends_the_runner_and_leaves_a_run_that_can_go_on() {
    let cells = vec![caption("film", "quick", "ok", None), caption("film", "hanging", "ok", None)];
    let hangs = r#"{"rules": [{"when": {"model": "hanging"}, "then": {"do": "hang-with-child"}}]}"#;
    let run = TestRun::new();
    let plan =
        RunPlan { warmup: Warmup::Fixed(0), order: reelbench_exec::Order::Sequential, ..plan(cells.clone()) };
    let stop = StopFlag::new();
    let mut sink = StopAtRepeat { stop: stop.clone(), left: 3 };
    let start = Instant::now();
    let end = execute(&plan, &run.directory, &runner(&["--script", hangs]), &mut sink, &stop).unwrap();
    assert_eq!(end, RunEnd::Interrupted);
    assert!(start.elapsed() < common::AMPLE / 2, "it did not wait for the timeout");
    assert!(matches!(run.events().last(), Some(JournalEvent::Interrupted)));
    assert_eq!(run.results(&cells[0], Pass::Measured).len(), 2);
    assert!(run.ending(&cells[1]).is_none(), "an interruption is not the cell's fault");
    let children = run.children();
    assert!(!children.is_empty() && !children.iter().any(|&child| is_running(child)), "{children:?}");

    let counts = run.finish(&plan, &runner(&[]));
    assert_eq!(counts.complete, 2);
    assert_eq!(run.results(&cells[0], Pass::Measured).len(), 2, "what was done is not done again");
    assert_eq!(run.results(&cells[1], Pass::Measured).len(), 2);
}

#[test]
fn a_run_that_was_told_to_stop_before_it_began_runs_nothing() {
    let run = TestRun::new();
    let stop = StopFlag::new();
    stop.request();
    let plan = plan(vec![caption("film", "model", "ok", None)]);
    let end = execute(&plan, &run.directory, &runner(&[]), &mut (), &stop).unwrap();
    assert_eq!(end, RunEnd::Interrupted);
    assert!(!run.events().iter().any(|event| matches!(event, JournalEvent::RunnerStarted { .. })));
}

#[test]
fn the_plan_of_the_journal_stands() {
    let run = TestRun::new();
    let cells = vec![caption("film", "one", "ok", None), caption("film", "two", "ok", None)];
    let stop = StopFlag::new();
    let mut sink = StopAtRepeat { stop: stop.clone(), left: 1 };
    let slow = runner(&["--script", r#"{"rules": [{"then": {"do": "hang"}}]}"#]);
    execute(&plan(cells.clone()), &run.directory, &slow, &mut sink, &stop).unwrap();
    let other = RunPlan { repeats: Repeats::Fixed(9), ..plan(cells[..1].to_vec()) };
    assert_eq!(run.finish(&other, &runner(&[])).complete, 2);
    assert_eq!(run.results(&cells[1], Pass::Measured).len(), 2);
    let plans = run.events().iter().filter(|event| matches!(event, JournalEvent::Planned { .. })).count();
    assert_eq!(plans, 1);
}

#[test]
fn two_processes_do_not_write_one_run() {
    let run = TestRun::new();
    let (_held, _) = reelbench_exec::Journal::open(&run.directory.journal()).unwrap();
    let plan = plan(vec![caption("film", "model", "ok", None)]);
    let error = execute(&plan, &run.directory, &runner(&[]), &mut (), &StopFlag::new()).unwrap_err();
    assert!(matches!(error, ExecError::Journal(JournalError::Locked { .. })), "{error}");
}
