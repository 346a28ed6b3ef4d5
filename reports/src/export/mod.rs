//! A run in the formats of other programs.

mod bmf;
mod csv;
mod github_action_benchmark;
mod measures;
mod names;

use std::io::{self, Write};

use polars::frame::DataFrame;
use reelbench_protocol::Better;
use serde::Serialize;

use crate::error::ReportError;
use crate::outcome::Outcome;
use crate::rebuild::Results;
use crate::render::{Template, render};
use crate::run::CellRecord;
use crate::summary::CellSummary;

/// What a run can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Export {
    /// One of its tables as comma-separated values, see <https://www.rfc-editor.org/rfc/rfc4180>.
    Csv(TableName),
    /// The data of its report.
    Json,
    /// Its report.
    Markdown,
    /// Bencher's metric format, see <https://bencher.dev/docs/reference/bencher-metric-format>.
    Bmf,
    /// What <https://github.com/benchmark-action/github-action-benchmark> reads as `customSmallerIsBetter`, or as
    /// `customBiggerIsBetter`: the figures that get better that way.
    GithubActionBenchmark(Better),
}

/// A table of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableName {
    /// `cells.parquet`.
    Cells,
    /// `stages.parquet`.
    Stages,
    /// `scenes.parquet`.
    Scenes,
    /// `conditions.parquet`.
    Conditions,
}

/// Why a run could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// Where it goes takes no more.
    #[error("cannot be written: {0}")]
    Write(#[from] io::Error),
    /// The report cannot be rendered.
    #[error(transparent)]
    Report(#[from] ReportError),
}

impl Results {
    /// Writes the run in a format. Where figures are followed from run to run, only cells that ended ok have any;
    /// [`Self::not_exported`] names the others.
    ///
    /// # Errors
    /// When `out` fails, or the report cannot be rendered.
    pub fn export(&self, export: Export, out: &mut dyn Write) -> Result<(), ExportError> {
        match export {
            Export::Csv(name) => Ok(csv::write(self.table(name), out)?),
            Export::Json => Ok(pretty_json(&self.report, out)?),
            Export::Markdown => Ok(out.write_all(render(&self.report, &Template::Embedded)?.as_bytes())?),
            Export::Bmf => Ok(pretty_json(&bmf::benchmarks(self), out)?),
            Export::GithubActionBenchmark(better) => {
                Ok(pretty_json(&github_action_benchmark::entries(self, better), out)?)
            }
        }
    }

    /// The names of the cells that an export of figures leaves out, in the order of the plan.
    pub fn not_exported(&self, export: Export) -> Vec<String> {
        match export {
            Export::Csv(_) | Export::Json | Export::Markdown => Vec::new(),
            Export::Bmf | Export::GithubActionBenchmark(_) => {
                let others = self.recorded().filter(|(_, cell)| cell.outcome != Outcome::Ok);
                others.map(|(record, cell)| names::of_benchmark(record, cell)).collect()
            }
        }
    }

    fn table(&self, name: TableName) -> &DataFrame {
        match name {
            TableName::Cells => &self.tables.cells,
            TableName::Stages => &self.tables.stages,
            TableName::Scenes => &self.tables.scenes,
            TableName::Conditions => &self.tables.conditions,
        }
    }

    /// Every cell that ended ok with the name of its benchmark.
    fn benchmarks(&self) -> impl Iterator<Item = (String, &CellRecord, &CellSummary)> {
        let ok = self.recorded().filter(|(_, cell)| cell.outcome == Outcome::Ok);
        ok.map(|(record, cell)| (names::of_benchmark(record, cell), record, cell))
    }

    fn recorded(&self) -> impl Iterator<Item = (&CellRecord, &CellSummary)> {
        self.run.cells.iter().zip(&self.summary.cells)
    }
}

fn pretty_json(value: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    out.write_all(b"\n")
}
