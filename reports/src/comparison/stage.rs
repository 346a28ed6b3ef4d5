//! Which stage a difference comes from.

use reelbench_protocol::Metric;
use serde::Serialize;

use super::cell::{Change, ComparedMetric};

/// The stage that most of a difference in wall time comes from.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StageChange {
    /// The stage: `stages.decode`.
    pub metric: Metric,
    /// Seconds more in head than in base, by their medians; negative where it got faster.
    pub difference_s: f64,
    /// The same of the whole repeat.
    pub of_s: f64,
    /// The stage's own ratio head over base; none where it took no time in base.
    pub ratio: Option<f64>,
}

impl StageChange {
    /// The stage's name: `decode`.
    pub fn stage(&self) -> &'static str {
        let name = self.metric.as_str();
        name.strip_prefix("stages.").unwrap_or(name)
    }
}

/// The stage whose seconds moved furthest the way that the whole repeat's did; none where that did not change.
pub(super) fn responsible(metrics: &[ComparedMetric]) -> Option<StageChange> {
    let wall = metrics.iter().find(|metric| metric.metric == Metric::WallS)?;
    let sign = match wall.change() {
        Change::Worse => 1.0,
        Change::Better => -1.0,
        Change::NotShown => return None,
    };
    let difference = |metric: &ComparedMetric| metric.head - metric.base;
    let stages = metrics.iter().filter(|metric| is_stage(metric.metric));
    let most = stages.max_by(|a, b| (sign * difference(a)).total_cmp(&(sign * difference(b))))?;
    (sign * difference(most) > 0.0).then(|| StageChange {
        metric: most.metric,
        difference_s: difference(most),
        of_s: difference(wall),
        ratio: (most.base > 0.0).then(|| most.head / most.base),
    })
}

fn is_stage(metric: Metric) -> bool {
    metric.stage().is_some() || metric == Metric::Unattributed
}
