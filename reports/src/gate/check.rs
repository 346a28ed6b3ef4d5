//! One figure of one cell, judged.

use std::fmt::Write as _;

use reelbench_protocol::{CellId, Metric};
use reelbench_stats::Verdict;
use serde::Serialize;

use crate::comparison::{
    ComparedCell, ComparedMetric, ComparedRuns, Limit, Presence, StageChange, figure, ratio_words,
};

/// One figure of one cell, judged.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// The cell.
    pub cell: CellId,
    /// Its name for people.
    pub name: String,
    /// The figure.
    pub metric: Metric,
    /// How much worse it may become: 0.05 is 5 %.
    pub max_regression: f64,
    /// The result.
    pub verdict: CheckVerdict,
    /// The result in words.
    pub reason: String,
    /// Head over base with its interval; none where it is missing.
    pub compared: Option<ComparedMetric>,
    /// The stage that the difference in time comes from.
    pub stage: Option<StageChange>,
}

/// The result of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckVerdict {
    /// The whole interval lies at or below the allowed regression.
    Pass,
    /// The whole interval lies above it.
    Fail,
    /// It lies within the interval, or there is none.
    Inconclusive,
    /// Base has it and head does not.
    Missing,
}

impl CheckVerdict {
    /// The word beside its sign.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Pass => "✅ pass",
            Self::Fail => "❌ fail",
            Self::Inconclusive => "❔ inconclusive",
            Self::Missing => "⛔ missing",
        }
    }
}

/// The checks of every cell that was ok in base, in the order of base's plan.
pub(super) fn checks(runs: &ComparedRuns) -> Vec<Check> {
    let judged = runs.cells.iter().filter(|cell| matches!(cell.presence, Presence::Both | Presence::Missing));
    judged.flat_map(|cell| runs.criteria.limits.iter().filter_map(|limit| check(cell, *limit))).collect()
}

/// None where base does not have the metric: there is nothing to become worse.
fn check(cell: &ComparedCell, Limit { metric, max_regression }: Limit) -> Option<Check> {
    let check = Check {
        cell: cell.id.clone(),
        name: cell.name.clone(),
        metric,
        max_regression,
        verdict: CheckVerdict::Missing,
        reason: String::new(),
        compared: None,
        stage: None,
    };
    let is_unmeasured = cell.presence == Presence::Missing && cell.lost.is_empty();
    if is_unmeasured || cell.lost.contains(&metric) {
        let reason = cell.reason.clone().unwrap_or_else(|| format!("head does not tell {metric}"));
        return Some(Check { reason, ..check });
    }
    let compared = cell.metric(metric)?;
    let verdict = match compared.verdict(max_regression) {
        Verdict::Pass => CheckVerdict::Pass,
        Verdict::Fail => CheckVerdict::Fail,
        Verdict::Inconclusive => CheckVerdict::Inconclusive,
    };
    let stage = cell.stage.clone().filter(|_| matches!(metric, Metric::Rtf | Metric::WallS));
    Some(Check {
        reason: reason(verdict, compared, max_regression, stage.as_ref()),
        verdict,
        compared: Some(compared.clone()),
        stage,
        ..check
    })
}

/// `0.500 → 0.640, ratio 1.280 [1.250, 1.311]; allowed 5.0 %; decode: +2.80 s of +2.80 s`.
fn reason(
    verdict: CheckVerdict,
    compared: &ComparedMetric,
    allowed: f64,
    stage: Option<&StageChange>,
) -> String {
    let mut words = format!(
        "{} → {}, ratio {}; allowed {:.1} %",
        figure(compared.metric, compared.base),
        figure(compared.metric, compared.head),
        ratio_words(compared),
        allowed * 100.0
    );
    if let (CheckVerdict::Inconclusive, Some(detectable)) = (verdict, compared.detectable_regression()) {
        let (rounds, percent) = (compared.rounds, detectable * 100.0);
        // Writing to a string cannot fail.
        let _ = write!(words, "; {rounds} rounds could have shown {percent:.1} %");
    }
    if let (CheckVerdict::Inconclusive, None) = (verdict, compared.interval) {
        words.push_str("; at least 2 rounds whose values are above 0 are needed");
    }
    if let Some(stage) = stage {
        words += "; ";
        words += &stage.words();
    }
    words
}
