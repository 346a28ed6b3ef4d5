//! Whether a gate sees a slowdown that is known to be there.

use reelbench_protocol::{Metric, Stage};
use serde::Serialize;

use super::{Check, CheckVerdict, Gate};
use crate::comparison::ComparedCell;
use crate::units::{count, percent};

/// A regression that a gate need not see: it is due from this multiple of what is allowed.
const DUE: f64 = 2.0;

/// What a gate made of a head that was slowed down on purpose.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfTest {
    /// The stage that was slowed; none where all were.
    pub stage: Option<Stage>,
    /// How much longer its spans were made: 0.25 is a quarter.
    pub slowdown: f64,
    /// Figures in which it had to show.
    pub due: usize,
    /// Those of them that did not fail, or whose difference was put down to another stage, with what was said instead.
    pub unseen: Vec<String>,
    /// The result in one line.
    pub headline: String,
}

impl SelfTest {
    /// Looks whether `gate` saw that `stage` of its head, or every stage, was slowed by this share.
    pub fn new(gate: &Gate, stage: Option<Stage>, slowdown: f64) -> Self {
        let expected = |check: &Check| {
            let cell = gate.cell(check)?;
            Some(1.0 + slowdown * slowed_share(cell, check.metric, stage)?)
        };
        let is_due = |check: &&Check| {
            expected(check).is_some_and(|expected| expected >= 1.0 + DUE * check.max_regression)
        };
        let due: Vec<&Check> = gate.checks.iter().filter(is_due).collect();
        let unseen: Vec<String> = due.iter().filter_map(|check| unseen(check, stage)).collect();
        let named = stage.map_or("every stage", Stage::as_str);
        let slowed = format!("{named} of head was slowed by {}", percent(slowdown));
        let headline = match (due.len(), unseen.len()) {
            (0, _) => format!("❌ BLIND: {slowed}, and of no figure more than is allowed came of it"),
            (due, 0) => {
                format!("✅ The gate sees: {slowed}, and {} failed as it had to", count(due, "figure"))
            }
            (due, unseen) => {
                format!("❌ BLIND: {slowed}, and {unseen} of {} did not show it", count(due, "figure"))
            }
        };
        Self { stage, slowdown, due: due.len(), unseen, headline }
    }

    /// Whether everything that had to show did.
    pub fn is_seen(&self) -> bool {
        self.due > 0 && self.unseen.is_empty()
    }
}

/// What a check says instead of a failure in the right stage.
fn unseen(check: &Check, slowed: Option<Stage>) -> Option<String> {
    let Check { name, metric, reason, .. } = check;
    if check.verdict != CheckVerdict::Fail {
        return Some(format!("{metric} of {name}: {} ({reason})", check.verdict.words()));
    }
    let wall_time = matches!(metric, Metric::Rtf | Metric::WallS);
    let blamed = check.stage.as_ref().and_then(|stage| stage.metric.stage());
    match slowed {
        Some(_) if wall_time && blamed != slowed => {
            let blamed = blamed.map_or("no stage", Stage::as_str);
            Some(format!("{metric} of {name}: failed, but {blamed} is named"))
        }
        _ => None,
    }
}

/// The share of a figure, as base measured it, that a slowed stage makes longer; none where it has nothing to do with it.
fn slowed_share(cell: &ComparedCell, metric: Metric, slowed: Option<Stage>) -> Option<f64> {
    let seconds = |metric| cell.metric(metric).map(|compared| compared.base);
    let is_slowed = |stage| slowed.is_none_or(|slowed| slowed == stage);
    match metric {
        Metric::Rtf | Metric::WallS => {
            let stages = Metric::ALL.iter().filter(|metric| metric.stage().is_some_and(is_slowed));
            let slowed: f64 = stages.filter_map(|stage| seconds(*stage)).sum();
            Some(slowed / seconds(Metric::WallS)?)
        }
        Metric::TokensPerS => is_slowed(Stage::Decode).then_some(1.0),
        _ => metric.stage().filter(|&stage| is_slowed(stage)).map(|_| 1.0),
    }
}
