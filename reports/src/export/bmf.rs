//! Bencher's metric format: `{benchmark: {measure: {value, lower_value, upper_value}}}`.
//!
//! As Bencher 0.6.12 reads it (`lib/bencher_adapter/src/adapters/json.rs`): names of benchmarks have up to 1,024 bytes,
//! and a measure goes by its slug. Its own `latency` is in nanoseconds, so wall time is given as that; other measures
//! have the unit of `summary.json` and are made when they come up first.

use serde::Serialize;

use super::measures::{Measure, measures};
use crate::rebuild::Results;
use crate::summary::InOrder;

/// One value of a measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

/// Every cell that ended ok, in the order of the plan.
pub(super) fn benchmarks(results: &Results) -> InOrder<InOrder<Metric>> {
    let benchmarks = results.benchmarks().map(|(name, _, cell)| {
        let metrics = measures(cell).iter().map(|measure| (slug(measure), metric(measure))).collect();
        (name, InOrder(metrics))
    });
    InOrder(benchmarks.collect())
}

fn slug(measure: &Measure) -> String {
    match measure.name.as_str() {
        "wall_s" => "latency".to_owned(),
        name => name.replace(['_', '.'], "-"),
    }
}

fn metric(measure: &Measure) -> Metric {
    let scale = if measure.name == "wall_s" { 1e9 } else { 1.0 };
    Metric {
        value: measure.value * scale,
        lower_value: measure.interval.map(|interval| interval.lo * scale),
        upper_value: measure.interval.map(|interval| interval.hi * scale),
    }
}
