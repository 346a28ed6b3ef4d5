//! One sample: its median, where the true median lies, and the percentiles that it can bear.

use serde::Serialize;

use crate::bootstrap;
use crate::family::{CONFIDENCE, Level};
use crate::ratio::Moments;
use crate::student;

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

/// The percentile `p` (0 to 1), type 7, where the samples bear it: where with a probability of [`CONFIDENCE`] the
/// true percentile lies between the least and the greatest of them, whatever its distribution (Wilks,
/// "Determination of sample sizes for setting tolerance limits", 1941). That takes 6 samples for the median, 29 for
/// the 90th percentile, 59 for the 95th and 299 for the 99th.
pub fn supported_percentile(samples: &[f64], p: f64) -> Option<f64> {
    supports(samples.len(), p).then(|| quantile(&sorted(samples), p))?
}

fn supports(samples: usize, p: f64) -> bool {
    let n = samples as f64;
    p > 0.0 && p < 1.0 && p.powf(n) + (1.0 - p).powf(n) <= 1.0 - CONFIDENCE
}

/// The 95 % interval of the median; it always holds the sample's. `None` for fewer than two samples, of which no
/// spread can be known, and where a few samples are not all positive and finite.
///
/// From six samples on, which is where their range holds the true median with 95 %, the bootstrap's: the medians of
/// all resamples (Efron, 1979) as they are distributed exactly, cut off at tails expanded for small samples (Hesterberg,
/// "What teachers should know about the bootstrap", 2015). Resampling fewer gives no more than their range, which
/// holds the true median with 50 % of two samples, 75 % of three, 87.5 % of four and 93.8 % of five. There the interval
/// is Student's t on logarithms: wide, but it holds the true median with 95 % where the logarithms are normal or
/// spoiled in a tenth of the samples, with 93 % where they are skewed, and with 85 % to 95 % in two modes.
pub fn median_interval(samples: &[f64]) -> Option<Interval> {
    let ascending = sorted(samples);
    let median = quantile(&ascending, 0.5)?;
    let Interval { lo, hi } = if supports(samples.len(), 0.5) {
        bootstrap::median_interval(&ascending, Level::default())?
    } else {
        student_interval(&ascending, median)?
    };
    // Where all samples are equal, an end must not miss the median by a rounding.
    Some(Interval { lo: lo.min(median), hi: hi.max(median) })
}

/// Student's interval of the mean of the logarithms, relative to a middle.
fn student_interval(samples: &[f64], middle: f64) -> Option<Interval> {
    let usable = samples.iter().all(|&sample| sample > 0.0 && sample.is_finite());
    let logs: Vec<f64> = samples.iter().map(|sample| (sample / middle).ln()).collect();
    let sample = Moments::of(&logs).filter(|_| usable)?;
    let reach = sample.error()? * student::quantile_above(Level::default().tail(), sample.count - 1.0);
    Some(Interval { lo: middle * (sample.mean - reach).exp(), hi: middle * (sample.mean + reach).exp() })
}

pub(crate) fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut ascending = samples.to_vec();
    ascending.sort_by(f64::total_cmp);
    ascending
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "reference figures as they were printed")]
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
        assert_eq!(median_interval(&[]), None);
        assert_eq!(median_interval(&[1.0]), None);
        assert_eq!(median_interval(&[2.0, 2.0]), Some(Interval { lo: 2.0, hi: 2.0 }));
    }

    #[test]
    fn a_few_samples_that_have_no_logarithm_have_no_interval() {
        assert_eq!(median_interval(&[1.0, 0.0, 1.0]), None);
        assert_eq!(median_interval(&[1.0, f64::INFINITY]), None);
        assert_eq!(median_interval(&[1.0, f64::NAN]), None);
    }

    #[test]
    fn few_samples_have_students_interval_on_logarithms() {
        // scipy 1.17.1: exp of stats.t.interval(.95, n - 1, mean(log(x)), sem(log(x))).
        let cases: [(&[f64], [f64; 2]); 3] = [
            (&[1.1, 1.0, 1.4], [0.750599292410288, 1.7766654758642266]),
            (&[20.0, 21.0], [15.031657063914285, 27.941031265825778]),
            (&[0.31, 0.3, 0.35, 0.29, 0.33], [0.28710311384002496, 0.346216107667557]),
        ];
        for (samples, [lo, hi]) in cases {
            let interval = median_interval(samples).unwrap();
            assert!((interval.lo / lo - 1.0).abs() < 1e-12, "{interval:?}");
            assert!((interval.hi / hi - 1.0).abs() < 1e-12, "{interval:?}");
        }
    }

    #[test]
    fn a_percentile_needs_its_samples() {
        for (p, least) in [(0.5, 6), (0.9, 29), (0.1, 29), (0.95, 59), (0.99, 299)] {
            let samples: Vec<f64> = (0..least).map(f64::from).collect();
            assert_eq!(supported_percentile(&samples[1..], p), None, "{p}");
            assert_eq!(supported_percentile(&samples, p), quantile(&samples, p), "{p}");
        }
        for p in [0.0, 1.0, f64::NAN] {
            assert_eq!(supported_percentile(&[1.0; 1000], p), None, "{p}");
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_median(samples in prop::collection::vec(1e-6..1e6_f64, 2..40)) {
            let median = median(&samples).unwrap();
            let Interval { lo, hi } = median_interval(&samples).unwrap();
            prop_assert!(0.0 <= lo && lo <= median && median <= hi);
        }

        #[test]
        fn the_interval_of_many_lies_within_them(samples in prop::collection::vec(-1e6..1e6_f64, 6..40)) {
            let ascending = sorted(&samples);
            let Interval { lo, hi } = median_interval(&samples).unwrap();
            prop_assert!(ascending[0] <= lo && hi <= ascending[ascending.len() - 1]);
        }
    }
}
