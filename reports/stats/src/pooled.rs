//! One ratio of many cells.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::describe::Interval;
use crate::family::Level;
use crate::student;

/// A cell's ratio, and what it shares with other cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredRatio {
    /// The video: cells of one video tend to err alike.
    pub cluster: usize,
    /// Head over base, positive; of a [`Comparison`](crate::Comparison).
    pub ratio: f64,
}

/// What many cells say together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pooled {
    /// The geometric mean of the cells' ratios, each cell counted once.
    pub ratio: f64,
    /// Where the ratio over videos like these lies. `None` of a single video, which says nothing about others.
    pub interval: Option<Interval>,
    /// The videos.
    pub clusters: usize,
    /// The cells.
    pub cells: usize,
}

/// The geometric mean of the cells' ratios with an interval that takes the video, not the cell, for the unit drawn.
///
/// Cells whose ratio is not positive and finite do not count; `None` where none does.
pub fn pooled_ratio(cells: &[ClusteredRatio], level: Level) -> Option<Pooled> {
    let logs: Vec<(usize, f64)> = cells
        .iter()
        .filter(|cell| cell.ratio > 0.0 && cell.ratio.is_finite())
        .map(|cell| (cell.cluster, cell.ratio.ln()))
        .collect();
    if logs.is_empty() {
        return None;
    }
    let count = logs.len() as f64;
    let mean = logs.iter().map(|(_, log)| log).sum::<f64>() / count;
    let mut residuals: BTreeMap<usize, f64> = BTreeMap::new();
    for (cluster, log) in &logs {
        *residuals.entry(*cluster).or_default() += log - mean;
    }
    let clusters = residuals.len();
    let interval = (clusters > 1).then(|| {
        let freedom = clusters as f64 - 1.0;
        let squares: f64 = residuals.values().map(|residual| residual.powi(2)).sum();
        let error = (squares * clusters as f64 / freedom).sqrt() / count;
        let reach = error * student::quantile_above(level.tail(), freedom);
        Interval { lo: (mean - reach).exp(), hi: (mean + reach).exp() }
    });
    Some(Pooled { ratio: mean.exp(), interval, clusters, cells: logs.len() })
}
