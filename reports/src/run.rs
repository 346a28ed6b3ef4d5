//! A run as its journal tells it.

use std::collections::{BTreeMap, HashSet};

use reelbench_protocol::{
    CacheVerdict, CellEnd, CellId, CellSpec, Conditions, Failure, JournalEvent, Loaded, Manifest, Output,
    Pass, PlannedCell, RepeatResult, Repeats, RunnerInfo, Span, Warmup,
};

use crate::course::Course;
use crate::error::OrderProblem;

/// A run: its manifest, and what its journal says about every cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// What the run was made from.
    pub manifest: Manifest,
    /// Every cell of the plan: those to run in the order of the matrix, then those left out.
    pub cells: Vec<CellRecord>,
    /// Measured repeats planned per cell.
    pub repeats: Repeats,
    /// Warm-up repeats planned per cell.
    pub warmup: Warmup,
    /// The runner that spoke last, else the manifest's.
    pub runner: Option<RunnerInfo>,
    /// How far the run has come.
    pub completion: Completion,
    /// When what was done.
    pub course: Course,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Completion {
    /// Every cell has ended.
    Finished,
    /// It was interrupted, killed, or is still going on.
    Unfinished,
    /// It took all the time it may.
    OutOfTime,
}

/// What the journal says about one cell.
#[derive(Debug, Clone, PartialEq)]
pub struct CellRecord {
    /// The cell.
    pub planned: PlannedCell,
    /// Why the plan leaves it out, if it does.
    pub left_out: Option<String>,
    /// Every repeat that ended, warm-ups included, in the order of the journal.
    pub repeats: Vec<RepeatResult>,
    /// When each of them ran and amid what, in the same order.
    pub observed: Vec<Observed>,
    /// Every load of the weights it uses.
    pub loads: Vec<Loaded>,
    /// How it ended before its time, if it did.
    pub ended: Option<EarlyEnd>,
    /// What it said with its cache and without, if that was checked.
    pub cache_check: Option<CacheVerdict>,
}

/// When a repeat ran, and amid what.
#[derive(Debug, Clone, PartialEq)]
pub struct Observed {
    /// Counted from 0 within the pass.
    pub repeat: u32,
    /// Warm-up or sample.
    pub pass: Pass,
    /// Repeats of any cell that the journal has before it.
    pub turn: usize,
    /// What else went on, as far as `bench` looked.
    pub conditions: Option<Conditions>,
}

/// The end of a cell before all its repeats were done.
#[derive(Debug, Clone, PartialEq)]
pub struct EarlyEnd {
    /// How.
    pub end: CellEnd,
    /// Why, and where.
    pub failure: Failure,
    /// The last lines of the runner's log.
    pub log_tail: Vec<String>,
}

impl CellRecord {
    /// The cell's specification.
    pub fn spec(&self) -> &CellSpec {
        &self.planned.spec
    }

    /// The samples, in the order of their repeat.
    pub fn measured(&self) -> Vec<&RepeatResult> {
        let mut measured: Vec<_> =
            self.repeats.iter().filter(|repeat| repeat.pass == Pass::Measured).collect();
        measured.sort_by_key(|repeat| repeat.repeat);
        measured
    }

    /// The new tokens of each scene in the first sample; empty without samples, and in stage 1.
    pub(crate) fn tokens(&self) -> BTreeMap<u32, &[u32]> {
        self.measured().first().map(|repeat| tokens(repeat)).unwrap_or_default()
    }

    /// The one or two samples in the middle by wall time (the earlier first where times are equal):
    /// those whose mean wall time is the median. Stage times are taken from them, so that they sum to it.
    pub fn typical(&self) -> Vec<&RepeatResult> {
        let mut by_wall = self.measured();
        by_wall.sort_by_key(|repeat| (repeat.wall_ns, repeat.repeat));
        let count = by_wall.len();
        let middle = count.saturating_sub(1) / 2..count / 2 + 1;
        by_wall.get(middle).unwrap_or_default().to_vec()
    }

    fn new(planned: PlannedCell, left_out: Option<String>) -> Self {
        Self {
            planned,
            left_out,
            repeats: Vec::new(),
            observed: Vec::new(),
            loads: Vec::new(),
            ended: None,
            cache_check: None,
        }
    }

    /// Makes room for a sample that was taken again.
    fn forget(&mut self, repeat: u32) {
        self.repeats.retain(|old| (old.pass, old.repeat) != (Pass::Measured, repeat));
        self.observed.retain(|old| (old.pass, old.repeat) != (Pass::Measured, repeat));
    }
}

/// The new tokens of each scene; empty in stage 1.
pub(crate) fn tokens(repeat: &RepeatResult) -> BTreeMap<u32, &[u32]> {
    match &repeat.output {
        Output::Caption { scenes } => {
            scenes.iter().map(|scene| (scene.scene, scene.tokens.as_slice())).collect()
        }
        Output::Stage1(_) => BTreeMap::new(),
    }
}

/// A run that grows with each event of its journal.
pub(crate) struct Replay {
    run: Run,
    index: BTreeMap<CellId, usize>,
    /// The samples so far.
    measured: HashSet<(CellId, u32)>,
    progress: Progress,
    /// Repeats so far.
    turns: usize,
}

/// What a journal has told so far.
#[derive(PartialEq, Eq)]
enum Progress {
    Nothing,
    Started,
    Planned,
}

/// Longest time that a repeat's clock may show, in nanoseconds: ten years. Sums of such times can be counted.
const LONGEST_WALL_NS: u64 = 10 * 366 * 24 * 3600 * 1_000_000_000;

impl Replay {
    pub(crate) fn new(manifest: Manifest) -> Self {
        let runner = manifest.runner.clone();
        let run = Run {
            manifest,
            cells: Vec::new(),
            repeats: Repeats::Fixed(0),
            warmup: Warmup::Fixed(0),
            runner,
            completion: Completion::Unfinished,
            course: Course::default(),
        };
        Self { run, index: BTreeMap::new(), measured: HashSet::new(), progress: Progress::Nothing, turns: 0 }
    }

    pub(crate) fn finish(self) -> Run {
        self.run
    }

    /// Takes the next event, which was written at a time in milliseconds since the Unix epoch.
    pub(crate) fn apply(&mut self, at_ms: u64, event: JournalEvent) -> Result<(), OrderProblem> {
        self.run.course.advance(at_ms);
        if self.progress == Progress::Nothing && !matches!(event, JournalEvent::Started { .. }) {
            return Err(OrderProblem::NotStarted);
        }
        if self.run.completion == Completion::Finished && !matches!(event, JournalEvent::Started { .. }) {
            return Err(OrderProblem::Finished);
        }
        match event {
            JournalEvent::Started { .. } => self.start(),
            JournalEvent::Planned { cells, skipped, repeats, warmup } => {
                self.run.repeats = repeats;
                self.run.warmup = warmup;
                let skipped = skipped.into_iter().map(|skipped| (skipped.cell, Some(skipped.reason)));
                self.plan(cells.into_iter().map(|cell| (cell, None)).chain(skipped))?;
            }
            JournalEvent::RunnerStarted { hello, .. } => {
                self.run.runner = Some(hello.runner);
                self.run.course.runner_started();
            }
            JournalEvent::Loaded { loaded, cells, .. } => self.load(&loaded, &cells)?,
            JournalEvent::Repeat { result, conditions } => {
                self.repeat(*result, conditions.map(|conditions| *conditions))?;
            }
            JournalEvent::CacheChecked { cell, verdict } => self.record(&cell)?.cache_check = Some(verdict),
            JournalEvent::CellEnded { cell, end, failure, log_tail } => {
                let place = self.place(&cell)?;
                self.run.course.cell_ended(place, end);
                self.record(&cell)?.ended = Some(EarlyEnd { end, failure, log_tail });
            }
            JournalEvent::Interrupted => self.run.completion = Completion::Unfinished,
            JournalEvent::OutOfTime { .. } => self.run.completion = Completion::OutOfTime,
            JournalEvent::Finished => self.run.completion = Completion::Finished,
        }
        Ok(())
    }

    fn start(&mut self) {
        self.run.completion = Completion::Unfinished;
        self.run.course.started();
        if self.progress == Progress::Nothing {
            self.progress = Progress::Started;
        }
    }

    fn plan(
        &mut self,
        cells: impl Iterator<Item = (PlannedCell, Option<String>)>,
    ) -> Result<(), OrderProblem> {
        if self.progress == Progress::Planned {
            return Err(OrderProblem::PlannedTwice);
        }
        self.progress = Progress::Planned;
        for (planned, left_out) in cells {
            let id = planned.id.clone();
            if self.index.insert(id.clone(), self.run.cells.len()).is_some() {
                return Err(OrderProblem::DuplicateCell(id.into()));
            }
            self.run.cells.push(CellRecord::new(planned, left_out));
        }
        Ok(())
    }

    fn load(&mut self, loaded: &Loaded, cells: &[CellId]) -> Result<(), OrderProblem> {
        let places = cells.iter().map(|cell| self.place(cell)).collect::<Result<_, _>>()?;
        self.run.course.loaded(loaded, places);
        for cell in cells {
            self.record(cell)?.loads.push(loaded.clone());
        }
        Ok(())
    }

    /// Adds a repeat. A sample that was taken again after an interruption replaces the first one.
    fn repeat(&mut self, result: RepeatResult, conditions: Option<Conditions>) -> Result<(), OrderProblem> {
        check_times(&result)?;
        let turn = self.turns;
        self.turns += 1;
        let (cell, pass, number) = (result.cell.clone(), result.pass, result.repeat);
        let place = self.place(&cell)?;
        self.run.course.repeated(&result, place, turn);
        let is_new = pass != Pass::Measured || self.measured.insert((cell.clone(), number));
        let record = self.record(&cell)?;
        if !is_new {
            record.forget(number);
        }
        record.repeats.push(result);
        record.observed.push(Observed { repeat: number, pass, turn, conditions });
        Ok(())
    }

    /// The cell's place in the plan.
    fn place(&self, cell: &CellId) -> Result<usize, OrderProblem> {
        self.index.get(cell).copied().ok_or_else(|| OrderProblem::UnknownCell(cell.to_string()))
    }

    fn record(&mut self, cell: &CellId) -> Result<&mut CellRecord, OrderProblem> {
        let place = self.place(cell)?;
        self.run.cells.get_mut(place).ok_or_else(|| OrderProblem::UnknownCell(cell.to_string()))
    }
}

/// What is written down was believed once, so these hold unless something else wrote it.
fn check_times(result: &RepeatResult) -> Result<(), OrderProblem> {
    let RepeatResult { media_s, wall_ns, spans, .. } = result;
    let end = |span: &Span| span.start_ns.checked_add(span.duration_ns);
    let problem = if !(media_s.is_finite() && *media_s > 0.0) {
        "media_s is no length of a film"
    } else if !(1..=LONGEST_WALL_NS).contains(wall_ns) {
        "wall_ns is no time that a repeat takes"
    } else if spans.iter().any(|span| end(span).is_none_or(|end| end > *wall_ns)) {
        "a span ends after the repeat"
    } else {
        return Ok(());
    };
    Err(OrderProblem::ImpossibleRepeat { cell: result.cell.to_string(), problem })
}
