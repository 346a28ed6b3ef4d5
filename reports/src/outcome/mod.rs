//! Judges every cell from the journal alone.

mod agreement;
mod alone;
mod found;

use std::collections::BTreeMap;

use reelbench_protocol::{CellId, Failure, Settings, Stage};
use serde::{Serialize, Serializer};

use self::agreement::Peers;
use self::alone::judge_alone;
pub(crate) use self::found::differing;
use crate::run::{CellRecord, Run};

/// How a cell came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// Every repeat did what was asked, and the same.
    Ok,
    /// It ran, but its output cannot be relied on.
    Unstable(Instability),
    /// An error, a crash, or settings other than those asked for.
    Failed,
    /// It took longer than allowed.
    Timeout,
    /// It ran out of memory.
    Oom,
    /// It was not run.
    Skipped,
}

/// What an unstable cell's output differs from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Instability {
    /// From itself, between repeats.
    Repeats,
    /// From the same cell without the KV cache.
    Cache,
    /// From the same cell with other requests or windows at a time, or with stages side by side.
    Knobs,
}

impl Outcome {
    /// The word in `summary.json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Unstable(_) => "unstable",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Oom => "oom",
            Self::Skipped => "skipped",
        }
    }

    /// Whether the cell has numbers.
    pub fn is_measured(self) -> bool {
        matches!(self, Self::Ok | Self::Unstable(_))
    }
}

impl Serialize for Outcome {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Where a cell went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// In which stage.
    pub stage: Option<Stage>,
    /// In which scene, counted from 0.
    pub scene: Option<u32>,
}

impl From<&Failure> for Place {
    fn from(failure: &Failure) -> Self {
        Self { stage: failure.stage, scene: failure.scene }
    }
}

/// What became of a cell.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// How it came out.
    pub outcome: Outcome,
    /// Why, unless it is ok.
    pub reason: Option<String>,
    /// Where, if anywhere.
    pub place: Place,
    /// The settings in force, as far as a repeat has told.
    pub effective: Option<Settings>,
}

/// A verdict on one cell, before its settings are added.
struct Finding {
    outcome: Outcome,
    reason: String,
    place: Place,
}

impl Finding {
    fn new(outcome: Outcome, reason: impl Into<String>) -> Self {
        Self { outcome, reason: reason.into(), place: Place::default() }
    }

    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }
}

/// One judgement per cell of the run, in its order.
pub fn judge(run: &Run) -> Vec<Judgement> {
    let index: BTreeMap<&CellId, &CellRecord> =
        run.cells.iter().map(|cell| (&cell.planned.id, cell)).collect();
    let mut judgements: Vec<_> = run.cells.iter().map(|cell| judge_alone(run, cell, &index)).collect();
    let judged = run.cells.iter().zip(&judgements);
    let peers = Peers::new(judged.filter(|(_, found)| found.outcome == Outcome::Ok).map(|(cell, _)| cell));
    for (cell, judgement) in run.cells.iter().zip(&mut judgements).filter(|(cell, _)| peers.contains(cell)) {
        if let Some(finding) = peers.disagreement(cell) {
            judgement.outcome = finding.outcome;
            judgement.reason = Some(finding.reason);
            judgement.place = finding.place;
        }
    }
    judgements
}
