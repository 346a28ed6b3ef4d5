//! What the samples themselves say: a slow first one, some far off, a drift, and whether their order matters.

use std::collections::BTreeMap;

use reelbench_stats as stats;

use super::trend::{Point, Trend, trend};
use super::{NoiseFinding, NoiseKind, samples};
use crate::run::CellRecord;
use crate::summary::CellSummary;
use crate::units::{count, percent};

/// A cell of a run with its numbers.
pub(super) type Measured<'a> = (&'a CellRecord, &'a CellSummary);

/// The modified z-score from which on a sample is an outlier: hyperfine 1.20's bound. Iglewicz and Hoaglin's 3.5 ("How to
/// detect and handle outliers", 1993) marks one among ten samples of a normal distribution in 12 % of cells.
const FAR: f64 = 10.0;
/// Makes the median absolute deviation of a normal distribution its standard deviation.
const NORMAL: f64 = 1.4826;
/// Fewer samples do not tell an outlier: of ten normal ones, some lies that far off in 0.2 % of cells, of five in 3 %.
const ENOUGH: usize = 10;
/// What is looked for in a run as a whole: a slow first sample, a drift, an effect of order.
const TESTS: f64 = 3.0;
/// The probability that any of them is found in a run without it.
const FALSE_ALARMS: f64 = 0.05;
/// The standard deviations that a normal value is beyond, on either side, with a probability of [`FALSE_ALARMS`] / [`TESTS`].
const BEYOND: f64 = 2.394;
/// Effects below this part of the median are too small to speak of.
const SMALL: f64 = 0.01;

/// Samples of a cell far off the others; the first, where it alone is and took longer, is told as such.
pub(super) fn far_off(cell: &CellSummary) -> Option<NoiseFinding> {
    let samples = walls(cell);
    let scores = modified_z_scores(samples);
    let far: Vec<(u32, f64)> =
        (0..).zip(scores).map(|(repeat, z)| (repeat, z.abs())).filter(|(_, z)| *z > FAR).collect();
    let most = far.iter().map(|(_, z)| *z).max_by(f64::total_cmp)?;
    if let ([(0, _)], Some(excess)) = (far.as_slice(), first_excess(samples).filter(|excess| *excess > 0.0)) {
        let words = format!("the first sample took {} longer than the others", percent(excess));
        return Some(NoiseFinding::new(NoiseKind::SlowFirstRepeat, vec![0], excess, words));
    }
    let words = format!("{} of {} far off the others", far.len(), count(samples.len(), "sample"));
    let repeats = far.iter().map(|(repeat, _)| *repeat).collect();
    Some(NoiseFinding::new(NoiseKind::Outliers, repeats, most, words))
}

/// What shows only in all cells together.
pub(super) fn over_the_run(cells: &[Measured<'_>]) -> Vec<NoiseFinding> {
    let told = [slow_first(cells), drift(cells), order_effect(cells)];
    told.into_iter().flatten().collect()
}

fn walls(cell: &CellSummary) -> &[f64] {
    cell.wall_s.as_ref().map(|wall| wall.samples.as_slice()).unwrap_or_default()
}

/// Distances from the median in (estimated) standard deviations, after Iglewicz and Hoaglin (1993); none for few samples, or
/// where half of them are equal.
fn modified_z_scores(samples: &[f64]) -> Vec<f64> {
    let Some(median) = stats::median(samples).filter(|_| samples.len() >= ENOUGH) else { return Vec::new() };
    let distances: Vec<f64> = samples.iter().map(|sample| (sample - median).abs()).collect();
    let Some(mad) = stats::median(&distances).filter(|mad| *mad > 0.0) else { return Vec::new() };
    samples.iter().map(|sample| (sample - median) / (NORMAL * mad)).collect()
}

/// By which share of the others' median the first sample is longer.
fn first_excess(samples: &[f64]) -> Option<f64> {
    let (first, others) = samples.split_first()?;
    Some(first / stats::median(others)? - 1.0)
}

/// Whether the first sample is the longest in more cells than chance makes it: of n samples, in one of n.
fn slow_first(cells: &[Measured<'_>]) -> Option<NoiseFinding> {
    let cells: Vec<&[f64]> =
        cells.iter().map(|(_, cell)| walls(cell)).filter(|samples| samples.len() > 1).collect();
    let is_slow = |samples: &&&[f64]| {
        samples.first().is_some_and(|first| samples.iter().skip(1).all(|other| first > other))
    };
    let slow = cells.iter().filter(is_slow).count();
    let chances: Vec<f64> = cells.iter().map(|samples| 1.0 / samples.len() as f64).collect();
    let excesses: Vec<f64> = cells.iter().filter_map(|samples| first_excess(samples)).collect();
    let excess = stats::median(&excesses)?;
    (at_least(slow, &chances) < FALSE_ALARMS / TESTS && excess > SMALL).then(|| {
        let words = format!(
            "the first sample is the slowest in {slow} of {}, by {}",
            count(cells.len(), "cell"),
            percent(excess)
        );
        NoiseFinding::new(NoiseKind::SlowFirstRepeat, vec![0], excess, words)
    })
}

/// The probability that at least `number` of independent events happen, each with its chance (Poisson's binomial
/// distribution, by adding one event after the other).
fn at_least(number: usize, chances: &[f64]) -> f64 {
    let mut happened = vec![0.0; chances.len() + 1];
    happened[0] = 1.0;
    for (before, chance) in chances.iter().enumerate() {
        for count in (0..=before).rev() {
            let here = happened[count];
            happened[count + 1] += here * chance;
            happened[count] = here * (1.0 - chance);
        }
    }
    happened.iter().skip(number).sum()
}

/// Whether times go with the moment in the run, in all cells together.
fn drift(cells: &[Measured<'_>]) -> Option<NoiseFinding> {
    let blocks = blocks(cells, |_, turn| Some(turn as f64));
    let turns = || blocks.iter().flatten().map(|point| point.0);
    let length = turns().fold(0.0, f64::max) - turns().fold(f64::INFINITY, f64::min);
    let size = effect(&blocks, length)?;
    let words = format!("times {} from the run's beginning to its end", change(size));
    Some(NoiseFinding::new(NoiseKind::Drift, Vec::new(), size, words))
}

/// Whether times go with the place in a round, in all cells together.
fn order_effect(cells: &[Measured<'_>]) -> Option<NoiseFinding> {
    let places = places_in_rounds(cells);
    let blocks = blocks(cells, |_, turn| places.get(&turn).copied());
    let last = places.values().copied().fold(0.0, f64::max);
    let size = effect(&blocks, last)?;
    let words = format!("times {} from the first to the last place in a round", change(size));
    Some(NoiseFinding::new(NoiseKind::OrderEffect, Vec::new(), size, words))
}

/// The change over a length that is beyond chance and not small.
fn effect(blocks: &[Vec<Point>], length: f64) -> Option<f64> {
    let Trend { z, slope } = trend(blocks)?;
    let size = (slope * length).exp_m1();
    (z.abs() > BEYOND && size.abs() > SMALL).then_some(size)
}

fn change(size: f64) -> String {
    format!("{} by {}", if size > 0.0 { "grew" } else { "shrank" }, percent(size.abs()))
}

/// For each cell the logarithms of its samples' times, at places that their repeat and turn tell.
fn blocks(cells: &[Measured<'_>], place: impl Fn(u32, usize) -> Option<f64>) -> Vec<Vec<Point>> {
    let block = |(record, cell): &Measured<'_>| {
        let observed = samples(record);
        let points = observed.iter().zip(walls(cell)).filter(|(_, wall)| **wall > 0.0);
        points.filter_map(|(seen, wall)| Some((place(seen.repeat, seen.turn)?, wall.ln()))).collect()
    };
    cells.iter().map(block).collect()
}

/// The place of every sample in its round, counted from 0, by its turn. A round is what follows upon each other with the same
/// number of repeat.
fn places_in_rounds(cells: &[Measured<'_>]) -> BTreeMap<usize, f64> {
    let turns: BTreeMap<usize, u32> = cells
        .iter()
        .flat_map(|(record, _)| samples(record))
        .map(|sample| (sample.turn, sample.repeat))
        .collect();
    let mut places = BTreeMap::new();
    let mut round = None;
    let mut place = 0.0;
    for (turn, repeat) in turns {
        place = if round == Some(repeat) { place + 1.0 } else { 0.0 };
        round = Some(repeat);
        places.insert(turn, place);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chances_add_up() {
        // Two of three fair coins: 3/8 + 1/8. All of two dice: 1/36.
        assert!((at_least(2, &[0.5; 3]) - 0.5).abs() < 1e-12);
        assert!((at_least(2, &[1.0 / 6.0; 2]) - 1.0 / 36.0).abs() < 1e-12);
        assert!((at_least(1, &[0.5, 0.25]) - 0.625).abs() < 1e-12);
        assert!((at_least(0, &[0.5; 3]) - 1.0).abs() < 1e-12);
        assert!((at_least(0, &[]) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn scores_by_hand() {
        // The median is 5.5, the absolute deviations 0.5 to 4.5 twice each, their median 2.5; but the last is 100.
        let mut samples: Vec<f64> = (1..=10).map(f64::from).collect();
        samples[9] = 100.0;
        let scores = modified_z_scores(&samples);
        assert!((scores[9] - 94.5 / (1.4826 * 2.5)).abs() < 1e-12, "{scores:?}");
        assert_eq!(modified_z_scores(&samples[..9]), Vec::<f64>::new(), "too few");
        assert_eq!(modified_z_scores(&[1.0; 12]), Vec::<f64>::new(), "no spread");
    }
}
