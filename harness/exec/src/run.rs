//! A run from its plan to the last cell's end.

mod checks;
mod trouble;

use std::time::Duration;

use reelbench_protocol::{
    CellEnd, CellId, Device, Failure, FailureKind, Hello, JournalEvent, Pass, PlannedCell,
    RUN_FORMAT_VERSION, Repeats, RunSpec, SkippedCell, Warmup, Work,
};

use self::trouble::{LoadTrouble, TurnTrouble};
use crate::found::{Feed, FeedError};
use crate::history::{History, Planned};
use crate::schedule::{self, Group, Rounds, Turn};
use crate::session::{Ending, Session, Trouble};
use crate::{
    Counts, DirectoryError, Journal, JournalError, Order, RunDirectory, RunEvent, RunnerCommand, RunnerError,
    Sink, StopFlag,
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
    /// Going on with another device would compare what cannot be compared.
    #[error("the run was begun with device {before} and would go on with {now}: give --device {before}")]
    OtherDevice {
        /// The device so far.
        before: Device,
        /// The device asked for.
        now: Device,
    },
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
    let (journal, lines) = Journal::open(&directory.journal())?;
    let history = History::of(lines.iter().map(|line| &line.event));
    let mut run = Run { plan, directory, runner, sink, stop, journal, history };
    let planned = run.begin()?;
    if run.history.finished {
        return Ok(RunEnd::Finished(run.counts(&planned)));
    }
    for group in schedule::groups(&planned.cells, plan.device) {
        if run.group(&group, &planned)? == Progressed::Stopped {
            run.record(&JournalEvent::Interrupted)?;
            run.sink.event(RunEvent::Interrupted);
            return Ok(RunEnd::Interrupted);
        }
    }
    run.record(&JournalEvent::Finished)?;
    let counts = run.counts(&planned);
    run.sink.event(RunEvent::Finished { counts });
    Ok(RunEnd::Finished(counts))
}

struct Run<'a> {
    plan: &'a RunPlan,
    directory: &'a RunDirectory,
    runner: &'a RunnerCommand,
    sink: &'a mut dyn Sink,
    stop: &'a StopFlag,
    journal: Journal,
    history: History,
}

/// What became of a stretch of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progressed {
    /// Nothing is left of it.
    Done,
    /// Something is left, and needs a fresh process.
    NeedsProcess,
    /// The user wants to stop.
    Stopped,
}

impl Run<'_> {
    /// Writes an event down; only then has it happened.
    fn record(&mut self, event: &JournalEvent) -> Result<(), JournalError> {
        self.journal.append(event)?;
        self.history.note(event);
        Ok(())
    }

    fn begin(&mut self) -> Result<Planned, ExecError> {
        if let Some(before) = self.history.device.filter(|&before| before != self.plan.device) {
            return Err(ExecError::OtherDevice { before, now: self.plan.device });
        }
        if !self.history.finished {
            let run_id = self.directory.run_id().to_owned();
            self.record(&JournalEvent::Started { format: RUN_FORMAT_VERSION, run_id })?;
        }
        let planned = match self.history.planned.clone() {
            Some(planned) => planned,
            None => self.write_plan()?,
        };
        self.tell_what_is_left(&planned);
        self.end_known_failures(&planned)?;
        Ok(planned)
    }

    fn write_plan(&mut self) -> Result<Planned, JournalError> {
        let RunPlan { cells, skipped, repeats, warmup, .. } = self.plan;
        let planned =
            Planned { cells: cells.clone(), skipped: skipped.clone(), repeats: *repeats, warmup: *warmup };
        let (cells, skipped) = (cells.clone(), skipped.clone());
        self.record(&JournalEvent::Planned { cells, skipped, repeats: *repeats, warmup: *warmup })?;
        Ok(planned)
    }

    fn tell_what_is_left(&mut self, planned: &Planned) {
        let history = &self.history;
        let is_left = |cell: &&PlannedCell| !history.is_settled(&cell.id, planned.repeats.at_most());
        let left: Vec<_> = planned.cells.iter().filter(is_left).collect();
        let open = |cell: &PlannedCell| {
            (0..planned.repeats.at_most()).filter(|&n| !history.is_measured(&cell.id, n)).count()
        };
        let repeats = left.iter().map(|cell| open(cell)).sum();
        self.sink.event(RunEvent::Started { cells: left.len(), repeats });
    }

    fn end_known_failures(&mut self, planned: &Planned) -> Result<(), JournalError> {
        let plan = self.plan;
        for (cell, failure) in &plan.known_failures {
            let is_planned = planned.cells.iter().any(|planned| planned.id == *cell);
            if is_planned && !self.history.is_settled(cell, planned.repeats.at_most()) {
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

    /// Runs a group until nothing is left of it, each time in a fresh process. Every process that
    /// leaves something behind has ended a cell, so this comes to an end.
    fn group(&mut self, group: &Group<'_>, planned: &Planned) -> Result<Progressed, ExecError> {
        self.skip_cells_without_findings(group)?;
        loop {
            let turns = self.turns_left(group, planned);
            let checks = self.checks_left(group, planned);
            if turns.is_empty() && checks.is_empty() {
                return Ok(Progressed::Done);
            }
            if self.stop.is_requested() {
                return Ok(Progressed::Stopped);
            }
            match self.process(group, &turns, &checks)? {
                Progressed::NeedsProcess => {}
                end => return Ok(end),
            }
        }
    }

    fn skip_cells_without_findings(&mut self, group: &Group<'_>) -> Result<(), JournalError> {
        for cell in &group.cells {
            if self.history.ended(&cell.id).is_some() {
                continue;
            }
            if let Err(error) = self.feed(cell) {
                let failure = Failure::new(FailureKind::Input, error);
                self.end_cell(&cell.id, Ending::without_log(CellEnd::Skipped, failure))?;
            }
        }
        Ok(())
    }

    /// What a cell takes from stage 1.
    fn feed(&self, cell: &PlannedCell) -> Result<Feed, FeedError> {
        let Work::Caption(caption) = &cell.spec.work else { return Ok(Feed::default()) };
        let Some(stage1) = &cell.stage1_from else { return Feed::of_nothing(caption) };
        match self.history.found(stage1) {
            Ok(found) => found.feed(caption, stage1),
            Err(reason) => Err(FeedError::no_result(caption, stage1, reason)),
        }
    }

    /// The samples that are not taken yet, and the warm-ups of their cells.
    fn turns_left<'g>(&self, group: &Group<'g>, planned: &Planned) -> Vec<Turn<'g>> {
        let (warmup, measured) = (planned.warmup.at_most(), planned.repeats.at_most());
        let rounds = Rounds { warmup, measured, order: self.plan.order, seed: self.plan.seed };
        let is_left = |turn: &Turn<'_>| match turn.pass {
            Pass::Warmup => !self.history.is_settled(&turn.cell.id, measured),
            Pass::Measured => {
                self.history.ended(&turn.cell.id).is_none()
                    && !self.history.is_measured(&turn.cell.id, turn.repeat)
            }
        };
        group.turns(&rounds).into_iter().filter(is_left).collect()
    }

    /// Takes turns in one process, then makes checks, until they are done or the process is lost.
    fn process(
        &mut self,
        group: &Group<'_>,
        turns: &[Turn<'_>],
        checks: &[&PlannedCell],
    ) -> Result<Progressed, ExecError> {
        let cells = cells_of(turns.iter().map(|turn| turn.cell).chain(checks.iter().copied()));
        let (mut session, hello) = match self.load(group, &cells) {
            Ok(loaded) => loaded,
            Err(LoadTrouble::Exec(error)) => return Err(error),
            Err(LoadTrouble::Stopped) => return Ok(Progressed::Stopped),
            Err(LoadTrouble::Ended(ending)) => {
                for cell in &cells {
                    self.end_cell(cell, ending.clone())?;
                }
                return Ok(Progressed::Done);
            }
        };
        match self.work(&mut session, &hello, turns, checks) {
            Ok(()) => {
                session.shutdown();
                Ok(Progressed::Done)
            }
            Err(TurnTrouble::Exec(error)) => Err(error),
            Err(TurnTrouble::Stopped) => Ok(Progressed::Stopped),
            Err(TurnTrouble::ProcessLost) => Ok(Progressed::NeedsProcess),
        }
    }

    /// What one process is for. Checks come last: a check that breaks the process costs no sample.
    fn work(
        &mut self,
        session: &mut Session,
        hello: &Hello,
        turns: &[Turn<'_>],
        checks: &[&PlannedCell],
    ) -> Result<(), TurnTrouble> {
        let all = turns.iter().map(|turn| (turn.cell, Some(turn)));
        for (cell, turn) in all.chain(checks.iter().map(|cell| (*cell, None))) {
            if self.history.ended(&cell.id).is_some() {
                continue;
            }
            if self.stop.is_requested() {
                return Err(TurnTrouble::Stopped);
            }
            match turn {
                Some(turn) => self.turn(session, turn)?,
                None => self.check(session, hello, cell)?,
            }
        }
        Ok(())
    }

    fn load(&mut self, group: &Group<'_>, cells: &[CellId]) -> Result<(Session, Hello), LoadTrouble> {
        let load = &group.load;
        self.sink.event(RunEvent::Loading { load, cells: cells.len() });
        let log = self.directory.next_log().map_err(ExecError::from)?;
        let (mut session, hello) = Session::start(self.runner, log, self.stop)?;
        self.record(&JournalEvent::RunnerStarted { hello: Box::new(hello.clone()) })?;
        let loaded = session.load(load, self.plan.timeout)?;
        let (load, cells) = (load.clone(), cells.to_vec());
        self.record(&JournalEvent::Loaded { load, loaded: loaded.clone(), cells })?;
        self.sink.event(RunEvent::Loaded { load: &group.load, loaded: &loaded });
        Ok((session, hello))
    }

    fn turn(&mut self, session: &mut Session, turn: &Turn<'_>) -> Result<(), TurnTrouble> {
        let Turn { cell, pass, repeat } = *turn;
        let request = self.request(turn)?;
        self.sink.event(RunEvent::RepeatStarted { cell, pass, repeat });
        let sink = &mut *self.sink;
        let mut on_progress = |progress| sink.event(RunEvent::Progress { cell, progress });
        match session.repeat(&request, self.plan.device, self.plan.timeout, &mut on_progress) {
            Ok(result) => {
                let event = JournalEvent::Repeat { result, conditions: None };
                self.record(&event)?;
                if let JournalEvent::Repeat { result, .. } = &event {
                    self.sink.event(RunEvent::RepeatFinished { cell, result });
                }
                Ok(())
            }
            Err(Trouble::Stopped) => Err(TurnTrouble::Stopped),
            Err(Trouble::NoRunner(error)) => Err(ExecError::from(error).into()),
            Err(Trouble::Refused(ending)) => Ok(self.end_cell(&cell.id, ending)?),
            Err(Trouble::Lost(ending)) => {
                self.end_cell(&cell.id, ending)?;
                Err(TurnTrouble::ProcessLost)
            }
        }
    }

    fn request(&self, turn: &Turn<'_>) -> Result<RunSpec, ExecError> {
        let Turn { cell, pass, repeat } = *turn;
        // Cells that lack something have ended before their group's first turn.
        let Feed { scenes, questions } = self.feed(cell).unwrap_or_default();
        let is_first_sample = (pass, repeat) == (Pass::Measured, 0);
        let shows_frames = matches!(cell.spec.work, Work::Caption(_));
        let save_frames = if self.plan.save_frames && is_first_sample && shows_frames {
            Some(self.directory.frames(&cell.id)?)
        } else {
            None
        };
        let (cell, spec) = (cell.id.clone(), cell.spec.clone());
        Ok(RunSpec { cell, repeat, pass, spec, scenes, questions, save_frames })
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

/// Each cell once, in order.
fn cells_of<'c>(cells: impl Iterator<Item = &'c PlannedCell>) -> Vec<CellId> {
    let mut seen = std::collections::HashSet::new();
    cells.map(|cell| &cell.id).filter(|id| seen.insert(*id)).cloned().collect()
}

impl Ending {
    fn without_log(end: CellEnd, failure: Failure) -> Self {
        Self { end, failure, log_tail: Vec::new() }
    }
}
