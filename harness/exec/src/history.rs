//! What has happened in a run so far: a fold over its journal.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use reelbench_protocol::{
    CellEnd, CellId, Failure, JournalEvent, Output, Pass, PlannedCell, RepeatResult, Repeats, SkippedCell,
    Warmup,
};
use reelbench_stats::{Enough, enough};

use crate::found::Found;

/// The state of a run. It changes only through [`History::note`], so a run that goes on after an
/// interruption and a run that was never interrupted know the same.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// What will be done.
    pub(crate) planned: Option<Planned>,
    /// Whether every cell has ended.
    pub(crate) finished: bool,
    samples: HashMap<CellId, Samples>,
    ended: HashMap<CellId, (CellEnd, Failure)>,
    found: HashMap<CellId, Found>,
    checked: HashSet<CellId>,
}

/// The measured repeats of a cell.
#[derive(Debug, Default)]
struct Samples {
    repeats: HashSet<u32>,
    /// In the order of the journal.
    seconds: Vec<f64>,
    enough: Option<Enough>,
}

/// What a journal's plan says.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planned {
    /// The cells, in the order of the matrix.
    pub(crate) cells: Vec<PlannedCell>,
    /// Cells that are left out.
    pub(crate) skipped: Vec<SkippedCell>,
    /// Measured repeats per cell.
    pub(crate) repeats: Repeats,
    /// Warm-up repeats per cell.
    pub(crate) warmup: Warmup,
}

impl History {
    /// The state after these events.
    pub(crate) fn of<'a>(events: impl IntoIterator<Item = &'a JournalEvent>) -> Self {
        let mut history = Self::default();
        for event in events {
            history.note(event);
        }
        history
    }

    /// Takes the next event in.
    pub(crate) fn note(&mut self, event: &JournalEvent) {
        match event {
            JournalEvent::Planned { cells, skipped, repeats, warmup } => {
                let (repeats, warmup) = (*repeats, *warmup);
                self.planned =
                    Some(Planned { cells: cells.clone(), skipped: skipped.clone(), repeats, warmup });
            }
            JournalEvent::Repeat { result, .. } => self.note_repeat(result),
            JournalEvent::CellEnded { cell, end, failure, .. } => {
                self.ended.insert(cell.clone(), (*end, failure.clone()));
            }
            JournalEvent::CacheChecked { cell, .. } => {
                self.checked.insert(cell.clone());
            }
            JournalEvent::Finished => self.finished = true,
            JournalEvent::Started { .. }
            | JournalEvent::RunnerStarted { .. }
            | JournalEvent::Loaded { .. }
            | JournalEvent::Interrupted
            | JournalEvent::OutOfTime { .. } => {}
        }
    }

    fn note_repeat(&mut self, result: &RepeatResult) {
        if result.pass != Pass::Measured {
            return;
        }
        let repeats = self.planned.as_ref().map(|planned| planned.repeats);
        let samples = self.samples.entry(result.cell.clone()).or_default();
        if samples.repeats.insert(result.repeat) {
            samples.seconds.push(Duration::from_nanos(result.wall_ns).as_secs_f64());
        }
        // A decision stands: only a cell that has not enough is looked at again.
        samples.enough = samples.enough.or_else(|| enough(repeats?, &samples.seconds));
        if let Output::Stage1(output) = &result.output {
            // The first sample stands: every captioning cell gets the same, whenever it runs.
            self.found.entry(result.cell.clone()).or_insert_with(|| Found::of(output));
        }
    }

    /// Whether a measured repeat is done.
    pub(crate) fn is_measured(&self, cell: &CellId, repeat: u32) -> bool {
        self.samples.get(cell).is_some_and(|samples| samples.repeats.contains(&repeat))
    }

    /// How many measured repeats of a cell are done.
    pub(crate) fn samples(&self, cell: &CellId) -> u32 {
        self.samples.get(cell).map_or(0, |samples| samples.repeats.len() as u32)
    }

    /// Why a cell's measured repeats are enough, if they are.
    pub(crate) fn enough(&self, cell: &CellId) -> Option<Enough> {
        self.samples.get(cell).and_then(|samples| samples.enough)
    }

    /// Whether a cell was held against itself without its cache.
    pub(crate) fn is_checked(&self, cell: &CellId) -> bool {
        self.checked.contains(cell)
    }

    /// How a cell ended before its time, and why.
    pub(crate) fn ended(&self, cell: &CellId) -> Option<&(CellEnd, Failure)> {
        self.ended.get(cell)
    }

    /// Whether a cell needs no more repeats.
    pub(crate) fn is_settled(&self, cell: &CellId) -> bool {
        self.ended.contains_key(cell) || self.enough(cell).is_some()
    }

    /// What a stage-1 cell found.
    ///
    /// # Errors
    /// In words, why it found nothing.
    pub(crate) fn found(&self, stage1: &CellId) -> Result<&Found, String> {
        self.found.get(stage1).ok_or_else(|| {
            if let Some((end, failure)) = self.ended.get(stage1) {
                format!("it ended {end}: {failure}")
            } else if let Some(skipped) = self.left_out(stage1) {
                format!("it was left out: {}", skipped.reason)
            } else {
                "it gave no result and no reason".to_owned()
            }
        })
    }

    fn left_out(&self, cell: &CellId) -> Option<&SkippedCell> {
        self.planned.as_ref()?.skipped.iter().find(|skipped| skipped.cell.id == *cell)
    }
}
