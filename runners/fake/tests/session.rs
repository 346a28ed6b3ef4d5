//! Two runners measured in turns.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod common;

use std::cell::RefCell;
use std::fs;
use std::rc::Rc;

use common::{TestRun, caption, plan, runner, stage1};
use reelbench_exec::{
    Counts, ExecError, RunEnd, RunEvent, RunPlan, RunnerCommand, Side, Sink, StopFlag, execute_pair,
};
use reelbench_protocol::{
    AdaptiveRepeats, Arm, CellEnd, CellId, JournalEvent, Pass, PlannedCell, Repeats, Warmup,
};

/// What happened on which side: each repeat that was begun, and each load.
type Story = Rc<RefCell<Vec<(Arm, Told)>>>;

#[derive(Debug, Clone, PartialEq)]
enum Told {
    Loaded,
    Repeat(CellId, Pass, u32),
}

struct Teller {
    arm: Arm,
    story: Story,
    stop: StopFlag,
    /// Stops the session when so many things were told.
    stop_at: usize,
}

impl Sink for Teller {
    fn event(&mut self, event: RunEvent<'_>) {
        let told = match event {
            RunEvent::Loaded { .. } => Told::Loaded,
            RunEvent::RepeatStarted { cell, pass, repeat } => Told::Repeat(cell.id.clone(), pass, repeat),
            _ => return,
        };
        let mut story = self.story.borrow_mut();
        story.push((self.arm, told));
        if story.len() == self.stop_at {
            self.stop.request();
        }
    }
}

/// The two runs of a session.
struct TestSession {
    base: TestRun,
    head: TestRun,
}

/// Those of base and head.
type Ends = [RunEnd; 2];

impl TestSession {
    fn new() -> Self {
        Self { base: TestRun::new(), head: TestRun::new() }
    }

    fn execute(
        &self,
        plan: &RunPlan,
        runners: [&RunnerCommand; 2],
        stop_at: usize,
    ) -> Result<(Ends, Vec<(Arm, Told)>), ExecError> {
        let (story, stop) = (Story::default(), StopFlag::new());
        let teller = |arm| Teller { arm, story: story.clone(), stop: stop.clone(), stop_at };
        let (mut of_base, mut of_head) = (teller(Arm::Base), teller(Arm::Head));
        let base = Side { runner: runners[0], directory: &self.base.directory, sink: &mut of_base };
        let head = Side { runner: runners[1], directory: &self.head.directory, sink: &mut of_head };
        let ends = execute_pair(plan, base, head, &stop)?;
        let story = story.borrow().clone();
        Ok((ends, story))
    }

    fn finish(&self, plan: &RunPlan, runners: [&RunnerCommand; 2]) -> [Counts; 2] {
        let (ends, _) = self.execute(plan, runners, usize::MAX).unwrap();
        ends.map(|end| match end {
            RunEnd::Finished(counts) => counts,
            end => panic!("nobody interrupted it: {end:?}"),
        })
    }

    /// The samples of a cell on both sides.
    fn samples(&self, cell: &PlannedCell) -> [Vec<u32>; 2] {
        [&self.base, &self.head]
            .map(|run| run.results(cell, Pass::Measured).iter().map(|result| result.repeat).collect())
    }
}

fn cells() -> Vec<PlannedCell> {
    ["one", "two", "three"].map(|model| caption("film", model, "ok", None)).to_vec()
}

fn starts(run: &TestRun) -> usize {
    run.events().iter().filter(|event| matches!(event, JournalEvent::RunnerStarted { .. })).count()
}

#[test]
fn each_repeat_is_taken_on_both_sides_right_after_each_other() {
    let session = TestSession::new();
    let plan = RunPlan { repeats: Repeats::Fixed(4), ..plan(cells()) };
    let (_, story) = session.execute(&plan, [&runner(&[]), &runner(&[])], usize::MAX).unwrap();

    let is_sample = |(_, told): &&(Arm, Told)| matches!(told, Told::Repeat(_, Pass::Measured, _));
    let first = story.iter().position(|told| is_sample(&told)).unwrap();
    let (before, after) = story.split_at(first);
    for arm in [Arm::Base, Arm::Head] {
        assert_eq!(before.iter().filter(|(of, told)| (*of, told) == (arm, &Told::Loaded)).count(), 1);
    }
    assert!(after.iter().all(|told| is_sample(&told)), "both processes live and are warm: {after:?}");
    for pair in after.chunks(2) {
        assert_eq!(pair[0].1, pair[1].1, "the same cell and repeat");
        assert_ne!(pair[0].0, pair[1].0, "on either side");
    }
    for cell in cells() {
        let of_cell = |told: &Told| matches!(told, Told::Repeat(id, ..) if *id == cell.id);
        let firsts = after.chunks(2).filter(|pair| of_cell(&pair[0].1)).map(|pair| pair[0].0);
        assert_eq!(
            firsts.filter(|first| *first == Arm::Head).count(),
            2,
            "each side goes first equally often"
        );
        assert_eq!(session.samples(&cell), [vec![0, 1, 2, 3], vec![0, 1, 2, 3]]);
    }
}

#[test]
fn the_same_seed_gives_the_same_turns() {
    let turns = |seed| {
        let plan = RunPlan { seed, repeats: Repeats::Fixed(3), ..plan(cells()) };
        TestSession::new().execute(&plan, [&runner(&[]), &runner(&[])], usize::MAX).unwrap().1
    };
    assert_eq!(turns(7), turns(7));
    assert_ne!(turns(7), turns(8));
}

#[test]
fn a_crash_on_one_side_ends_its_cell_on_both_and_leaves_the_other_process_alone() {
    let crashes = r#"{"rules": [{"when": {"model": "two", "pass": "measured", "repeat": 1}, "then": {"do": "crash"}}]}"#;
    let crashing = runner(&["--script", crashes]);
    for (arm, runners) in [(Arm::Base, [&crashing, &runner(&[])]), (Arm::Head, [&runner(&[]), &crashing])] {
        let session = TestSession::new();
        let cells = cells();
        let plan = RunPlan { repeats: Repeats::Fixed(3), ..plan(cells.clone()) };
        session.finish(&plan, runners);
        let (broken, whole) = match arm {
            Arm::Base => (&session.base, &session.head),
            Arm::Head => (&session.head, &session.base),
        };
        let (end, ..) = broken.ending(&cells[1]).unwrap();
        assert_eq!(end, CellEnd::Failed);
        let (end, failure, _) = whole.ending(&cells[1]).unwrap();
        assert_eq!(end, CellEnd::Skipped);
        assert!(
            failure.message.contains(&format!("its partner in the session, {arm}, ended failed")),
            "{failure}"
        );
        assert!(whole.results(&cells[1], Pass::Measured).len() <= 2, "nothing to pair further samples with");
        assert_eq!((starts(broken), starts(whole)), (2, 1));
        for cell in [&cells[0], &cells[2]] {
            assert_eq!(session.samples(cell), [vec![0, 1, 2], vec![0, 1, 2]]);
            // The fresh process is as warm as the first.
            assert_eq!(broken.results(cell, Pass::Warmup).len(), 2);
            assert_eq!(whole.results(cell, Pass::Warmup).len(), 1);
        }
    }
}

#[test]
fn a_load_that_fails_on_one_side_ends_its_cells_on_the_other() {
    let session = TestSession::new();
    let cell = caption("film", "model", "ok", None);
    let other = caption("film", "other", "load-failure", None);
    let counts = session.finish(&plan(vec![cell.clone(), other]), [&runner(&[]), &runner(&[])]);
    assert!(
        counts.iter().all(|counts| (counts.complete, counts.failed + counts.skipped) == (1, 1)),
        "{counts:?}"
    );
}

#[test]
fn cells_without_findings_are_skipped_on_both_sides() {
    let session = TestSession::new();
    let scenes = stage1("film", None);
    let captions = caption("film", "model", "ok", Some(&scenes));
    let fails = runner(&["--script", r#"{"rules": [{"when": {"kind": "stage1"}, "then": {"do": "fail"}}]}"#]);
    let plan = plan(vec![scenes, captions.clone()]);
    let counts = session.finish(&plan, [&runner(&[]), &fails]);
    assert_eq!((counts[0].skipped, counts[1].failed, counts[1].skipped), (2, 1, 1));
    assert_eq!(session.samples(&captions), [Vec::<u32>::new(), Vec::new()]);
}

#[test]
fn a_session_that_was_stopped_goes_on_with_both_sides() {
    let plan = RunPlan { repeats: Repeats::Fixed(3), ..plan(cells()) };
    let whole = TestSession::new().execute(&plan, [&runner(&[]), &runner(&[])], usize::MAX).unwrap().1;
    let samples = |story: &[(Arm, Told)]| -> Vec<(Arm, Told)> {
        let is_sample = |told: &Told| matches!(told, Told::Repeat(_, Pass::Measured, _));
        story.iter().filter(|(_, told)| is_sample(told)).cloned().collect()
    };
    for stop_at in [1, 4, 10, 11, 15] {
        let session = TestSession::new();
        let (ends, before) = session.execute(&plan, [&runner(&[]), &runner(&[])], stop_at).unwrap();
        assert_eq!(ends, [RunEnd::Interrupted; 2], "stopped at {stop_at}");
        for run in [&session.base, &session.head] {
            assert!(matches!(run.events().last(), Some(JournalEvent::Interrupted)));
        }
        let (_, after) = session.execute(&plan, [&runner(&[]), &runner(&[])], usize::MAX).unwrap();
        for cell in cells() {
            assert_eq!(session.samples(&cell), [vec![0, 1, 2], vec![0, 1, 2]], "stopped at {stop_at}");
        }
        // The repeat in flight is begun again; but for it, the turns are those of a session that was never stopped.
        let mut turns = samples(&before);
        let again = samples(&after);
        if turns.last().is_some_and(|last| again.first() == Some(last)) {
            turns.pop();
        }
        assert_eq!([turns, again].concat(), samples(&whole), "stopped at {stop_at}");
    }
}

#[test]
fn a_kill_between_the_two_journals_changes_nothing_in_the_end() {
    let fails = r#"{"rules": [{"when": {"model": "two"}, "then": {"do": "fail"}}]}"#;
    let (good, bad) = (runner(&[]), runner(&["--script", fails]));
    let plan = RunPlan { warmup: Warmup::Fixed(0), ..plan(cells()) };
    let whole = TestSession::new();
    whole.finish(&plan, [&good, &bad]);
    let lines = |run: &TestRun| -> Vec<String> {
        fs::read_to_string(run.directory.journal()).unwrap().lines().map(|line| format!("{line}\n")).collect()
    };
    let (base, head) = (lines(&whole.base), lines(&whole.head));
    for (of_base, of_head) in
        (0..=base.len()).map(|cut| (cut, head.len())).chain((0..=head.len()).map(|cut| (base.len(), cut)))
    {
        let session = TestSession::new();
        fs::write(session.base.directory.journal(), base[..of_base].concat()).unwrap();
        fs::write(session.head.directory.journal(), head[..of_head].concat()).unwrap();
        let counts = session.finish(&plan, [&good, &bad]);
        // Without its own journal, a side learns from the other's that the cell has ended.
        let ends = counts.map(|counts| (counts.complete, counts.failed + counts.skipped));
        assert_eq!(ends, [(2, 1); 2], "{of_base} and {of_head} lines");
        for cell in [&plan.cells[0], &plan.cells[2]] {
            assert_eq!(session.samples(cell), [vec![0, 1], vec![0, 1]]);
        }
    }
}

#[test]
fn a_cell_of_which_one_side_has_enough_goes_on_until_the_other_has() {
    let adaptive = AdaptiveRepeats { at_least: 3, at_most: 5, precision: 0.5, budget_s: 60.0 };
    let restless = r#"{"rules": [{"when": {"repeat": 1}, "then": {"do": "slow", "ms": 400}},
        {"when": {"repeat": 3}, "then": {"do": "slow", "ms": 400}}, {"then": {"do": "slow", "ms": 50}}]}"#;
    let steady = runner(&["--script", r#"{"rules": [{"then": {"do": "slow", "ms": 50}}]}"#]);
    let session = TestSession::new();
    let cell = caption("film", "model", "ok", None);
    let plan = RunPlan { repeats: Repeats::Adaptive(adaptive), ..plan(vec![cell.clone()]) };
    session.finish(&plan, [&steady, &runner(&["--script", restless])]);
    assert_eq!(session.samples(&cell), [vec![0, 1, 2, 3, 4], vec![0, 1, 2, 3, 4]]);
}

#[test]
fn journals_of_different_plans_are_no_session() {
    let session = TestSession::new();
    session.base.finish(&plan(cells()), &runner(&[]));
    session.head.finish(&plan(cells()[..1].to_vec()), &runner(&[]));
    let error = session.execute(&plan(cells()), [&runner(&[]), &runner(&[])], usize::MAX).unwrap_err();
    assert!(matches!(error, ExecError::OtherPlans { .. }), "{error}");
}
