//! What the raw rows come to, per cell. Times are summed as whole nanoseconds, so that no order of summing
//! can change the result.

use std::collections::BTreeMap;

use polars::prelude::*;
use reelbench_protocol::{Activity, Pass, Stage};

use super::INDEX;
use reelbench_stats as stats;

/// Per place of a cell in the run.
pub(crate) type Aggregates = BTreeMap<usize, CellAggregate>;

/// What a cell's rows come to.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct CellAggregate {
    /// Nanoseconds per stage over the typical repeats together, `unattributed` included.
    pub(crate) stage_ns: BTreeMap<String, i64>,
    /// The same per activity of each stage.
    pub(crate) activity_ns: BTreeMap<(Stage, Activity), i64>,
    /// Median time to the first token over all measured scenes.
    pub(crate) ttft_s: Option<f64>,
    /// Median over the measured repeats of the tokens after each scene's first, per second of decoding.
    pub(crate) tokens_per_s: Option<f64>,
}

pub(super) fn aggregate(stages: &DataFrame, scenes: &DataFrame) -> PolarsResult<Aggregates> {
    let mut cells = Aggregates::new();
    add_stage_times(&mut cells, stages)?;
    add_first_tokens(&mut cells, scenes)?;
    add_decode_rates(&mut cells, stages, scenes)?;
    Ok(cells)
}

fn measured() -> Expr {
    col("pass").eq(lit(Pass::Measured.as_str()))
}

fn add_stage_times(cells: &mut Aggregates, stages: &DataFrame) -> PolarsResult<()> {
    let sums = stages
        .clone()
        .lazy()
        .filter(col("typical"))
        .group_by([col(INDEX), col("stage"), col("activity")])
        .agg([col("share_ns").sum()])
        .collect()?;
    let (index, stage) = (sums.column(INDEX)?.idx()?, sums.column("stage")?.str()?);
    let (activity, sum) = (sums.column("activity")?.str()?, sums.column("share_ns")?.i64()?);
    for (((index, stage), activity), sum) in
        index.iter().zip(stage.iter()).zip(activity.iter()).zip(sum.iter())
    {
        let (Some(index), Some(stage), Some(sum)) = (index, stage, sum) else { continue };
        let cell = cells.entry(index as usize).or_default();
        *cell.stage_ns.entry(stage.to_owned()).or_default() += sum;
        let stage = Stage::ALL.iter().find(|known| known.as_str() == stage);
        let activity = Activity::ALL.iter().find(|known| Some(known.as_str()) == activity);
        if let (Some(stage), Some(activity)) = (stage, activity) {
            cell.activity_ns.insert((*stage, *activity), sum);
        }
    }
    Ok(())
}

fn add_first_tokens(cells: &mut Aggregates, scenes: &DataFrame) -> PolarsResult<()> {
    let medians = scenes
        .clone()
        .lazy()
        .filter(measured())
        .group_by([col(INDEX)])
        .agg([col("ttft_ns").median() / lit(1e9)])
        .collect()?;
    let (index, ttft) = (medians.column(INDEX)?.idx()?, medians.column("ttft_ns")?.f64()?);
    for (index, ttft_s) in index.iter().zip(ttft.iter()) {
        if let Some(index) = index {
            cells.entry(index as usize).or_default().ttft_s = ttft_s;
        }
    }
    Ok(())
}

fn add_decode_rates(cells: &mut Aggregates, stages: &DataFrame, scenes: &DataFrame) -> PolarsResult<()> {
    let repeat = [col(INDEX), col("repeat")];
    let times = stages
        .clone()
        .lazy()
        .filter(measured().and(col("stage").eq(lit(Stage::Decode.as_str()))))
        .group_by(repeat.clone())
        .agg([col("share_ns").sum()]);
    // The first token belongs to prefill, so a scene with none or one has not decoded.
    let after_first =
        col("tokens_out").cast(DataType::Int64) - col("tokens_out").gt(lit(0)).cast(DataType::Int64);
    let rates = scenes
        .clone()
        .lazy()
        .filter(measured())
        .group_by(repeat.clone())
        .agg([after_first.sum().alias("decoded")])
        .join(times, repeat.clone(), repeat.clone(), JoinArgs::new(JoinType::Inner))
        .filter(col("share_ns").gt(lit(0)).and(col("decoded").gt(lit(0))))
        .collect()?;
    let mut per_cell: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    let (index, decoded, times) =
        (rates.column(INDEX)?.idx()?, rates.column("decoded")?.i64()?, rates.column("share_ns")?.i64()?);
    for ((index, tokens), ns) in index.iter().zip(decoded.iter()).zip(times.iter()) {
        if let (Some(index), Some(tokens), Some(ns)) = (index, tokens, ns) {
            per_cell.entry(index as usize).or_default().push(tokens as f64 * 1e9 / ns as f64);
        }
    }
    for (index, rates) in per_cell {
        cells.entry(index).or_default().tokens_per_s = stats::median(&rates);
    }
    Ok(())
}
