//! A runner that wants too much memory, loses its pipes or is killed costs one cell, and the cell says why and where.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::fs;

use common::{TestRun, caption, plan, runner, stage1};
use reelbench_exec::{MemoryLimit, RunPlan, RunnerLog, RunnerProcess, StopFlag};
use reelbench_protocol::{CellEnd, Failure, JournalEvent, Pass, PlannedCell, Stage};

/// How a cell of this preset ends beside one that is well, which must not be disturbed.
fn ending(preset: &str, limit: &str) -> (TestRun, PlannedCell, CellEnd, Failure, Vec<String>) {
    let scenes = stage1("film", None);
    let (bad, good) =
        (caption("film", "bad", preset, Some(&scenes)), caption("film", "good", "ok", Some(&scenes)));
    let run = TestRun::new();
    let plan =
        RunPlan { memory_limit: limit.parse().unwrap(), ..plan(vec![scenes, bad.clone(), good.clone()]) };
    let counts = run.finish(&plan, &runner(&[]));
    assert_eq!(counts.complete, 2, "{preset}: {counts:?}");
    assert_eq!(run.results(&good, Pass::Measured).len(), 2);
    let (end, failure, log_tail) = run.ending(&bad).unwrap();
    (run, bad, end, failure, log_tail)
}

#[test]
fn more_memory_than_allowed_is_oom_with_its_place_the_limit_and_what_to_do() {
    let (run, _, end, failure, log_tail) = ending("eat-memory", "512MiB");
    assert_eq!(end, CellEnd::Oom, "{failure}");
    assert_eq!((failure.stage, failure.scene), (Some(Stage::Decode), Some(1)));
    // Which allocation is the first that does not fit is the allocator's affair.
    let begins = "the runner was ended by SIGABRT: memory allocation of ";
    let ends = " bytes failed; run.memory_limit allows it 512 MiB: allow more (--memory-limit), or choose a quantization or \
                fewer beams, tokens, frames or scenes at once";
    assert!(failure.message.starts_with(begins) && failure.message.ends_with(ends), "{failure}");
    assert!(log_tail.iter().any(|line| line.contains("memory allocation of")), "{log_tail:?}");
    let limits = run.events().into_iter().filter_map(|event| match event {
        JournalEvent::RunnerStarted { memory_limit_bytes, .. } => Some(memory_limit_bytes),
        _ => None,
    });
    assert!(limits.into_iter().all(|limit| limit == Some(512 << 20)));
}

#[test]
fn more_memory_than_allowed_while_loading_is_oom_too() {
    let (_, _, end, failure, _) = ending("load-eat-memory", "512MiB");
    assert_eq!((end, failure.stage), (CellEnd::Oom, None), "{failure}");
    assert!(failure.message.contains("run.memory_limit allows it 512 MiB"), "{failure}");
}

#[test]
fn without_a_limit_nothing_is_refused() {
    let cell = caption("film", "hungry", "eat-memory", None);
    let run = TestRun::new();
    let plan = RunPlan { memory_limit: MemoryLimit::None, ..plan(vec![cell]) };
    assert_eq!(run.finish(&plan, &runner(&[])).complete, 1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_kill_that_the_kernel_does_not_count_is_not_taken_for_memory() {
    let (_, _, end, failure, _) = ending("kill", "auto");
    assert_eq!(end, CellEnd::Failed, "{failure}");
    assert_eq!((failure.stage, failure.scene), (Some(Stage::Decode), Some(1)));
    let said = "the runner was killed by SIGKILL, and not by bench: a person or another program did it";
    assert!(failure.message.starts_with(said), "{failure}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_kernel_is_offered_the_runner_before_the_harness() {
    let process = RunnerProcess::start(&runner(&[]), &RunnerLog::Inherited, &StopFlag::new()).unwrap().0;
    let of = |process: &str| fs::read_to_string(format!("/proc/{process}/oom_score_adj")).unwrap();
    assert_eq!(of(&process.id().to_string()).trim(), "1000");
    assert_ne!(of("self").trim(), "1000");
}

#[test]
fn a_closed_output_is_a_row() {
    let (_, _, end, failure, _) = ending("close-output", "auto");
    assert_eq!(end, CellEnd::Failed);
    let said = "decode, scene 1: the runner closed its output while it was still running";
    assert_eq!(failure.to_string(), said);
}

#[test]
fn a_closed_input_is_a_row() {
    // What it was asked is answered; the next command does not reach it.
    let cell = caption("film", "deaf", "close-input", None);
    let run = TestRun::new();
    run.finish(&plan(vec![cell.clone()]), &runner(&[]));
    let (end, failure, _) = run.ending(&cell).unwrap();
    assert_eq!((end, failure.message.as_str()), (CellEnd::Failed, "the runner ended with exit code 0"));
    assert_eq!(run.results(&cell, Pass::Warmup).len(), 1);
}

#[test]
fn a_cell_keeps_the_log_of_its_own_repeat_alone() {
    let cell = caption("film", "late", "ok", None);
    let script = r#"{"rules": [{"when": {"pass": "measured", "repeat": 1}, "then": {"do": "crash"}}]}"#;
    let run = TestRun::new();
    run.finish(&plan(vec![cell.clone()]), &runner(&["--script", script]));
    let (_, _, log_tail) = run.ending(&cell).unwrap();
    assert_eq!(log_tail, ["film late measured 1"]);
}
