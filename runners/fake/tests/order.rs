//! In which order repeats are run.

mod common;

use std::collections::BTreeSet;

use common::{TestRun, caption, plan, runner};
use reelbench_exec::{Order, RunEvent, RunPlan, Sink, StopFlag, execute};
use reelbench_protocol::{JournalEvent, Pass, PlannedCell, Repeats, Warmup};

/// Cell, pass and repeat of everything the journal holds, in order.
fn turns(run: &TestRun) -> Vec<(String, Pass, u32)> {
    let of_event = |event| match event {
        JournalEvent::Repeat { result, .. } => Some((result.cell.to_string(), result.pass, result.repeat)),
        _ => None,
    };
    run.events().into_iter().filter_map(of_event).collect()
}

fn cells() -> Vec<PlannedCell> {
    ["one", "two", "three", "four"].map(|model| caption("film", model, "ok", None)).to_vec()
}

fn turns_of(plan: &RunPlan) -> Vec<(String, Pass, u32)> {
    let run = TestRun::new();
    run.finish(plan, &runner(&[]));
    turns(&run)
}

#[test]
fn interleaved_repeats_are_shuffled_rounds_after_all_warm_ups() {
    let plan = RunPlan { repeats: Repeats::Fixed(5), warmup: Warmup::Fixed(2), seed: 3, ..plan(cells()) };
    let turns = turns_of(&plan);
    let (warmups, samples) = turns.split_at(8);
    let of_cell = |(cell, _, repeat): &(String, Pass, u32)| (cell.clone(), *repeat);
    assert!(warmups.iter().all(|(_, pass, _)| *pass == Pass::Warmup));
    assert_eq!(warmups.iter().map(of_cell).collect::<BTreeSet<_>>().len(), 8);
    let rounds: Vec<Vec<String>> =
        samples.chunks(4).map(|round| round.iter().map(|(cell, ..)| cell.clone()).collect()).collect();
    for (repeat, round) in samples.chunks(4).enumerate() {
        assert!(round.iter().all(|(_, pass, n)| (*pass, *n) == (Pass::Measured, repeat as u32)));
        assert_eq!(rounds[repeat].iter().collect::<BTreeSet<_>>().len(), 4, "every cell once a round");
    }
    assert!(rounds.iter().any(|round| *round != rounds[0]), "each round has an order of its own: {rounds:?}");
}

#[test]
fn the_seed_alone_decides_the_order() {
    let of_seed = |seed| turns_of(&RunPlan { repeats: Repeats::Fixed(4), seed, ..plan(cells()) });
    assert_eq!(of_seed(1), of_seed(1));
    assert_ne!(of_seed(1), of_seed(2));
}

#[test]
fn sequential_repeats_are_cell_by_cell() {
    let turns = turns_of(&RunPlan { order: Order::Sequential, ..plan(cells()) });
    let expected: Vec<_> = cells()
        .iter()
        .flat_map(|cell| {
            [(Pass::Warmup, 0), (Pass::Measured, 0), (Pass::Measured, 1)]
                .map(|(pass, repeat)| (cell.id.to_string(), pass, repeat))
        })
        .collect();
    assert_eq!(turns, expected);
}

/// Stops the run at a repeat.
struct StopAt {
    stop: StopFlag,
    left: usize,
}

impl Sink for StopAt {
    fn event(&mut self, event: RunEvent<'_>) {
        if let RunEvent::RepeatFinished { .. } = event {
            self.left -= 1;
            if self.left == 0 {
                self.stop.request();
            }
        }
    }
}

#[test]
fn a_run_that_goes_on_keeps_the_order() {
    let plan = RunPlan { repeats: Repeats::Fixed(3), seed: 5, ..plan(cells()) };
    let samples = |turns: Vec<(String, Pass, u32)>| -> Vec<(String, u32)> {
        turns
            .into_iter()
            .filter(|(_, pass, _)| *pass == Pass::Measured)
            .map(|(cell, _, repeat)| (cell, repeat))
            .collect()
    };
    let whole = samples(turns_of(&plan));
    for left in [2, 5, 7, 9, 14] {
        let (run, stop) = (TestRun::new(), StopFlag::new());
        let mut sink = StopAt { stop: stop.clone(), left };
        execute(&plan, &run.directory, &runner(&[]), &mut sink, &stop).unwrap();
        assert_eq!(turns(&run).len(), left, "it stopped");
        run.finish(&plan, &runner(&[]));
        assert_eq!(samples(turns(&run)), whole, "stopped after {left} repeats");
    }
}
