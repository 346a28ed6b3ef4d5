//! The figures of pairs of cells, and what they come to.

use std::collections::{BTreeMap, HashMap};

use reelbench_protocol::{Metric, VideoId};
use reelbench_stats::Clustered;

use super::effect::{Ratio, Rounds, ScoreDifference};
use super::pairs::{Pair, Placed};
use super::{Moved, TOKENS_OUT, WEIGHTS_BYTES};
use crate::outcome::Outcome;
use crate::run::CellRecord;
use crate::samples::{Samples, samples};
use crate::summary::CellSummary;

/// A figure of which a cell has one, and not one per repeat.
type PerCell = fn(&CellSummary) -> Option<u64>;

const PER_CELL: [(&str, PerCell); 2] =
    [(TOKENS_OUT, |cell| cell.tokens_out), (WEIGHTS_BYTES, |cell| cell.weights_bytes)];

/// What the repeats of each cell measured, worked out once for cells that are in several pairs.
pub(super) struct Figures<'a> {
    records: &'a [CellRecord],
    known: HashMap<usize, BTreeMap<Metric, Samples>>,
}

impl<'a> Figures<'a> {
    pub(super) fn of(records: &'a [CellRecord]) -> Self {
        Self { records, known: HashMap::new() }
    }

    fn learn(&mut self, place: usize) {
        let records = self.records;
        self.known.entry(place).or_insert_with(|| records.get(place).map(samples).unwrap_or_default());
    }

    fn samples(&self, placed: Placed<'_>, metric: Metric) -> Option<&Samples> {
        self.known.get(&placed.place)?.get(&metric)
    }
}

/// The pairs of which both cells are ok, with the number of their video.
pub(super) struct OkPairs<'a> {
    pairs: Vec<(usize, Pair<'a>)>,
    videos: usize,
}

impl<'a> OkPairs<'a> {
    pub(super) fn of(planned: &[Pair<'a>]) -> Self {
        let mut videos: HashMap<&VideoId, usize> = HashMap::new();
        let is_ok =
            |pair: &&Pair<'a>| pair.base.cell.outcome == Outcome::Ok && pair.head.cell.outcome == Outcome::Ok;
        let numbered = |pair: &Pair<'a>| {
            let next = videos.len();
            (*videos.entry(&pair.base.cell.video).or_insert(next), *pair)
        };
        let pairs = planned.iter().filter(is_ok).map(numbered).collect();
        Self { pairs, videos: videos.len() }
    }

    pub(super) fn count(&self) -> usize {
        self.pairs.len()
    }

    pub(super) fn videos(&self) -> usize {
        self.videos
    }

    pub(super) fn have_dummy_weights(&self) -> bool {
        self.pairs.iter().any(|(_, pair)| pair.base.cell.dummy_weights || pair.head.cell.dummy_weights)
    }

    /// The ratio of every figure that both cells of some pair have.
    pub(super) fn ratios(&self, figures: &mut Figures<'_>) -> BTreeMap<String, Ratio> {
        for (_, pair) in &self.pairs {
            figures.learn(pair.base.place);
            figures.learn(pair.head.place);
        }
        let per_repeat = Metric::ALL.iter().map(|&metric| {
            let rounds = self.pairs.iter().filter_map(|&(video, pair)| {
                let (base, head) = (figures.samples(pair.base, metric)?, figures.samples(pair.head, metric)?);
                Some(Rounds::of(video, base, head))
            });
            (metric.to_string(), Ratio::of(rounds.collect()))
        });
        let per_cell = PER_CELL.iter().map(|&(name, figure)| {
            let rounds = self.pairs.iter().filter_map(|&(video, pair)| {
                let once = |placed: Placed<'_>| Some(Samples::from([(0, figure(placed.cell)? as f64)]));
                Some(Rounds::of(video, &once(pair.base)?, &once(pair.head)?))
            });
            (name.to_owned(), Ratio::of(rounds.collect()))
        });
        per_repeat.chain(per_cell).filter_map(|(name, ratio)| Some((name, ratio?))).collect()
    }

    /// The difference of every score that both cells of some pair have.
    pub(super) fn differences(&self) -> BTreeMap<String, ScoreDifference> {
        let mut differences: BTreeMap<&str, Vec<Clustered>> = BTreeMap::new();
        for &(cluster, pair) in &self.pairs {
            for (name, base) in &pair.base.cell.quality {
                if let Some(head) = pair.head.cell.quality.get(name) {
                    differences.entry(name).or_default().push(Clustered { cluster, value: head - base });
                }
            }
        }
        let pooled = differences.into_iter();
        pooled.filter_map(|(name, pairs)| Some((name.to_owned(), ScoreDifference::of(&pairs)?))).collect()
    }

    /// The part of the time whose seconds moved furthest, either way. The first of the pipeline where two are equal.
    pub(super) fn most_moved(&self) -> Option<Moved> {
        let parts =
            Metric::ALL.iter().filter_map(|&metric| Some((metric, metric.as_str().strip_prefix("stages.")?)));
        let moved = parts.filter_map(|(metric, part)| {
            let of_pair = |(_, pair): &(usize, Pair<'_>)| {
                let (base, head) = (pair.base.cell.stage_s(part), pair.head.cell.stage_s(part));
                (base.is_some() || head.is_some()).then(|| head.unwrap_or(0.0) - base.unwrap_or(0.0))
            };
            let seconds: Vec<f64> = self.pairs.iter().filter_map(of_pair).collect();
            let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
            (!seconds.is_empty()).then_some(Moved { metric, seconds: mean })
        });
        moved.reduce(|most, next| if next.seconds.abs() > most.seconds.abs() { next } else { most })
    }
}
