//! Statistics of a few repeated times. Pure functions: the same samples give the same numbers.

use rand::RngExt as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha8Rng;
use serde::Serialize;

/// Resamples of the bootstrap.
const RESAMPLES: usize = 10_000;
/// One seed for every interval, so that a report is the same bytes every time.
const SEED: u64 = 0x7265_656c;
/// Confidence of the intervals in reports.
pub const CONFIDENCE: f64 = 0.95;

/// An interval, both ends included; `[lo, hi]` in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(into = "[f64; 2]")]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.lo, interval.hi]
    }
}

/// The median; the mean of the middle two of an even number. `None` without samples.
pub fn median(samples: &[f64]) -> Option<f64> {
    quantile(&sorted(samples), 0.5)
}

/// The quantile `p` (0 to 1) of ascending samples, with linear interpolation between the closest ranks:
/// type 7 of Hyndman and Fan, "Sample quantiles in statistical packages" (1996), the default of R and numpy.
/// `None` without samples.
pub fn quantile(ascending: &[f64], p: f64) -> Option<f64> {
    let last = ascending.len().checked_sub(1)?;
    let place = p.clamp(0.0, 1.0) * last as f64;
    let below = ascending.get(place.floor() as usize)?;
    let above = ascending.get(place.ceil() as usize)?;
    // Written so that two equal neighbours give exactly themselves, and a half gives their mean.
    Some(below + (above - below) * place.fract())
}

/// The 95 % percentile-bootstrap interval of the median (Efron, "Bootstrap methods: another look at the
/// jackknife", 1979): medians of 10,000 resamples, and their quantiles 0.025 and 0.975.
/// `None` for fewer than two samples, of which no spread can be known.
pub fn median_interval(samples: &[f64]) -> Option<Interval> {
    if samples.len() < 2 {
        return None;
    }
    let medians = resampled_medians(samples);
    let tail = (1.0 - CONFIDENCE) / 2.0;
    Some(Interval { lo: quantile(&medians, tail)?, hi: quantile(&medians, 1.0 - tail)? })
}

/// The medians of all resamples, ascending.
fn resampled_medians(samples: &[f64]) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut resample = vec![0.0; samples.len()];
    let mut medians: Vec<f64> = (0..RESAMPLES)
        .filter_map(|_| {
            resample.fill_with(|| samples[rng.random_range(0..samples.len())]);
            resample.sort_by(f64::total_cmp);
            quantile(&resample, 0.5)
        })
        .collect();
    medians.sort_by(f64::total_cmp);
    medians
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut ascending = samples.to_vec();
    ascending.sort_by(f64::total_cmp);
    ascending
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn medians_by_hand() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 4.0]), Some(4.0));
        assert_eq!(median(&[9.0, 1.0, 4.0, 2.0]), Some(3.0));
    }

    #[test]
    fn quantiles_as_numpy_and_r_give_them() {
        // R: quantile(c(1, 2, 3, 4), c(.25, .4, .975)), type 7; the same as numpy.quantile.
        let ascending = [1.0, 2.0, 3.0, 4.0];
        for (p, expected) in [(0.0, 1.0), (0.25, 1.75), (0.4, 2.2), (0.975, 3.925), (1.0, 4.0)] {
            let got = quantile(&ascending, p).unwrap();
            assert!((got - expected).abs() < 1e-12, "{p}: {got} is not {expected}");
        }
    }

    #[test]
    fn one_sample_has_no_interval() {
        assert_eq!(median_interval(&[1.0]), None);
        assert_eq!(median_interval(&[2.0, 2.0]), Some(Interval { lo: 2.0, hi: 2.0 }));
    }

    #[test]
    fn the_interval_of_three_samples_is_their_range() {
        // Both extremes are the median of a resample with probability 7/27, far above 2.5 %.
        assert_eq!(median_interval(&[1.1, 1.0, 1.4]), Some(Interval { lo: 1.0, hi: 1.4 }));
    }

    /// The probability that the median of a resample of 13 is at most the sample of this rank, counted from 1:
    /// that at least 7 of 13 draws fall on the ranks up to it.
    fn median_at_most(rank: u32) -> f64 {
        let p = f64::from(rank) / 13.0;
        let ways = |hits: u32| (0..hits).fold(1.0, |ways, i| ways * f64::from(13 - i) / f64::from(i + 1));
        (7..=13).map(|hits| ways(hits) * p.powi(hits as i32) * (1.0 - p).powi(13 - hits as i32)).sum()
    }

    #[test]
    fn resampled_medians_follow_their_exact_distribution() {
        // Efron (1979), section 3, gives the distribution that the resamples only estimate.
        let samples: Vec<f64> = (1..=13).map(f64::from).collect();
        let medians = resampled_medians(&samples);
        for rank in 1..=13 {
            let expected = median_at_most(rank) - median_at_most(rank - 1);
            let share = medians.iter().filter(|&&m| m as u32 == rank).count() as f64 / RESAMPLES as f64;
            // Four standard errors of a share among 10,000, and one resample.
            let allowed =
                (4.0 * (expected * (1.0 - expected) / RESAMPLES as f64).sqrt()) + 1.0 / RESAMPLES as f64;
            assert!((share - expected).abs() <= allowed, "rank {rank}: {share} is not {expected}");
        }
    }

    proptest! {
        #[test]
        fn median_and_interval_lie_within_the_samples(samples in prop::collection::vec(1e-6..1e6_f64, 2..12)) {
            let ascending = sorted(&samples);
            let (min, max) = (ascending[0], ascending[ascending.len() - 1]);
            let median = median(&samples).unwrap();
            let Interval { lo, hi } = median_interval(&samples).unwrap();
            prop_assert!(min <= lo && lo <= hi && hi <= max);
            prop_assert!(min <= median && median <= max);
            prop_assert!(lo <= median && median <= hi);
        }
    }
}
