//! Whatever a runner does in one cell, that cell's row says so and the other cells are measured.

#![expect(clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Duration;

use common::{TestRun, caption, plan, runner, stage1};
use reelbench_exec::{Counts, ExecError, RunEvent, RunPlan, RunnerError, Sink, StopFlag, execute};
use reelbench_protocol::{
    CellEnd, Failure, FailureKind, JournalEvent, Output, Pass, PlannedCell, SkippedCell, Stage,
};

/// A run of one captioning cell that misbehaves between two that do not, all on one load.
struct Trio {
    run: TestRun,
    bad: PlannedCell,
    good: [PlannedCell; 2],
    counts: Counts,
}

/// The preset is the good one; a rule for the bad cell's model makes it misbehave, so that all three share a process.
fn trio(behaviour: &str, timeout: Duration) -> Trio {
    let scenes = stage1("film", None);
    let cells = ["first", "bad", "last"].map(|model| caption("film", model, "ok", Some(&scenes)));
    let [first, bad, last] = cells.clone();
    let mut plan = plan([vec![scenes], cells.to_vec()].concat());
    plan.timeout = timeout;
    let script = format!(r#"{{"rules": [{{"when": {{"model": "bad"}}, "then": {behaviour}}}]}}"#);
    let run = TestRun::new();
    let counts = run.finish(&plan, &runner(&["--script", &script]));
    Trio { run, bad, good: [first, last], counts }
}

/// The bad cell's end, after seeing that all others are whole and were not disturbed.
fn end_of_bad(behaviour: &str) -> (CellEnd, Failure, Vec<String>) {
    let Trio { run, bad, good, counts } = trio(behaviour, common::AMPLE);
    assert_eq!(counts.complete, 3, "stage 1 and the two good cells: {counts:?}");
    for cell in &good {
        let repeats: Vec<_> = run.results(cell, Pass::Measured).iter().map(|result| result.repeat).collect();
        assert_eq!(repeats, [0, 1], "{behaviour}");
    }
    assert!(matches!(run.events().last(), Some(JournalEvent::Finished)));
    run.ending(&bad).unwrap_or_else(|| panic!("{behaviour}: the cell did not end"))
}

fn message_of(behaviour: &str, end: CellEnd) -> String {
    let (actual, failure, _) = end_of_bad(behaviour);
    assert_eq!(actual, end, "{behaviour}: {failure}");
    failure.to_string()
}

#[test]
fn a_process_that_dies_is_named_by_how_it_died() {
    assert_eq!(
        message_of(r#"{"do": "exit", "code": 7}"#, CellEnd::Failed),
        "decode, scene 1: the runner ended with exit code 7"
    );
    let by = |signal: &str| format!("decode, scene 1: the runner was ended by {signal}");
    assert_eq!(message_of(r#"{"do": "crash"}"#, CellEnd::Failed), by("SIGABRT"));
    assert_eq!(message_of(r#"{"do": "segfault"}"#, CellEnd::Failed), by("SIGSEGV"));
}

#[test]
fn a_failure_keeps_its_place_and_the_end_of_the_log() {
    let (_, failure, log_tail) = end_of_bad(r#"{"do": "crash"}"#);
    assert_eq!((failure.stage, failure.scene), (Some(Stage::Decode), Some(1)), "from the last progress");
    assert_eq!(log_tail.last().unwrap(), "film bad warmup 0");
    assert!(log_tail.len() <= 20);
}

#[test]
fn memory_that_runs_out_is_oom() {
    let said = message_of(r#"{"do": "out-of-memory"}"#, CellEnd::Oom);
    assert_eq!(said, "prefill, scene 2: 13 GB for the keys and values do not fit; lower max_new_tokens");
}

#[test]
fn a_failure_that_the_runner_reports_is_passed_on() {
    let said = message_of(r#"{"do": "fail"}"#, CellEnd::Failed);
    assert_eq!(said, "frames, scene 1: /films/film.mp4: no frame can be decoded");
    assert!(message_of(r#"{"do": "panic"}"#, CellEnd::Failed).contains("panicked: index out of bounds"));
}

#[test]
fn a_reported_failure_does_not_cost_the_process() {
    let processes = |behaviour| {
        let events = trio(behaviour, common::AMPLE).run.events();
        events.iter().filter(|event| matches!(event, JournalEvent::RunnerStarted { .. })).count()
    };
    assert_eq!(processes(r#"{"do": "fail"}"#), 2, "one for stage 1, one for the captions");
    assert_eq!(processes(r#"{"do": "panic"}"#), 2);
    assert_eq!(processes(r#"{"do": "lie"}"#), 2);
    assert_eq!(processes(r#"{"do": "crash"}"#), 3, "the good cells go on in a fresh one");
}

#[test]
fn answers_that_cannot_be_are_not_believed() {
    let says = |behaviour: &str, what: &str| {
        let message = message_of(&format!(r#"{{"do": "{behaviour}"}}"#), CellEnd::Failed);
        assert!(message.contains("the runner's answer is not usable: "), "{message}");
        assert!(message.contains(what), "{behaviour}: {message}");
    };
    says("garbage", "the line begins `Segment 1 of 3 done`");
    says("not-text", "the line begins `\u{fffd}\u{fffd}\u{fffd}`");
    says("unknown-event", "`mood`");
    says("half-line", "the line breaks off; the line begins `{\"event\":\"repeat\",\"cell\":\"0123`");
    says("other-cell", "where cell");
    says("nan-time", "null");
    says("negative-time", "media_s is -4, which cannot be");
    says("long-span", "the span of decode");
    says("missing-scene", "it captions 2 scenes in order where 3 were asked");
}

#[test]
fn a_setting_that_was_not_honoured_fails_the_cell() {
    let said = message_of(r#"{"do": "lie"}"#, CellEnd::Failed);
    assert_eq!(said, "the runner did not do as asked: use_cache: requested true, effective false");
}

#[test]
fn what_is_wrong_with_the_tokens_is_for_the_summary_to_find() {
    let Trio { run, bad, .. } = trio(r#"{"do": "unstable"}"#, common::AMPLE);
    let tokens = |result: &reelbench_protocol::RepeatResult| match &result.output {
        Output::Caption { scenes } => scenes[0].tokens.clone(),
        Output::Stage1(_) => panic!("a captioning cell"),
    };
    let results = run.results(&bad, Pass::Measured);
    assert_eq!(results.len(), 2);
    assert_ne!(tokens(&results[0]), tokens(&results[1]));
    let Trio { run, bad, .. } = trio(r#"{"do": "ok"}"#, common::AMPLE);
    let results = run.results(&bad, Pass::Measured);
    assert_eq!(tokens(&results[0]), tokens(&results[1]));
}

#[test]
fn a_scene_that_fails_is_an_entry_of_a_whole_repeat() {
    let Trio { run, bad, .. } = trio(r#"{"do": "scene-failure"}"#, common::AMPLE);
    assert!(run.ending(&bad).is_none());
    let Output::Caption { scenes } = &run.results(&bad, Pass::Measured)[0].output else { panic!() };
    assert_eq!(scenes.iter().filter(|scene| scene.failure.is_some()).count(), 1);
}

#[test]
fn a_repeat_without_end_is_a_timeout() {
    for behaviour in [r#"{"do": "hang"}"#, r#"{"do": "chatter"}"#] {
        let Trio { run, bad, counts, .. } = trio(behaviour, Duration::from_secs(2));
        let (end, failure, _) = run.ending(&bad).unwrap();
        assert_eq!(end, CellEnd::Timeout, "{behaviour}: {failure}");
        assert_eq!(
            failure.to_string(),
            "decode, scene 1: no answer within 2s; run.timeout in the matrix allows more",
            "{behaviour}"
        );
        assert_eq!(counts, Counts { complete: 3, timeout: 1, ..Counts::default() });
    }
}

#[test]
fn a_crash_in_a_late_repeat_keeps_the_earlier_ones() {
    let cell = caption("film", "late", "ok", None);
    let script = r#"{"rules": [{"when": {"pass": "measured", "repeat": 1}, "then": {"do": "crash"}}]}"#;
    let run = TestRun::new();
    run.finish(&plan(vec![cell.clone()]), &runner(&["--script", script]));
    assert_eq!(run.results(&cell, Pass::Measured).len(), 1);
    assert_eq!(run.ending(&cell).unwrap().0, CellEnd::Failed);
}

#[test]
fn a_load_that_fails_ends_its_cells_and_no_others() {
    let expect = [
        ("load-failure", CellEnd::Failed, "lacks the tensor `lm_head.weight`"),
        ("load-out-of-memory", CellEnd::Oom, "needs 14 GB"),
        ("load-crash", CellEnd::Failed, "the runner was ended by SIGABRT"),
        ("load-hang", CellEnd::Timeout, "no answer within 2s"),
    ];
    for (preset, end, what) in expect {
        let bad = ["film-a", "film-b"].map(|film| caption(film, "bad", preset, None));
        let good = caption("film-a", "good", "ok", None);
        let mut plan = plan([bad.to_vec(), vec![good.clone()]].concat());
        plan.timeout = Duration::from_secs(2);
        let run = TestRun::new();
        let counts = run.finish(&plan, &runner(&[]));
        assert_eq!(counts.complete, 1, "{preset}");
        for cell in &bad {
            let (actual, failure, log_tail) = run.ending(cell).unwrap();
            assert_eq!(actual, end, "{preset}: {failure}");
            assert!(failure.to_string().contains(what), "{preset}: {failure}");
            assert_eq!(log_tail, [format!("loading dummy:{preset}")]);
        }
        assert_eq!(run.results(&good, Pass::Measured).len(), 2);
    }
}

#[test]
fn captions_without_scenes_are_skipped_with_the_reason() {
    let run = TestRun::new();
    let broken = stage1("broken", Some("crash"));
    let empty = stage1("empty", Some("scene-failure"));
    let left_out = stage1("left-out", None);
    let cells = [&broken, &empty, &left_out]
        .map(|stage1| caption(stage1.spec.video.id.as_str(), "model", "ok", Some(stage1)));
    let mut plan = plan([vec![broken.clone(), empty.clone()], cells.to_vec()].concat());
    plan.skipped = vec![SkippedCell { cell: left_out, reason: "excluded by matrix.yaml:9".to_owned() }];
    let counts = run.finish(&plan, &runner(&[]));
    assert_eq!(counts, Counts { complete: 1, failed: 1, skipped: 4, ..Counts::default() });
    let reasons = cells.map(|cell| {
        let (end, failure, _) = run.ending(&cell).unwrap();
        assert_eq!(end, CellEnd::Skipped);
        failure.message
    });
    assert!(reasons[0].ends_with("it ended failed: the runner was ended by SIGABRT"), "{}", reasons[0]);
    assert!(
        reasons[1].ends_with("scene: /films/empty.mp4: the file breaks off at byte 1024"),
        "{}",
        reasons[1]
    );
    assert!(reasons[2].ends_with("it was left out: excluded by matrix.yaml:9"), "{}", reasons[2]);
    assert_eq!(run.results(&empty, Pass::Measured).len(), 2, "the other stages of the film are measured");
}

#[test]
fn captions_get_the_scenes_of_stage_1_and_a_film_without_is_one_scene() {
    let scenes = stage1("film", None);
    let (many, one) = (caption("film", "many", "ok", Some(&scenes)), caption("film", "one", "ok", None));
    let run = TestRun::new();
    // Stage 1 goes first wherever the plan has it.
    run.finish(&plan(vec![many.clone(), one.clone(), scenes]), &runner(&[]));
    let count = |cell| match &run.results(cell, Pass::Measured)[0].output {
        Output::Caption { scenes } => scenes.len(),
        Output::Stage1(_) => 0,
    };
    assert_eq!((count(&many), count(&one)), (3, 1));
}

/// Writes down the names of the events it hears.
#[derive(Default)]
struct Listener(Vec<String>);

impl Sink for Listener {
    fn event(&mut self, event: RunEvent<'_>) {
        let name = match event {
            RunEvent::Started { cells, repeats, .. } => format!("started: {cells} cells, {repeats} repeats"),
            RunEvent::Loading { cells, .. } => format!("loading for {cells}"),
            RunEvent::Loaded { loaded, .. } => format!("loaded {} bytes", loaded.weights_bytes),
            RunEvent::RepeatStarted { pass, repeat, .. } => format!("{pass} {repeat} begins"),
            RunEvent::Progress { progress, .. } => format!("{} of {}", progress.done, progress.total),
            RunEvent::RepeatFinished { result, .. } => format!("{} {} ends", result.pass, result.repeat),
            RunEvent::CacheChecked { .. } => "cache checked".to_owned(),
            RunEvent::CellEnded { end, .. } => format!("cell {end}"),
            RunEvent::CellMeasured { repeats, .. } => format!("{repeats} are enough"),
            RunEvent::Interrupted => "interrupted".to_owned(),
            RunEvent::OutOfTime => "out of time".to_owned(),
            RunEvent::Finished { counts } => format!("finished, {} complete", counts.complete),
        };
        self.0.push(name);
    }
}

#[test]
fn a_sink_hears_everything_in_order() {
    let cell = caption("film", "model", "ok", None);
    let script = r#"{"rules": [{"when": {"pass": "measured", "repeat": 1}, "then": {"do": "fail"}}]}"#;
    let plan = RunPlan { save_frames: true, ..plan(vec![cell.clone()]) };
    let (run, mut listener) = (TestRun::new(), Listener::default());
    execute(&plan, &run.directory, &runner(&["--script", script]), &mut listener, &StopFlag::new()).unwrap();
    let heard = [
        "started: 1 cells, 2 repeats",
        "loading for 1",
        "loaded 1000000 bytes",
        "warmup 0 begins",
        "1 of 1",
        "warmup 0 ends",
        "measured 0 begins",
        "1 of 1",
        "measured 0 ends",
        "measured 1 begins",
        "cell failed",
        "finished, 0 complete",
    ];
    assert_eq!(listener.0, heard);
    assert!(run.directory.path().join("frames").join(cell.id.as_str()).is_dir(), "room for the frames");
}

#[test]
fn known_failures_end_their_cells_without_a_process() {
    let cell = caption("film", "model", "ok", None);
    let failure =
        Failure::new(FailureKind::Input, "wrong sha256: film.mp4 has a, the matrix says b (matrix.yaml:4)");
    let mut plan = plan(vec![cell.clone()]);
    plan.known_failures = vec![(cell.id.clone(), failure.clone())];
    let run = TestRun::new();
    assert_eq!(run.finish(&plan, &runner(&[])), Counts { failed: 1, ..Counts::default() });
    assert_eq!(run.ending(&cell), Some((CellEnd::Failed, failure, Vec::new())));
    assert!(!run.events().iter().any(|event| matches!(event, JournalEvent::RunnerStarted { .. })));
}

#[test]
fn a_runner_of_another_protocol_version_is_refused_before_anything_is_run() {
    for (hello, version) in [("old-protocol", 0), ("new-protocol", 99)] {
        let run = TestRun::new();
        let script = format!(r#"{{"hello": "{hello}"}}"#);
        let plan = plan(vec![caption("film", "model", "ok", None)]);
        let runner = runner(&["--script", &script]);
        let error = execute(&plan, &run.directory, &runner, &mut (), &StopFlag::new()).unwrap_err();
        assert!(
            matches!(error, ExecError::Runner(RunnerError::OtherProtocol { theirs, .. }) if theirs == version)
        );
        let message = error.to_string();
        assert!(
            message.contains(&format!("speaks protocol version {version} and bench speaks 1")),
            "{message}"
        );
        assert_eq!(run.events().len(), 2, "started and planned: the run can go on with another runner");
    }
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let run = TestRun::new();
    let mut absent = runner(&[]);
    absent.program = "/nowhere/bench-runner".into();
    let plan = plan(vec![caption("film", "model", "ok", None)]);
    let error = execute(&plan, &run.directory, &absent, &mut (), &StopFlag::new()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/bench-runner"), "{error}");
}

#[test]
fn a_runner_that_fails_before_hello_is_a_row_like_any_other() {
    for (hello, what) in [("garbage", "the line begins `Loading checkpoint shards"), ("exit", "exit code 1")]
    {
        let cell = caption("film", "model", "ok", None);
        let run = TestRun::new();
        let script = format!(r#"{{"hello": "{hello}"}}"#);
        let counts = run.finish(&plan(vec![cell.clone()]), &runner(&["--script", &script]));
        assert_eq!(counts, Counts { failed: 1, ..Counts::default() });
        let (_, failure, _) = run.ending(&cell).unwrap();
        assert!(failure.message.contains(what), "{failure}");
    }
}
