//! Nothing a runner started outlives it, and nothing it does keeps the harness waiting.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::{Duration, Instant};

use common::{TestRun, caption, is_running, plan, runner};
use reelbench_exec::{Death, RunPlan, RunnerError, RunnerLog, RunnerProcess, StopFlag};
use reelbench_protocol::{CellEnd, Command, Event, PROTOCOL_VERSION, Pass, Probe, SceneProbe, SceneSpec};

fn start(args: &[&str]) -> RunnerProcess {
    RunnerProcess::start(&runner(args), &RunnerLog::Inherited, &StopFlag::new()).unwrap().0
}

#[test]
fn hello_probe_shutdown() {
    let stop = StopFlag::new();
    let (mut process, hello) = RunnerProcess::start(&runner(&[]), &RunnerLog::Inherited, &stop).unwrap();
    assert_eq!((hello.protocol, hello.runner.name.as_str()), (PROTOCOL_VERSION, "fake"));
    let probe = Probe::Scenes(SceneProbe { video: "film.mp4".into(), scene: SceneSpec::default() });
    process.send(&Command::Probe(Box::new(probe))).unwrap();
    let Event::Probed { result } = process.wait_event(Instant::now() + common::AMPLE).unwrap() else {
        panic!()
    };
    assert_eq!(result["fps"], 24.0);
    let id = process.id();
    process.shutdown(common::AMPLE);
    assert!(!is_running(id));
}

#[test]
fn shutdown_is_exit_code_0() {
    let mut process = start(&[]);
    process.send(&Command::Shutdown).unwrap();
    let error = process.wait_event(Instant::now() + common::AMPLE).unwrap_err();
    assert!(matches!(error, RunnerError::Ended(Death::Exit(0))), "{error}");
}

#[test]
fn a_dropped_process_is_killed_and_reaped() {
    let process = start(&[]);
    let id = process.id();
    assert!(is_running(id));
    drop(process);
    assert!(!std::fs::exists(format!("/proc/{id}")).unwrap(), "not even a zombie stays");
}

#[test]
fn a_deadline_passes_without_an_answer() {
    let mut process = start(&[]);
    let start = Instant::now();
    let error = process.wait_event(start + Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, RunnerError::TimedOut), "{error}");
    assert!(start.elapsed() >= Duration::from_millis(100));
}

#[test]
fn a_command_larger_than_the_pipe_does_not_block_the_sender() {
    // `sleep` never reads; the hello has to come from something that says it first.
    let hello = r#"{"event":"hello","protocol":1,"runner":{"name":"deaf","version":"0"},"capabilities":{"devices":[]}}"#;
    let mut deaf = runner(&["-c", &format!("echo '{hello}'; exec sleep 3600")]);
    deaf.program = "/bin/sh".into();
    let (mut process, _) = RunnerProcess::start(&deaf, &RunnerLog::Inherited, &StopFlag::new()).unwrap();
    let video = "x".repeat(1 << 20).into();
    let probe = Probe::Scenes(SceneProbe { video, scene: SceneSpec::default() });
    process.send(&Command::Probe(Box::new(probe))).unwrap();
    let error = process.wait_event(Instant::now() + Duration::from_millis(100)).unwrap_err();
    assert!(matches!(error, RunnerError::TimedOut), "{error}");
}

#[test]
fn a_timeout_ends_grandchildren_too() {
    ends_with_its_children("hang-with-child", CellEnd::Timeout);
}

#[test]
fn a_crash_is_seen_at_once_though_a_grandchild_holds_the_output_open() {
    ends_with_its_children("crash-with-child", CellEnd::Failed);
}

fn ends_with_its_children(preset: &str, end: CellEnd) {
    let (bad, good) = (caption("film", "bad", preset, None), caption("film", "good", "ok", None));
    let timeout = Duration::from_secs(2);
    let run = TestRun::new();
    run.finish(&RunPlan { timeout, ..plan(vec![bad.clone(), good.clone()]) }, &runner(&[]));
    assert_eq!(run.ending(&bad).unwrap().0, end);
    assert_eq!(run.results(&good, Pass::Measured).len(), 2);
    let children = run.children();
    assert_eq!(children.len(), 1);
    // The kill has been sent; the kernel may still be at it.
    let deadline = Instant::now() + common::AMPLE;
    while is_running(children[0]) {
        assert!(Instant::now() < deadline, "process {} still runs", children[0]);
        std::thread::sleep(Duration::from_millis(5));
    }
}
