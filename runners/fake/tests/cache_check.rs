//! A cell with its cache on is held against itself with the cache off.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use reelbench_exec::{Journal, RunEnd, RunPlan, StopFlag, execute};
use reelbench_protocol::{
    CacheVerdict, CaptionSettings, CellId, FirstDifference, JournalEvent, Pass, PlannedCell, Warmup, Work,
};

use crate::common::{TestRun, caption, plan, runner, stage1};

fn checking(cells: Vec<PlannedCell>) -> RunPlan {
    RunPlan { cache_check: 2, warmup: Warmup::Fixed(0), ..plan(cells) }
}

/// The same cell with other settings.
fn with(cell: &PlannedCell, change: impl FnOnce(&mut CaptionSettings)) -> PlannedCell {
    let mut cell = cell.clone();
    let Work::Caption(caption) = &mut cell.spec.work else { panic!("{} does not caption", cell.id) };
    change(&mut caption.settings);
    cell.id = CellId::of(&cell.spec);
    cell
}

fn verdicts(run: &TestRun) -> Vec<(CellId, CacheVerdict)> {
    let events = run.events().into_iter();
    events
        .filter_map(|event| match event {
            JournalEvent::CacheChecked { cell, verdict } => Some((cell, verdict)),
            _ => None,
        })
        .collect()
}

/// The verdict on one cell of a preset, on the three scenes of a film.
fn verdict_on(preset: &str, args: &[&str]) -> CacheVerdict {
    let scenes = stage1("film", None);
    let cell = caption("film", "model", preset, Some(&scenes));
    let run = TestRun::new();
    let counts = run.finish(&checking(vec![scenes, cell.clone()]), &runner(args));
    assert_eq!(counts.complete, 2, "the samples stand whatever the check says");
    assert_eq!(run.results(&cell, Pass::Measured).len(), 2);
    let [(checked, verdict)] = verdicts(&run).try_into().unwrap();
    assert_eq!(checked, cell.id);
    verdict
}

#[test]
fn a_healthy_cache_is_not_blamed() {
    assert_eq!(verdict_on("ok", &[]), CacheVerdict::Same { scenes: vec![0, 2] });
    assert_eq!(
        verdict_on("unstable", &[]),
        CacheVerdict::Same { scenes: vec![0, 2] },
        "that is another fault"
    );
}

#[test]
fn the_first_token_that_differs_is_found_in_its_scene() {
    let script = r#"{"rules": [{"when": {"kind": "caption"}, "then": {"do": "cache-drift", "token": 7}}]}"#;
    for (preset, args, expected) in [("cache-drift", &[][..], 5), ("ok", &["--script", script][..], 7)] {
        let CacheVerdict::Differs(FirstDifference { scene, position, cached, uncached }) =
            verdict_on(preset, args)
        else {
            panic!("{preset} was not found")
        };
        assert_eq!((scene, position), (0, expected), "scenes count as in the film");
        assert_eq!(uncached, cached.map(|token| token + 1));
    }
}

#[test]
fn a_crash_in_either_of_the_two_is_found() {
    let CacheVerdict::Broke { use_cache: false, failure, .. } = verdict_on("uncached-crash", &[]) else {
        panic!("the crash without the cache was not found")
    };
    assert!(failure.message.contains("SIGABRT"), "{failure}");
    let script = r#"{"rules": [{"when": {"use_cache": true, "max_new_tokens": 8}, "then": {"do": "fail"}}]}"#;
    let CacheVerdict::Broke { use_cache: true, failure, .. } = verdict_on("ok", &["--script", script]) else {
        panic!("the failure with the cache was not found")
    };
    assert_eq!(failure.message, "/films/film.mp4: no frame can be decoded");
}

#[test]
fn a_check_that_hangs_costs_no_sample_and_no_other_check() {
    let cell = |model, preset| caption("film", model, preset, None);
    let cells = vec![cell("hangs", "ok"), cell("other", "ok")];
    let script = r#"{"rules": [{"when": {"model": "hangs", "use_cache": false}, "then": {"do": "hang"}}]}"#;
    let plan = RunPlan { timeout: std::time::Duration::from_secs(2), ..checking(cells.clone()) };
    let run = TestRun::new();
    assert_eq!(run.finish(&plan, &runner(&["--script", script])).complete, 2);
    let verdicts = verdicts(&run);
    assert!(matches!(&verdicts[0].1, CacheVerdict::Broke { use_cache: false, failure, .. }
        if failure.message.starts_with("no answer within 2s")));
    assert_eq!(verdicts[1], (cells[1].id.clone(), CacheVerdict::Same { scenes: vec![0] }));
}

#[test]
fn only_cells_with_a_cache_and_without_a_counterpart_are_checked() {
    let paired = caption("film", "paired", "cache-bug", None);
    let off = with(&paired, |settings| settings.use_cache = false);
    let alone = caption("film", "alone", "ok", None);
    let failing = caption("film", "failing", "fail", None);
    let cells = vec![paired, off, alone.clone(), failing];
    let run = TestRun::new();
    run.finish(&checking(cells.clone()), &runner(&[]));
    let checked: Vec<CellId> = verdicts(&run).into_iter().map(|(cell, _)| cell).collect();
    assert_eq!(checked, [alone.id]);
    let run = TestRun::new();
    run.finish(&RunPlan { cache_check: 0, ..checking(cells) }, &runner(&[]));
    assert_eq!(verdicts(&run), []);
}

#[test]
fn tokens_that_are_drawn_are_checked_alike() {
    let mut cell =
        with(&caption("film", "model", "cache-drift", None), |settings| settings.temperature = Some(0.7));
    if let Work::Caption(caption) = &mut cell.spec.work {
        caption.seed = Some(3);
    }
    cell.id = CellId::of(&cell.spec);
    let run = TestRun::new();
    run.finish(&checking(vec![cell]), &runner(&[]));
    assert!(matches!(verdicts(&run)[..], [(_, CacheVerdict::Differs(FirstDifference { position: 5, .. }))]));
}

#[test]
fn a_check_that_was_made_is_not_made_again_and_one_that_was_not_is() {
    let cells = vec![caption("film", "one", "ok", None), caption("film", "two", "ok", None)];
    let plan = checking(cells);
    let whole = TestRun::new();
    whole.finish(&plan, &runner(&[]));
    let events = whole.events();
    let first_check =
        events.iter().position(|event| matches!(event, JournalEvent::CacheChecked { .. })).unwrap();
    let run = TestRun::new();
    let (mut journal, _) = Journal::open(&run.directory.journal()).unwrap();
    for event in &events[..=first_check] {
        journal.append(event).unwrap();
    }
    drop(journal);
    let end = execute(&plan, &run.directory, &runner(&[]), &mut (), &StopFlag::new()).unwrap();
    assert!(matches!(end, RunEnd::Finished(counts) if counts.complete == 2));
    assert_eq!(verdicts(&run), verdicts(&whole));
    let samples = |run: &TestRun| {
        run.events().iter().filter(|event| matches!(event, JournalEvent::Repeat { .. })).count()
    };
    assert_eq!(samples(&run), samples(&whole), "only the missing check was made");
}
