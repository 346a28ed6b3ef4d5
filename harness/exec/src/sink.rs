//! What a run tells those who watch it.

use reelbench_protocol::{
    CacheVerdict, CellEnd, CellId, Failure, LoadSpec, Loaded, Pass, PlannedCell, Progress, RepeatResult,
};
use reelbench_stats::Enough;

/// Something that happened in a run. Everything in it that lasts is also in the journal.
#[derive(Debug, Clone, Copy)]
pub enum RunEvent<'a> {
    /// The run begins or goes on.
    Started {
        /// Cells still to be settled.
        cells: usize,
        /// Measured repeats still to be done; where their number follows from the times, the most there can be.
        repeats: usize,
        /// The cells still to be settled, in the order of the plan.
        left: &'a [CellLeft<'a>],
    },
    /// A process is started and loads weights.
    Loading {
        /// What it loads.
        load: &'a LoadSpec,
        /// How many cells it will serve.
        cells: usize,
    },
    /// Weights are ready.
    Loaded {
        /// What was asked for.
        load: &'a LoadSpec,
        /// The answer.
        loaded: &'a Loaded,
    },
    /// A repeat begins.
    RepeatStarted {
        /// Its cell.
        cell: &'a PlannedCell,
        /// Warm-up or sample.
        pass: Pass,
        /// Counted from 0 within the pass.
        repeat: u32,
    },
    /// A repeat goes on.
    Progress {
        /// Its cell.
        cell: &'a PlannedCell,
        /// How far it has come.
        progress: Progress,
    },
    /// A repeat ended well.
    RepeatFinished {
        /// Its cell.
        cell: &'a PlannedCell,
        /// Its result.
        result: &'a RepeatResult,
    },
    /// A cell has been measured often enough.
    CellMeasured {
        /// The cell.
        cell: &'a PlannedCell,
        /// Its measured repeats, those of earlier starts of the run included.
        repeats: u32,
        /// Why they are enough.
        enough: Enough,
    },
    /// A cell was held against itself without its cache.
    CacheChecked {
        /// The cell.
        cell: &'a PlannedCell,
        /// What it came to.
        verdict: &'a CacheVerdict,
    },
    /// A cell ended before all its repeats were done.
    CellEnded {
        /// The cell.
        cell: &'a CellId,
        /// How.
        end: CellEnd,
        /// Why, and where.
        failure: &'a Failure,
    },
    /// The user interrupted the run.
    Interrupted,
    /// The run took all the time it may.
    OutOfTime,
    /// Every cell has ended.
    Finished {
        /// How.
        counts: Counts,
    },
}

/// A cell that is not settled when a run begins or goes on.
#[derive(Debug, Clone, Copy)]
pub struct CellLeft<'a> {
    /// The cell.
    pub cell: &'a PlannedCell,
    /// Measured repeats that are done.
    pub done: u32,
    /// Measured repeats there can be, those that are done included.
    pub at_most: u32,
}

/// How the cells of a run ended. A cell whose repeats are all done is complete; whether its outputs
/// agree is for the summary to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// All repeats done.
    pub complete: usize,
    /// Ended by an error.
    pub failed: usize,
    /// Ended by the timeout.
    pub timeout: usize,
    /// Ended for want of memory.
    pub oom: usize,
    /// Left out by the plan, or for want of another cell's result.
    pub skipped: usize,
}

impl Counts {
    /// Counts a cell that ended before its time.
    pub(crate) fn add(&mut self, end: CellEnd) {
        match end {
            CellEnd::Failed => self.failed += 1,
            CellEnd::Timeout => self.timeout += 1,
            CellEnd::Oom => self.oom += 1,
            CellEnd::Skipped => self.skipped += 1,
        }
    }
}

/// Someone who watches a run. It is told on the thread that drives the run, between two waits.
pub trait Sink {
    /// Takes an event.
    fn event(&mut self, event: RunEvent<'_>);
}

/// Watches nothing.
impl Sink for () {
    fn event(&mut self, _: RunEvent<'_>) {}
}
