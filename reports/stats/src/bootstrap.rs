//! The bootstrap of the median, without resampling.

use crate::describe::Interval;
use crate::family::Level;
use crate::special::{incomplete_beta, ln_gamma, normal_above};
use crate::student;

/// The probability below which the median of a resample is not expected at a rank at all.
const NEGLIGIBLE: f64 = 1e-12;

/// The expanded percentile interval of the median of at least two ascending samples: the medians of all resamples
/// (Efron, "Bootstrap methods: another look at the jackknife", 1979), cut off at tails that make good for the
/// bootstrap's own narrowness in small samples (Hesterberg, "What teachers should know about the bootstrap", 2015,
/// section 5.2).
///
/// Plain percentiles of 6 to 30 samples hold the true median with as little as 88 % of the stated 95 %, the expanded
/// ones with 95.4 % to 98.5 %, be the noise even, skewed, in two modes, or spoiled in a tenth of the samples.
pub(crate) fn median_interval(ascending: &[f64], level: Level) -> Option<Interval> {
    let count = ascending.len() as f64;
    let reach = (count / (count - 1.0)).sqrt() * student::quantile_above(level.tail(), count - 1.0);
    let tail = normal_above(reach);
    let medians = resampled_medians(ascending);
    let lo = first_beyond(medians.iter(), tail)?;
    let hi = first_beyond(medians.iter().rev(), tail)?;
    Some(Interval { lo, hi })
}

/// The median at which this much probability has been passed.
fn first_beyond<'a>(mut medians: impl Iterator<Item = &'a Likely>, tail: f64) -> Option<f64> {
    let mut passed = 0.0;
    medians.find_map(|median| {
        passed += median.probability;
        (passed > tail).then_some(median.value)
    })
}

/// A value that the median of a resample takes, and how often.
#[derive(Debug, Clone, Copy)]
struct Likely {
    value: f64,
    probability: f64,
}

/// The exact distribution of the median of a resample, ascending.
fn resampled_medians(ascending: &[f64]) -> Vec<Likely> {
    let n = ascending.len();
    let ranks = Ranks::of(n);
    let mut medians: Vec<Likely> = Vec::new();
    for (lower, &below) in ascending.iter().enumerate() {
        if ranks.lower(lower) < NEGLIGIBLE {
            continue;
        }
        medians.push(Likely { value: below, probability: ranks.both(lower) });
        if n % 2 == 1 {
            continue;
        }
        for (upper, &above) in ascending.iter().enumerate().skip(lower + 1) {
            // The upper of the middle two is the lower one seen from above.
            if ranks.lower(n - 1 - upper) >= NEGLIGIBLE {
                let value = below + 0.5 * (above - below);
                medians.push(Likely { value, probability: ranks.pair(lower, upper) });
            }
        }
    }
    medians.sort_by(|one, other| one.value.total_cmp(&other.value));
    medians
}

/// With which probability the middle two draws of a resample of n, or the one in the middle, fall on which of the
/// n samples, counted from 0.
struct Ranks {
    n: usize,
    /// That the lower one falls on one of the first samples, by their number.
    lower_within: Vec<f64>,
    /// That half of the draws fall on the first samples, or on the last, by their number: times the root of the
    /// ways to choose that half.
    half_within: Vec<f64>,
}

impl Ranks {
    fn of(n: usize) -> Self {
        let (count, half) = (n as f64, n.div_ceil(2) as f64);
        // At least half of n draws fall on the first samples.
        let lower_within = (0..=n)
            .map(|first| {
                let share = first as f64 / count;
                incomplete_beta(half, count - half + 1.0, share, (n - first) as f64 / count)
            })
            .collect();
        let ln_ways = ln_gamma(count + 1.0) - ln_gamma(half + 1.0) - ln_gamma(count - half + 1.0);
        let half_within =
            (0..=n).map(|samples| (0.5 * ln_ways + half * (samples as f64 / count).ln()).exp()).collect();
        Self { n, lower_within, half_within }
    }

    /// That the lower one falls on this sample.
    fn lower(&self, sample: usize) -> f64 {
        self.lower_within[sample + 1] - self.lower_within[sample]
    }

    /// That the lower one falls on this sample and the upper one on that, of an even number.
    fn pair(&self, lower: usize, upper: usize) -> f64 {
        self.half_ends_at(lower) * self.half_ends_at(self.n - 1 - upper)
    }

    /// That half of the draws fall on the samples up to this one, and not all of them before it.
    fn half_ends_at(&self, sample: usize) -> f64 {
        self.half_within[sample + 1] - self.half_within[sample]
    }

    /// That both fall on this sample; the one in the middle, of an odd number.
    fn both(&self, sample: usize) -> f64 {
        if self.n % 2 == 1 {
            return self.lower(sample);
        }
        // All but what has the upper one further up.
        (self.lower(sample) - self.half_ends_at(sample) * self.half_within[self.n - sample - 1]).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::median;

    /// The share of all `n^n` resamples whose median is at most this.
    fn by_counting(samples: &[f64], limit: f64) -> f64 {
        let n = samples.len();
        let all = n.pow(n as u32);
        let within = (0..all).filter(|resample| {
            let drawn: Vec<f64> = (0..n).map(|draw| samples[resample / n.pow(draw as u32) % n]).collect();
            median(&drawn).unwrap() <= limit
        });
        within.count() as f64 / all as f64
    }

    #[test]
    fn medians_are_as_likely_as_among_all_resamples() {
        let samples = [1.0, 1.5, 1.7, 2.6, 2.7, 9.0];
        for n in 2..=samples.len() {
            let mut within = 0.0;
            let medians = resampled_medians(&samples[..n]);
            for (index, median) in medians.iter().enumerate() {
                within += median.probability;
                if medians.get(index + 1).is_none_or(|next| next.value > median.value) {
                    let counted = by_counting(&samples[..n], median.value);
                    assert!(
                        (within - counted).abs() < 1e-12,
                        "{n}, {}: {within} is not {counted}",
                        median.value
                    );
                }
            }
        }
    }

    #[test]
    fn the_likely_medians_of_many_samples_are_all_there_are() {
        for n in [29, 30, 999, 1000, 20_001] {
            let samples: Vec<f64> = (0..n).map(f64::from).collect();
            let medians = resampled_medians(&samples);
            let all: f64 = medians.iter().map(|median| median.probability).sum();
            assert!((all - 1.0).abs() < 1e-8, "{n}: {all}");
            assert!(n < 999 || medians.len() < samples.len() * 40);
        }
    }

    #[test]
    fn tails_are_expanded_as_hesterberg_has_it() {
        // scipy 1.17.1, ranks from 1: binom gives the tails of the median of 21 at each rank, norm.cdf(-sqrt(21 / 20)
        // * t.isf(.025, 20)) = 0.01628 where they are cut off. Plain percentiles would end at ranks 7 and 15.
        let samples: Vec<f64> = (1..=21).map(f64::from).collect();
        let interval = median_interval(&samples, Level::default()).unwrap();
        assert_eq!(interval, Interval { lo: 6.0, hi: 16.0 });
    }
}
