//! When things were done in a run.
//!
//! A line of the journal has the time at which it was written, to the millisecond by the system's clock: just after the load or
//! the repeat of which it tells. So these are placed to end when their line was written. A runner does one thing at a time;
//! where that clock was set back meanwhile, or a step would begin before the one before it has ended, the step begins when that one ends.
//! Durations are always those of the monotonic clock.

use std::ops::Range;

use reelbench_protocol::{CellEnd, Loaded, Pass, RepeatResult};

/// What was done in a run, in order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Course {
    /// Everything that took a runner's time.
    pub steps: Vec<Step>,
    /// Cells that ended before their time.
    pub ends: Vec<Ending>,
    /// From when to when the run did not go on, in nanoseconds from its first event.
    pub pauses: Vec<Range<u128>>,
    clock: Clock,
    /// Runner processes so far.
    processes: usize,
}

/// Something that took a runner's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The runner process, counted from 0.
    pub process: usize,
    /// Nanoseconds from the run's first event.
    pub start_ns: u128,
    /// Nanoseconds.
    pub duration_ns: u64,
    /// What it was.
    pub work: StepWork,
}

/// What took a runner's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepWork {
    /// Weights were loaded.
    Load {
        /// The places in the plan of the cells that it served.
        cells: Vec<usize>,
    },
    /// A cell was run.
    Repeat {
        /// Its place in the plan.
        cell: usize,
        /// Repeats of any cell before it; see [`crate::Observed::turn`].
        turn: usize,
        /// Counted from 0 within the pass.
        repeat: u32,
        /// Warm-up or sample.
        pass: Pass,
    },
}

/// A cell that ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The runner process, counted from 0.
    pub process: usize,
    /// Nanoseconds from the run's first event.
    pub at_ns: u128,
    /// The cell's place in the plan.
    pub cell: usize,
    /// How.
    pub end: CellEnd,
}

/// The time that the journal has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Clock {
    /// Milliseconds since the Unix epoch, of the first event.
    origin_ms: Option<u64>,
    /// Nanoseconds since then.
    now_ns: u128,
    /// Until when the runner was busy.
    busy_until_ns: u128,
}

impl Clock {
    fn advance(&mut self, at_ms: u64) {
        let origin_ms = *self.origin_ms.get_or_insert(at_ms);
        self.now_ns = u128::from(at_ms.saturating_sub(origin_ms)) * 1_000_000;
    }

    /// The start of something that has just ended.
    fn begin(&mut self, duration_ns: u64) -> u128 {
        let start_ns = self.now_ns.saturating_sub(duration_ns.into()).max(self.busy_until_ns);
        self.busy_until_ns = start_ns + u128::from(duration_ns);
        start_ns
    }
}

impl Course {
    /// When the last step ended.
    pub fn end_ns(&self) -> u128 {
        self.clock.busy_until_ns
    }

    /// The next event was written at this time, in milliseconds since the Unix epoch.
    pub(crate) fn advance(&mut self, at_ms: u64) {
        self.clock.advance(at_ms);
    }

    /// The run begins or goes on; nothing that follows can have begun before.
    pub(crate) fn started(&mut self) {
        let Clock { now_ns, busy_until_ns, .. } = self.clock;
        if now_ns > busy_until_ns {
            if !self.steps.is_empty() {
                self.pauses.push(busy_until_ns..now_ns);
            }
            self.clock.busy_until_ns = now_ns;
        }
    }

    pub(crate) fn runner_started(&mut self) {
        self.processes += 1;
    }

    pub(crate) fn loaded(&mut self, loaded: &Loaded, cells: Vec<usize>) {
        self.step(loaded.load_ns, StepWork::Load { cells });
    }

    pub(crate) fn repeated(&mut self, result: &RepeatResult, cell: usize, turn: usize) {
        let RepeatResult { repeat, pass, wall_ns, .. } = *result;
        self.step(wall_ns, StepWork::Repeat { cell, turn, repeat, pass });
    }

    pub(crate) fn cell_ended(&mut self, cell: usize, end: CellEnd) {
        let at_ns = self.clock.now_ns.max(self.clock.busy_until_ns);
        self.ends.push(Ending { process: self.process(), at_ns, cell, end });
    }

    fn step(&mut self, duration_ns: u64, work: StepWork) {
        let start_ns = self.clock.begin(duration_ns);
        self.steps.push(Step { process: self.process(), start_ns, duration_ns, work });
    }

    fn process(&self) -> usize {
        self.processes.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn load(course: &mut Course, at_ms: u64, load_ms: u64) -> (u128, u64) {
        course.advance(at_ms);
        let loaded = Loaded { load_ns: load_ms * MS, weights_bytes: 0, parts: Vec::new() };
        course.loaded(&loaded, Vec::new());
        let last = course.steps.last().unwrap();
        (last.start_ns / u128::from(MS), last.duration_ns / MS)
    }

    #[test]
    fn steps_end_when_their_line_was_written() {
        let mut course = Course::default();
        course.advance(5_000);
        assert_eq!(load(&mut course, 5_300, 200), (100, 200));
        assert_eq!(load(&mut course, 5_900, 500), (400, 500));
        assert_eq!(course.end_ns(), u128::from(900 * MS));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_no_step_overlap() {
        let mut course = Course::default();
        course.advance(5_000);
        assert_eq!(load(&mut course, 6_000, 1_000), (0, 1_000));
        assert_eq!(load(&mut course, 5_500, 300), (1_000, 300));
        assert_eq!(load(&mut course, 4_000, 300), (1_300, 300));
        assert_eq!(load(&mut course, u64::MAX, 300).1, 300);
        assert_eq!(load(&mut course, 0, u64::MAX / MS).1, u64::MAX / MS);
    }

    #[test]
    fn a_run_that_goes_on_had_a_pause() {
        let mut course = Course::default();
        course.advance(1_000);
        course.started();
        load(&mut course, 1_400, 400);
        course.advance(9_000);
        course.started();
        assert_eq!(course.pauses.len(), 1);
        assert_eq!(course.pauses.first(), Some(&(u128::from(400 * MS)..u128::from(8_000 * MS))));
        assert_eq!(load(&mut course, 9_100, 500), (8_000, 500), "not within the pause");
    }
}
