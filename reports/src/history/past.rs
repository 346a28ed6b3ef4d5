//! A run as a history keeps it: without what it said and the spans of its time, so that many fit into memory.

use std::path::Path;

use reelbench_protocol::{Output, Pass};

use crate::error::ReportError;
use crate::rebuild::Results;
use crate::run::{CellRecord, Run};
use crate::summary::{CellSummary, Summary};

/// An earlier run.
#[derive(Debug, Clone)]
pub struct PastRun {
    /// The run; of its repeats only the settings in force in the first sample of each cell.
    pub(super) run: Run,
    summary: Summary,
}

impl PastRun {
    /// Reads and judges a run directory.
    ///
    /// # Errors
    /// When the manifest or the journal cannot be read.
    pub fn load(dir: &Path) -> Result<Self, ReportError> {
        let Results { mut run, summary, .. } = Results::load(dir)?;
        run.cells.iter_mut().for_each(forget_times);
        Ok(Self { run, summary })
    }

    /// Runs are in the order of their start; of one moment, in that of their ids.
    pub(super) fn order(&self) -> (&str, &str) {
        (&self.run.manifest.started, &self.run.manifest.run_id)
    }

    pub(super) fn cells(&self) -> impl DoubleEndedIterator<Item = (&CellRecord, &CellSummary)> {
        self.run.cells.iter().zip(&self.summary.cells)
    }
}

/// Keeps of a cell's repeats only what tells which settings were in force.
fn forget_times(cell: &mut CellRecord) {
    cell.repeats.retain(|repeat| repeat.pass == Pass::Measured);
    cell.repeats.sort_by_key(|repeat| repeat.repeat);
    cell.repeats.truncate(1);
    for repeat in &mut cell.repeats {
        repeat.spans = Vec::new();
        repeat.output = Output::Caption { scenes: Vec::new() };
    }
    cell.observed = Vec::new();
}
