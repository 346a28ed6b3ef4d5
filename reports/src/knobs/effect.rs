//! What pairs of cells say together, with an interval.

use std::collections::{BTreeMap, BTreeSet};

use reelbench_stats::{Clustered, Interval, Level, compare_paired, pooled_mean, pooled_ratio};
use serde::Serialize;

use crate::samples::Samples;

/// What an interval was drawn over, and so what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Over {
    /// Videos: it says where the effect lies over videos like these.
    Videos,
    /// The repeats of one video: it says nothing about other videos.
    Repeats,
}

/// A figure with a knob's value, over the same with the base value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    /// The geometric mean over the pairs.
    pub ratio: f64,
    /// Its 95 % interval, of this figure alone; none where there is one repeat of one video.
    pub interval: Option<Interval>,
    /// What the interval is about.
    pub over: Over,
    /// Pairs that have the figure.
    pub pairs: usize,
}

/// A score with a knob's value, less the same with the base value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ScoreDifference {
    /// The mean over the pairs.
    pub difference: f64,
    /// Its 95 % interval over videos, of this score alone; none of a single video.
    pub interval: Option<Interval>,
    /// Pairs that have the score.
    pub pairs: usize,
}

/// The ratios of one pair, by the number of the repeat.
pub(super) struct Rounds {
    pub(super) video: usize,
    pub(super) ratios: BTreeMap<u32, f64>,
}

impl Rounds {
    /// Repeats of the same number ran in one round, next to each other in time: what slowed the machine down then slowed
    /// both. Those of which a side is not positive say nothing about a ratio.
    pub(super) fn of(video: usize, base: &Samples, head: &Samples) -> Self {
        let ratio = |(repeat, base): (&u32, &f64)| Some((*repeat, head.get(repeat)? / base));
        let ratios = base.iter().filter_map(ratio);
        Self { video, ratios: ratios.filter(|(_, ratio)| *ratio > 0.0 && ratio.is_finite()).collect() }
    }
}

impl Ratio {
    /// Over several videos each pair counts once, and the video is the unit drawn. Of one video only the rounds that all
    /// pairs have count, and the round is the unit drawn.
    pub(super) fn of(mut pairs: Vec<Rounds>) -> Option<Self> {
        pairs.retain(|pair| !pair.ratios.is_empty());
        let videos: BTreeSet<usize> = pairs.iter().map(|pair| pair.video).collect();
        if videos.len() > 1 {
            let means: Vec<Clustered> = pairs
                .iter()
                .map(|pair| Clustered { cluster: pair.video, value: geometric_mean(pair.ratios.values()) })
                .collect();
            let pooled = pooled_ratio(&means, Level::default())?;
            return Some(Self {
                ratio: pooled.mean,
                interval: pooled.interval,
                over: Over::Videos,
                pairs: pooled.cells,
            });
        }
        let first = pairs.first()?;
        let shared =
            first.ratios.keys().filter(|round| pairs.iter().all(|pair| pair.ratios.contains_key(round)));
        let of_round = |round: &u32| geometric_mean(pairs.iter().filter_map(|pair| pair.ratios.get(round)));
        let rounds: Vec<f64> = shared.map(of_round).collect();
        let compared = compare_paired(&vec![1.0; rounds.len()], &rounds, Level::default(), 0.0)?;
        Some(Self {
            ratio: compared.ratio,
            interval: compared.interval,
            over: Over::Repeats,
            pairs: pairs.len(),
        })
    }

    /// Whether its interval excludes that nothing changed.
    pub fn is_shown(&self) -> bool {
        self.interval.is_some_and(|interval| interval.hi < 1.0 || interval.lo > 1.0)
    }
}

impl ScoreDifference {
    pub(super) fn of(pairs: &[Clustered]) -> Option<Self> {
        let pooled = pooled_mean(pairs, Level::default())?;
        Some(Self { difference: pooled.mean, interval: pooled.interval, pairs: pooled.cells })
    }
}

fn geometric_mean<'a>(ratios: impl Iterator<Item = &'a f64>) -> f64 {
    let (count, sum) = ratios.fold((0.0, 0.0), |(count, sum), ratio| (count + 1.0, sum + ratio.ln()));
    (sum / count).exp()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(values: &[f64]) -> Samples {
        (0..).zip(values.iter().copied()).collect()
    }

    #[test]
    fn rounds_without_a_partner_or_a_ratio_do_not_count() {
        let base = Samples::from([(0, 2.0), (1, 2.0), (2, 0.0), (4, 2.0)]);
        let head = Samples::from([(0, 1.0), (1, 0.0), (2, 1.0), (3, 1.0), (4, 3.0)]);
        assert_eq!(Rounds::of(0, &base, &head).ratios, BTreeMap::from([(0, 0.5), (4, 1.5)]));
        assert_eq!(Ratio::of(vec![Rounds { video: 0, ratios: BTreeMap::new() }]), None);
    }

    #[test]
    fn one_repeat_of_one_video_has_no_interval() {
        let ratio = Ratio::of(vec![Rounds::of(0, &samples(&[2.0]), &samples(&[1.0]))]).unwrap();
        assert_eq!((ratio.ratio, ratio.interval, ratio.over), (0.5, None, Over::Repeats));
        assert!(!ratio.is_shown());
    }

    proptest! {
        #[test]
        fn base_and_value_swapped_give_the_reciprocal(
            times in prop::collection::vec(
                (0..3_usize, prop::collection::vec((0.1..10.0_f64, 0.1..10.0_f64), 2..5)),
                1..6,
            ),
        ) {
            let ratio = |swap: bool| {
                let pairs = times.iter().map(|(video, rounds)| {
                    let (base, head): (Vec<f64>, Vec<f64>) = rounds.iter().copied().unzip();
                    let (base, head) = if swap { (head, base) } else { (base, head) };
                    Rounds::of(*video, &samples(&base), &samples(&head))
                });
                Ratio::of(pairs.collect()).unwrap()
            };
            let (there, back) = (ratio(false), ratio(true));
            prop_assert!((there.ratio * back.ratio - 1.0).abs() < 1e-9);
            if let (Some(there), Some(back)) = (there.interval, back.interval) {
                prop_assert!((there.lo * back.hi - 1.0).abs() < 1e-9);
                prop_assert!((there.hi * back.lo - 1.0).abs() < 1e-9);
            }
        }
    }
}
