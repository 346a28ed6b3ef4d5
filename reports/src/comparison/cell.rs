//! One cell of two runs.

use std::collections::BTreeMap;

use reelbench_protocol::{Better, CellId, Metric, VideoId};
use reelbench_stats::{
    self as stats, Comparison, Interval, Level, Verdict, compare_paired, compare_unpaired,
};
use serde::Serialize;

use super::stage::{self, StageChange};
use super::{Criteria, Flag, Pairing, said};
use crate::outcome::Outcome;
use crate::run::CellRecord;
use crate::samples::{Samples, samples};
use crate::summary::CellSummary;

/// A cell of two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedCell {
    /// The cell.
    pub id: CellId,
    /// What it works on and the settings that vary.
    pub name: String,
    /// The film.
    pub video: VideoId,
    /// Whether its numbers come from random weights.
    pub dummy_weights: bool,
    /// Which run measured it.
    pub presence: Presence,
    /// Why it cannot be compared.
    pub reason: Option<String>,
    /// How what it said differs.
    pub flags: Vec<Flag>,
    /// Every metric that base has, where both runs measured it. Of a cell that head lacks, those that base has, by name.
    pub metrics: Vec<ComparedMetric>,
    /// Metrics that base has, and head does not; none either of a cell that base could not measure because head broke it.
    pub lost: Vec<Metric>,
    /// The stage that most of a difference in wall time comes from; none where no difference is shown.
    pub stage: Option<StageChange>,
}

/// Which run measured a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    /// Both, and it was ok.
    Both,
    /// It was ok in base, and is absent or not ok in head.
    Missing,
    /// It was not ok in base.
    NotInBase,
    /// Base's plan does not have it.
    OnlyInHead,
}

/// A metric of a cell in two runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ComparedMetric {
    /// The metric.
    pub metric: Metric,
    /// Median in base, in the metric's unit.
    pub base: f64,
    /// Median in head.
    pub head: f64,
    /// Head over base; none where it is no number.
    pub ratio: Option<f64>,
    /// Its interval; none where the data does not give one.
    pub interval: Option<Interval>,
    /// The smallest ratio that this much data would have shown to be a regression beyond the one allowed.
    pub detectable: Option<f64>,
    /// Rounds that count.
    pub rounds: usize,
    /// Standard deviation of the logarithms of the rounds' ratios; none where rounds are not paired.
    pub noise: Option<f64>,
    /// The same with the sides such that more than 1 is worse.
    #[serde(skip)]
    worse: Option<Comparison>,
}

/// What an interval says about a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// The whole interval lies on the worse side of no change.
    Worse,
    /// The whole interval lies on the better side.
    Better,
    /// It does not exclude that nothing changed, or there is none.
    NotShown,
}

impl ComparedCell {
    /// A metric of it.
    pub fn metric(&self, metric: Metric) -> Option<&ComparedMetric> {
        self.metrics.iter().find(|compared| compared.metric == metric)
    }

    /// Whether head says less than base.
    pub fn says_less(&self) -> bool {
        self.flags.iter().any(Flag::is_less)
    }
}

impl ComparedMetric {
    /// What its interval says about a change.
    pub fn change(&self) -> Change {
        match self.worse.and_then(|worse| worse.interval) {
            Some(interval) if interval.lo > 1.0 => Change::Worse,
            Some(interval) if interval.hi < 1.0 => Change::Better,
            _ => Change::NotShown,
        }
    }

    /// What its interval says about an allowed regression.
    pub(crate) fn verdict(&self, allowed: f64) -> Verdict {
        self.worse.map_or(Verdict::Inconclusive, |worse| worse.verdict(allowed))
    }

    /// The ratio with the sides such that more than 1 is worse.
    pub(crate) fn worse_ratio(&self) -> Option<f64> {
        self.worse.map(|worse| worse.ratio)
    }

    /// The smallest detectable regression as a fraction: 0.034 for 3.4 %.
    pub(crate) fn detectable_regression(&self) -> Option<f64> {
        self.worse?.detectable.map(|detectable| detectable - 1.0)
    }

    fn new(metric: Metric, (base, head): (f64, f64), worse: Option<Comparison>) -> Self {
        let turn = |ratio: f64| match metric.better() {
            Better::Lower => ratio,
            Better::Higher => ratio.recip(),
        };
        let interval = worse.and_then(|worse| worse.interval).map(|Interval { lo, hi }| {
            let (lo, hi) = (turn(lo), turn(hi));
            Interval { lo: lo.min(hi), hi: lo.max(hi) }
        });
        Self {
            metric,
            base,
            head,
            ratio: worse.map(|worse| turn(worse.ratio)),
            interval,
            detectable: worse.and_then(|worse| worse.detectable).map(turn),
            rounds: worse.map_or(0, |worse| worse.rounds),
            noise: None,
            worse,
        }
    }
}

/// A cell in one run.
#[derive(Debug, Clone)]
pub(super) struct Side<'a> {
    record: &'a CellRecord,
    summary: &'a CellSummary,
    name: String,
    samples: BTreeMap<Metric, Samples>,
}

impl<'a> Side<'a> {
    pub(super) fn new(record: &'a CellRecord, summary: &'a CellSummary, name: String) -> Self {
        let is_measured = summary.outcome.is_measured();
        let samples = if is_measured { samples(record) } else { BTreeMap::new() };
        Self { record, summary, name, samples }
    }

    pub(super) fn id(&self) -> &'a CellId {
        &self.record.planned.id
    }

    pub(super) fn outcome(&self) -> Outcome {
        self.summary.outcome
    }

    /// Whether it ended by a fault of its own.
    pub(super) fn broke(&self) -> bool {
        matches!(self.summary.outcome, Outcome::Failed | Outcome::Timeout | Outcome::Oom)
    }

    /// `timeout: decode, scene 7: no answer within 30m`.
    pub(super) fn reason(&self) -> String {
        let outcome = self.summary.outcome.as_str();
        match &self.summary.reason {
            Some(reason) => format!("{outcome}: {reason}"),
            None => outcome.to_owned(),
        }
    }

    /// The cell with nothing to compare it with.
    pub(super) fn alone(&self, presence: Presence, reason: String) -> ComparedCell {
        ComparedCell {
            id: self.id().clone(),
            name: self.name.clone(),
            video: self.summary.video.clone(),
            dummy_weights: self.summary.dummy_weights,
            presence,
            reason: Some(reason),
            flags: Vec::new(),
            metrics: Vec::new(),
            lost: self.metrics(),
            stage: None,
        }
    }

    /// The metrics that it has.
    fn metrics(&self) -> Vec<Metric> {
        Metric::ALL.iter().copied().filter(|&metric| self.has(metric)).collect()
    }

    fn has(&self, metric: Metric) -> bool {
        self.samples.contains_key(&metric) || self.score(metric).is_some()
    }

    /// A score of quality: one per run, since an ok cell says the same in each repeat.
    fn score(&self, metric: Metric) -> Option<f64> {
        self.summary.quality.get(metric.quality()?).copied()
    }
}

/// A cell that is ok in both runs.
pub(super) struct Both<'a> {
    base: Side<'a>,
    head: Side<'a>,
    pairing: Pairing,
}

impl<'a> Both<'a> {
    pub(super) fn new(base: Side<'a>, head: Side<'a>, pairing: Pairing) -> Self {
        Self { base, head, pairing }
    }

    /// How many of the metrics to be judged both sides have.
    pub(super) fn gated(&self, criteria: &Criteria) -> usize {
        let metrics = criteria.limits.iter().map(|limit| limit.metric);
        metrics.filter(|&metric| self.base.has(metric) && self.head.has(metric)).count()
    }

    pub(super) fn compare(self, level: Level, criteria: &Criteria) -> ComparedCell {
        let (has, lost) = self.base.metrics().into_iter().partition(|&metric| self.head.has(metric));
        let has: Vec<Metric> = has;
        let metrics: Vec<ComparedMetric> =
            has.into_iter().map(|metric| self.metric(metric, level, criteria.allowed(metric))).collect();
        ComparedCell {
            presence: Presence::Both,
            reason: None,
            flags: said::flags(self.base.record, self.head.record),
            stage: stage::responsible(&metrics),
            metrics,
            lost,
            ..self.base.alone(Presence::Both, String::new())
        }
    }

    fn metric(&self, metric: Metric, level: Level, allowed: f64) -> ComparedMetric {
        if let (Some(base), Some(head)) = (self.base.score(metric), self.head.score(metric)) {
            return ComparedMetric::new(metric, (base, head), Some(exact(metric, base, head, allowed)));
        }
        let none = Samples::new();
        let base = self.base.samples.get(&metric).unwrap_or(&none);
        let head = self.head.samples.get(&metric).unwrap_or(&none);
        let (base, head) = match self.pairing {
            Pairing::Paired => common(base, head),
            Pairing::Unpaired => (base.values().copied().collect(), head.values().copied().collect()),
        };
        let compare = match self.pairing {
            Pairing::Paired => compare_paired,
            Pairing::Unpaired => compare_unpaired,
        };
        let worse = match metric.better() {
            Better::Lower => compare(&base, &head, level, allowed),
            Better::Higher => compare(&head, &base, level, allowed),
        };
        let medians = [&base, &head].map(|samples| stats::median(samples).unwrap_or(f64::NAN));
        let noise = if self.pairing == Pairing::Paired { noise(&base, &head) } else { None };
        ComparedMetric { noise, ..ComparedMetric::new(metric, medians.into(), worse) }
    }
}

/// The samples of the repeats that both sides have, one beside the other.
fn common(base: &Samples, head: &Samples) -> (Vec<f64>, Vec<f64>) {
    base.iter().filter_map(|(repeat, &base)| Some((base, *head.get(repeat)?))).unzip()
}

/// How far the logarithms of the rounds' ratios spread.
fn noise(base: &[f64], head: &[f64]) -> Option<f64> {
    let ratios = base.iter().zip(head).map(|(base, head)| (head / base).ln());
    let logs: Vec<f64> = ratios.filter(|log| log.is_finite()).collect();
    let freedom = logs.len().checked_sub(1).filter(|&freedom| freedom > 0)?;
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    let squares: f64 = logs.iter().map(|log| (log - mean).powi(2)).sum();
    Some((squares / freedom as f64).sqrt())
}

/// Two scores without noise. Becoming worse than nothing wrong is infinitely worse.
fn exact(metric: Metric, base: f64, head: f64, allowed: f64) -> Comparison {
    let (from, to) = match metric.better() {
        Better::Lower => (base, head),
        Better::Higher => (head, base),
    };
    let ratio = if to <= 0.0 && from <= 0.0 { 1.0 } else { to / from };
    let interval = Some(Interval { lo: ratio, hi: ratio });
    Comparison { ratio, interval, detectable: Some(1.0 + allowed), rounds: 1 }
}
