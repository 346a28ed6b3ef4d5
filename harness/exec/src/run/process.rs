//! What a run has its process do: load, warm up, measure.

use std::collections::HashMap;
use std::time::Duration;

use reelbench_protocol::{
    CellEnd, CellId, Conditions, Failure, FailureKind, Hello, JournalEvent, Pass, PlannedCell, RepeatResult,
    RunSpec, Work,
};
use reelbench_stats::warm_enough;

use super::halt::Halt;
use super::{ExecError, Run};
use crate::cache_check::broke;
use crate::found::{Feed, FeedError};
use crate::history::Planned;
use crate::schedule::Group;
use crate::session::{Ending, Session, Trouble};
use crate::{ByteSize, RunEvent, memory};

/// A process that has loaded what its group needs.
pub(super) struct Process {
    pub(super) session: Session,
    pub(super) hello: Hello,
    /// The seconds of each cell's warm-ups in it.
    warmups: HashMap<CellId, Vec<f64>>,
}

impl Run<'_> {
    /// Whether there is a process that can be asked for more.
    pub(super) fn has_process(&self) -> bool {
        self.process.is_some()
    }

    /// Ends the process in good order.
    pub(super) fn leave(&mut self) {
        if let Some(process) = self.process.take() {
            process.session.shutdown();
        }
    }

    /// Ends the captioning cells for which stage 1 found nothing.
    pub(super) fn skip_cells_without_findings(&mut self, group: &Group<'_>) -> Result<(), Halt> {
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
    pub(super) fn feed(&self, cell: &PlannedCell) -> Result<Feed, FeedError> {
        let Work::Caption(caption) = &cell.spec.work else { return Ok(Feed::default()) };
        let Some(stage1) = &cell.stage1_from else { return Feed::of_nothing(caption) };
        match self.history.found(stage1) {
            Ok(found) => found.feed(caption, stage1),
            Err(reason) => Err(FeedError::no_result(caption, stage1, reason)),
        }
    }

    /// Has a process ready in which each of these cells is warm. One that is lost on the way ends a cell, and the others
    /// get a fresh one.
    pub(super) fn prepare(
        &mut self,
        group: &Group<'_>,
        cells: &[&PlannedCell],
        planned: &Planned,
    ) -> Result<(), Halt> {
        while cells.iter().any(|cell| self.history.ended(&cell.id).is_none()) {
            if !self.has_process() {
                self.load(group, planned)?;
            }
            if !self.has_process() {
                return Ok(());
            }
            for cell in cells {
                self.warm_up(cell, planned)?;
            }
            if self.has_process() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Starts a process and has it load. Where it does not, the cells that it was for have ended, and there is none.
    pub(super) fn load(&mut self, group: &Group<'_>, planned: &Planned) -> Result<(), Halt> {
        self.go_on()?;
        let unchecked = self.unchecked(group, planned);
        let is_left = |cell: &&&PlannedCell| {
            !self.history.is_settled(&cell.id) || unchecked.iter().any(|other| other.id == cell.id)
        };
        let cells: Vec<CellId> = group.cells.iter().filter(is_left).map(|cell| cell.id.clone()).collect();
        self.sink.event(RunEvent::Loading { load: &group.load, cells: cells.len() });
        let trouble = match self.start(group, &cells) {
            Ok(process) => {
                self.process = Some(process);
                return Ok(());
            }
            Err(Broken::Trouble(trouble)) => trouble,
            Err(Broken::Exec(error)) => return Err(error.into()),
        };
        let ending = self.ending(trouble)?;
        for cell in &cells {
            if !self.history.is_settled(cell) {
                self.end_cell(cell, ending.clone())?;
            }
        }
        for cell in unchecked {
            if self.history.ended(&cell.id).is_none() {
                self.checked(cell, broke(true, ending.clone()))?;
            }
        }
        Ok(())
    }

    fn start(&mut self, group: &Group<'_>, cells: &[CellId]) -> Result<Process, Broken> {
        let log = self.directory.next_log().map_err(ExecError::from)?;
        let (mut session, hello) = Session::start(self.runner, log, self.limits, self.stop)?;
        let limit = memory::limit_for(self.plan.memory_limit, &hello, self.plan.device);
        session.limit_memory(limit)?;
        let memory_limit_bytes = limit.map(ByteSize::bytes);
        self.record(&JournalEvent::RunnerStarted { hello: Box::new(hello.clone()), memory_limit_bytes })?;
        let loaded = session.load(&group.load)?;
        let (load, cells) = (group.load.clone(), cells.to_vec());
        self.record(&JournalEvent::Loaded { load, loaded: loaded.clone(), cells })?;
        self.sink.event(RunEvent::Loaded { load: &group.load, loaded: &loaded });
        Ok(Process { session, hello, warmups: HashMap::new() })
    }

    /// Repeats a cell until it is warm in this process, has ended, or the process is lost.
    fn warm_up(&mut self, cell: &PlannedCell, planned: &Planned) -> Result<(), Halt> {
        while self.history.ended(&cell.id).is_none() {
            let Some(process) = &mut self.process else { return Ok(()) };
            let seconds = process.warmups.entry(cell.id.clone()).or_default();
            if warm_enough(planned.warmup, seconds).is_some() {
                return Ok(());
            }
            let repeat = seconds.len() as u32;
            let took = self.repeat(cell, Pass::Warmup, repeat)?;
            if let (Some(process), Some(took)) = (&mut self.process, took) {
                process.warmups.entry(cell.id.clone()).or_default().push(took.as_secs_f64());
            }
        }
        Ok(())
    }

    /// Takes a sample, unless there is no process or the cell has ended.
    pub(super) fn sample(&mut self, cell: &PlannedCell, repeat: u32) -> Result<(), Halt> {
        if self.history.ended(&cell.id).is_some() {
            return Ok(());
        }
        let was_enough = self.history.enough(&cell.id).is_some();
        self.repeat(cell, Pass::Measured, repeat)?;
        if let (Some(enough), false) = (self.history.enough(&cell.id), was_enough) {
            let repeats = self.history.samples(&cell.id);
            self.sink.event(RunEvent::CellMeasured { cell, repeats, enough });
        }
        Ok(())
    }

    /// One repeat, and how long it took. One that fails ends its cell.
    fn repeat(&mut self, cell: &PlannedCell, pass: Pass, repeat: u32) -> Result<Option<Duration>, Halt> {
        self.go_on()?;
        let request = self.request(cell, pass, repeat)?;
        let Some(process) = &mut self.process else { return Ok(None) };
        self.sink.event(RunEvent::RepeatStarted { cell, pass, repeat });
        let sink = &mut *self.sink;
        let mut on_progress = |progress| sink.event(RunEvent::Progress { cell, progress });
        let before = self.observer.begin(process.session.runner_id());
        match process.session.repeat(&request, self.plan.device, &mut on_progress) {
            Ok(result) => {
                let conditions = self.observer.end(&before);
                self.measured(cell, result, conditions).map(Some)
            }
            Err(trouble) => {
                let ending = self.ending(trouble)?;
                self.end_cell(&cell.id, ending)?;
                Ok(None)
            }
        }
    }

    fn measured(
        &mut self,
        cell: &PlannedCell,
        result: Box<RepeatResult>,
        conditions: Conditions,
    ) -> Result<Duration, Halt> {
        let took = Duration::from_nanos(result.wall_ns);
        let event = JournalEvent::Repeat { result, conditions: Some(Box::new(conditions)) };
        self.record(&event)?;
        if let JournalEvent::Repeat { result, .. } = &event {
            self.sink.event(RunEvent::RepeatFinished { cell, result });
        }
        Ok(took)
    }

    /// How the cells of a command without a result end. A process that is lost is gone.
    pub(super) fn ending(&mut self, trouble: Trouble) -> Result<Ending, Halt> {
        match trouble {
            Trouble::Refused(ending) => Ok(ending),
            Trouble::Lost(ending) => {
                self.process = None;
                Ok(ending)
            }
            Trouble::Stopped => Err(Halt::Stopped),
            Trouble::OutOfTime => Err(Halt::OutOfTime),
            Trouble::NoRunner(error) => Err(error.into()),
        }
    }

    fn request(&self, cell: &PlannedCell, pass: Pass, repeat: u32) -> Result<RunSpec, ExecError> {
        // Cells that lack something have ended before their group's first repeat.
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
}

/// Why a process is not ready.
enum Broken {
    Trouble(Trouble),
    Exec(ExecError),
}

impl From<Trouble> for Broken {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl<E: Into<ExecError>> From<E> for Broken {
    fn from(error: E) -> Self {
        Self::Exec(error.into())
    }
}
