//! The run as polars tables in long form, raw samples kept.
//!
//! Every table of a run begins with the same columns: `cell`, `kind`, `video`, `model`, `weights`, `dummy_weights`,
//! `outcome`, then one column per requested setting under its matrix name (`use_cache`, `scene.detector`, …; null
//! where a cell does not have it). After them:
//!
//! - `cells.parquet`, one row per cell: the numbers of `summary.json` under their path there (`rtf.median`,
//!   `stages_s.decode`, …), null where the cell has none.
//! - `stages.parquet`, one row per span, warm-ups and failed cells included: `repeat`, `pass` (`warmup` or
//!   `measured`), `typical` (whether the stage breakdown is taken from this repeat), `scene` (null where the stage
//!   takes the film as a whole), `stage`, `activity` (`compute`, `network` or `rate_limit`), `start_ns` and
//!   `duration_ns` as measured, `share_ns` and, the same in seconds, `seconds`: the span's share of the time, which is
//!   its duration unless it overlaps others. One further row per repeat has the stage `unattributed` and neither
//!   activity nor start, so that a repeat's shares sum to its wall time.
//! - `scenes.parquet`, one row per captioned scene and repeat: `repeat`, `pass`, `scene`, `prompt_tokens`,
//!   `tokens_out`, `ttft_s`, `finish`, `error`.
//! - `conditions.parquet`, one row per repeat: `repeat`, `pass`, `turn` (repeats of any cell before it), then what else
//!   went on as [`reelbench_protocol::Conditions`] names it (`others_cpu_s`, `frequency_after.max_mhz`, …), null where the
//!   system did not say; `gpus` is JSON.

mod aggregate;
mod cells;
mod columns;
mod conditions;
mod rows;

use polars::prelude::*;

use crate::run::Run;
use crate::summary::Summary;

pub(crate) use aggregate::{Aggregates, CellAggregate};
pub(crate) use rows::UNATTRIBUTED;

/// Place of a row's cell in the run; stands in for the columns that describe the cell.
const INDEX: &str = "index";

/// A run's raw rows. What describes a cell is put beside them only when they are written.
pub(crate) struct Rows {
    stages: DataFrame,
    scenes: DataFrame,
    conditions: DataFrame,
}

impl Rows {
    pub(crate) fn new(run: &Run) -> PolarsResult<Self> {
        Ok(Self {
            stages: rows::stages(run)?,
            scenes: rows::scenes(run)?,
            conditions: conditions::conditions(run)?,
        })
    }

    /// What the rows come to, per cell.
    pub(crate) fn aggregate(&self) -> PolarsResult<Aggregates> {
        aggregate::aggregate(&self.stages, &self.scenes)
    }

    /// The tables as they are written.
    pub(crate) fn into_tables(self, summary: &Summary) -> PolarsResult<Tables> {
        let identity = cells::identity(summary)?;
        let stages = self.stages.lazy().with_columns([seconds("share_ns").alias("seconds")]).collect()?;
        let scenes = ["repeat", "pass", "scene", "prompt_tokens", "tokens_out", "ttft_s", "finish", "error"];
        let scenes: Vec<Expr> = std::iter::once(INDEX).chain(scenes).map(col).collect();
        let ttft_s = seconds("ttft_ns").alias("ttft_s");
        let scenes = self.scenes.lazy().with_columns([ttft_s]).select(scenes).collect()?;
        Ok(Tables {
            cells: identity.hstack(&cells::numbers(summary))?,
            stages: described(&identity, &stages)?,
            scenes: described(&identity, &scenes)?,
            conditions: described(&identity, &self.conditions)?,
        })
    }
}

/// A run's tables; the module's documentation lists their columns.
#[derive(Debug, Clone)]
pub struct Tables {
    /// `cells.parquet`.
    pub cells: DataFrame,
    /// `stages.parquet`.
    pub stages: DataFrame,
    /// `scenes.parquet`.
    pub scenes: DataFrame,
    /// `conditions.parquet`.
    pub conditions: DataFrame,
}

/// A column of nanoseconds in seconds.
fn seconds(ns: &str) -> Expr {
    col(ns).cast(DataType::Float64) / lit(1e9)
}

/// The rows with the columns of their cell in front.
fn described(identity: &DataFrame, rows: &DataFrame) -> PolarsResult<DataFrame> {
    let cells = identity.take(rows.column(INDEX)?.idx()?)?;
    cells.hstack(rows.drop(INDEX)?.columns())
}
