//! A run from its plan to the last cell's end, alone or beside another.

mod checks;
mod drive;
mod halt;
mod process;

use std::path::PathBuf;
use std::slice;
use std::time::{Duration, Instant};

use reelbench_protocol::{
    CellEnd, CellId, Device, Failure, JournalEvent, PlannedCell, RUN_FORMAT_VERSION, Repeats, SkippedCell,
    Warmup,
};

use self::drive::Drive;
use self::halt::Halt;
use self::process::Process;
use crate::history::{History, Planned};
use crate::session::{Ending, Limits};
use crate::{
    CellLeft, Counts, DirectoryError, Journal, JournalError, MemoryLimit, Observer, Order, RunDirectory,
    RunEvent, RunnerCommand, RunnerError, Sink, StopFlag,
};

/// What is to be run. On a run that goes on, the cells and the numbers of repeats that its journal
/// planned stand, and those given here are not looked at.
#[derive(Debug, Clone)]
pub struct RunPlan {
    /// The cells, in the order of the matrix.
    pub cells: Vec<PlannedCell>,
    /// Cells that are left out.
    pub skipped: Vec<SkippedCell>,
    /// Cells of which it is known beforehand that they cannot be run, such as those of a video with a
    /// wrong hash. They end as failed.
    pub known_failures: Vec<(CellId, Failure)>,
    /// Measured repeats per cell.
    pub repeats: Repeats,
    /// Warm-up repeats per cell and process.
    pub warmup: Warmup,
    /// What a load or a repeat may take.
    pub timeout: Duration,
    /// What the run may take from each start, if there is an end to it.
    pub run_timeout: Option<Duration>,
    /// What a runner may allocate.
    pub memory_limit: MemoryLimit,
    /// What the order is drawn from.
    pub seed: u64,
    /// The order.
    pub order: Order,
    /// Where to compute.
    pub device: Device,
    /// Whether to keep the frames given to models, once per cell, in the run's `frames/`.
    pub save_frames: bool,
    /// Scenes on which a cell with its cache on is held against itself with the cache off; 0 checks nothing.
    pub cache_check: u32,
}

/// How a run came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every cell has ended, well or not.
    Finished(Counts),
    /// The user stopped it; it can go on.
    Interrupted,
    /// It took all the time it may; it can go on, and may take as much again.
    OutOfTime,
}

/// Why a run cannot go on at all. What is in the journal stays there, and `--resume` goes on from it.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The run's directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// No runner can be started.
    #[error(transparent)]
    Runner(#[from] RunnerError),
    /// The journals of the two sides name different cells.
    #[error("{} and {} were begun with different plans, so they are not one session: begin a new one in new directories", base.display(), head.display())]
    OtherPlans {
        /// The run of the base.
        base: PathBuf,
        /// The run of the head.
        head: PathBuf,
    },
}

/// One side of what is measured: a runner, and the run that it is measured into.
pub struct Side<'a> {
    /// How to start the runner.
    pub runner: &'a RunnerCommand,
    /// The run.
    pub directory: &'a RunDirectory,
    /// Who watches it.
    pub sink: &'a mut dyn Sink,
}

/// Runs a plan in a directory, or what is left of it where the directory holds a part already.
///
/// Each group of cells that share a load gets a process of its own, so that no group's memory or speed
/// depends on what was loaded before it. A cell that breaks its process ends; the others of its group
/// go on in a fresh one. Every process warms up each cell that it will measure.
///
/// # Errors
/// When the journal cannot be read or written, another process writes it, or no runner can be started.
/// Everything else that goes wrong is the end of a cell.
pub fn execute(
    plan: &RunPlan,
    directory: &RunDirectory,
    runner: &RunnerCommand,
    sink: &mut dyn Sink,
    stop: &StopFlag,
) -> Result<RunEnd, ExecError> {
    let mut run = Run::open(plan, Side { runner, directory, sink }, stop)?;
    let planned = run.begin(plan_of(plan))?;
    let halt = drive(plan, &planned, slice::from_mut(&mut run))?;
    run.conclude(halt, &planned)
}

/// Runs a plan on two runners in turns, each into a run of its own, or what is left of it: a paired session.
///
/// Both processes are alive at once. Repeat n of a cell on one side is followed by repeat n on the other, the seed says by
/// which side first, and a cell that ends on one side ends on the other too, as skipped, unless that one has all its samples.
/// A process that is lost is replaced, and warmed up, without the other's knowing. Gives the ends of base and head.
///
/// # Errors
/// As [`execute`], for either side; and when the journals hold different plans.
pub fn execute_pair<'a>(
    plan: &'a RunPlan,
    base: Side<'a>,
    head: Side<'a>,
    stop: &'a StopFlag,
) -> Result<[RunEnd; 2], ExecError> {
    let (base_path, head_path) = (base.directory.path().to_owned(), head.directory.path().to_owned());
    let mut runs = [Run::open(plan, base, stop)?, Run::open(plan, head, stop)?];
    // What one side's journal planned stands for both: the session may have been killed before the other had written it.
    let known = runs.iter().find_map(|run| run.history.planned.clone());
    let known = known.unwrap_or_else(|| plan_of(plan));
    let [base, head] = &mut runs;
    let planned = base.begin(known.clone())?;
    if head.begin(known)? != planned {
        return Err(ExecError::OtherPlans { base: base_path, head: head_path });
    }
    let halt = drive(plan, &planned, &mut runs)?;
    let [base, head] = &mut runs;
    Ok([base.conclude(halt, &planned)?, head.conclude(halt, &planned)?])
}

/// How a run was cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CutShort {
    Interrupted,
    OutOfTime,
}

fn plan_of(plan: &RunPlan) -> Planned {
    let RunPlan { cells, skipped, repeats, warmup, .. } = plan;
    Planned { cells: cells.clone(), skipped: skipped.clone(), repeats: *repeats, warmup: *warmup }
}

fn drive(plan: &RunPlan, planned: &Planned, runs: &mut [Run<'_>]) -> Result<Option<CutShort>, ExecError> {
    match (Drive { plan, planned, runs }).groups() {
        Ok(()) => Ok(None),
        Err(Halt::Stopped) => Ok(Some(CutShort::Interrupted)),
        Err(Halt::OutOfTime) => Ok(Some(CutShort::OutOfTime)),
        Err(Halt::Exec(error)) => Err(error),
    }
}

struct Run<'a> {
    plan: &'a RunPlan,
    directory: &'a RunDirectory,
    runner: &'a RunnerCommand,
    sink: &'a mut dyn Sink,
    stop: &'a StopFlag,
    limits: Limits,
    observer: Observer,
    journal: Journal,
    history: History,
    process: Option<Process>,
}

impl<'a> Run<'a> {
    fn open(plan: &'a RunPlan, side: Side<'a>, stop: &'a StopFlag) -> Result<Self, ExecError> {
        let Side { runner, directory, sink } = side;
        let (journal, lines) = Journal::open(&directory.journal())?;
        let history = History::of(lines.iter().map(|line| &line.event));
        let run_ends = plan.run_timeout.and_then(|allowed| Instant::now().checked_add(allowed));
        let limits = Limits { timeout: plan.timeout, run_ends };
        let observer = Observer::new();
        Ok(Self { plan, directory, runner, sink, stop, limits, observer, journal, history, process: None })
    }

    /// Writes an event down; only then has it happened.
    fn record(&mut self, event: &JournalEvent) -> Result<(), JournalError> {
        self.journal.append(event)?;
        self.history.note(event);
        Ok(())
    }

    /// Begins or goes on with a plan, unless the journal has its own. Gives the one that stands.
    fn begin(&mut self, plan: Planned) -> Result<Planned, ExecError> {
        if !self.history.finished {
            let run_id = self.directory.run_id().to_owned();
            self.record(&JournalEvent::Started { format: RUN_FORMAT_VERSION, run_id })?;
        }
        let planned = match self.history.planned.clone() {
            Some(planned) => planned,
            None => self.write_plan(plan)?,
        };
        self.tell_what_is_left(&planned);
        self.end_known_failures(&planned)?;
        Ok(planned)
    }

    fn write_plan(&mut self, plan: Planned) -> Result<Planned, JournalError> {
        let Planned { cells, skipped, repeats, warmup } = plan.clone();
        self.record(&JournalEvent::Planned { cells, skipped, repeats, warmup })?;
        Ok(plan)
    }

    fn tell_what_is_left(&mut self, planned: &Planned) {
        let (history, at_most) = (&self.history, planned.repeats.at_most());
        let left: Vec<_> = planned
            .cells
            .iter()
            .filter(|cell| !history.is_settled(&cell.id))
            .map(|cell| CellLeft { cell, done: history.samples(&cell.id), at_most })
            .collect();
        let repeats = left.iter().map(|left| left.at_most.saturating_sub(left.done) as usize).sum();
        self.sink.event(RunEvent::Started { cells: left.len(), repeats, left: &left });
    }

    fn end_known_failures(&mut self, planned: &Planned) -> Result<(), JournalError> {
        let plan = self.plan;
        for (cell, failure) in &plan.known_failures {
            let is_planned = planned.cells.iter().any(|planned| planned.id == *cell);
            if is_planned && !self.history.is_settled(cell) {
                self.end_cell(cell, Ending::without_log(CellEnd::Failed, failure.clone()))?;
            }
        }
        Ok(())
    }

    fn end_cell(&mut self, cell: &CellId, ending: Ending) -> Result<(), JournalError> {
        let Ending { end, failure, log_tail } = ending;
        let told = failure.clone();
        self.record(&JournalEvent::CellEnded { cell: cell.clone(), end, failure, log_tail })?;
        self.sink.event(RunEvent::CellEnded { cell, end, failure: &told });
        Ok(())
    }

    /// Whether the next command may be given.
    fn go_on(&self) -> Result<(), Halt> {
        if self.stop.is_requested() {
            return Err(Halt::Stopped);
        }
        if self.limits.is_over() {
            return Err(Halt::OutOfTime);
        }
        Ok(())
    }

    /// Writes down how the run ended. A side that has finished before is not touched by how the session ends.
    fn conclude(&mut self, cut_short: Option<CutShort>, planned: &Planned) -> Result<RunEnd, ExecError> {
        // A repeat in flight ends with its process.
        self.process = None;
        if self.history.finished {
            return Ok(RunEnd::Finished(self.counts(planned)));
        }
        let (event, told, end) = match cut_short {
            None => {
                let counts = self.counts(planned);
                (JournalEvent::Finished, RunEvent::Finished { counts }, RunEnd::Finished(counts))
            }
            Some(CutShort::Interrupted) => {
                (JournalEvent::Interrupted, RunEvent::Interrupted, RunEnd::Interrupted)
            }
            Some(CutShort::OutOfTime) => {
                let run_timeout_s = self.plan.run_timeout.unwrap_or_default().as_secs_f64();
                (JournalEvent::OutOfTime { run_timeout_s }, RunEvent::OutOfTime, RunEnd::OutOfTime)
            }
        };
        self.record(&event)?;
        self.sink.event(told);
        Ok(end)
    }

    fn counts(&self, planned: &Planned) -> Counts {
        let mut counts = Counts { skipped: planned.skipped.len(), ..Counts::default() };
        for cell in &planned.cells {
            match self.history.ended(&cell.id) {
                Some((end, _)) => counts.add(*end),
                None => counts.complete += 1,
            }
        }
        counts
    }
}

impl Ending {
    fn without_log(end: CellEnd, failure: Failure) -> Self {
        Self { end, failure, log_tail: Vec::new() }
    }
}
