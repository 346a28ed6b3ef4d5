//! Two sides of one cell, the base and the head that is to be judged.

use serde::Serialize;

use crate::describe::Interval;
use crate::detectable;
use crate::family::Level;
use crate::student;

/// How head compares with base in one cell, in a metric in which less is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Head over base: the geometric mean of the rounds' ratios.
    pub ratio: f64,
    /// Where the true ratio lies. `None` where two rounds or more, of each side, are missing, and where it is too
    /// wide to be written as a number.
    pub interval: Option<Interval>,
    /// The true ratio from which on as many rounds, measured anew amid the same noise, would be called a regression
    /// with a probability of at least 90 %: 1.034 for 3.4 %. `None` like the interval.
    pub detectable: Option<f64>,
    /// The usable rounds; of the side that has fewer, where rounds are not paired.
    pub rounds: usize,
}

/// What the interval says about the allowed regression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The whole interval lies at or below it.
    Pass,
    /// The whole interval lies above it.
    Fail,
    /// It lies within the interval, or there is none.
    Inconclusive,
}

impl Comparison {
    /// The verdict on an allowed regression, 0.05 for 5 %.
    pub fn verdict(&self, allowed: f64) -> Verdict {
        let limit = 1.0 + allowed;
        match self.interval {
            Some(interval) if interval.lo > limit => Verdict::Fail,
            Some(interval) if interval.hi <= limit => Verdict::Pass,
            _ => Verdict::Inconclusive,
        }
    }
}

/// Compares rounds in which both sides ran one after the other: value n of base belongs to value n of head, and
/// what slowed the machine in that round cancels out.
///
/// Student's t interval of the mean of `ln(head / base)`. A round counts where both of its values are positive and
/// finite; `None` where none does.
pub fn compare_paired(base: &[f64], head: &[f64], level: Level, allowed: f64) -> Option<Comparison> {
    let logs: Vec<f64> = base
        .iter()
        .zip(head)
        .filter(|&(&base, &head)| usable(base) && usable(head))
        .map(|(base, head)| (head / base).ln())
        .collect();
    let rounds = logs.len();
    let sample = Moments::of(&logs)?;
    let error = sample.error().map(|error| Error { size: error, freedom: rounds as f64 - 1.0 });
    Some(compared(sample.mean, error, rounds, level, allowed))
}

/// Compares two runs whose rounds have nothing to do with each other.
///
/// Welch's interval ("The generalization of 'Student's' problem when several different population variances are
/// involved", 1947) of the difference between the means of the logarithms. It takes every value for a fresh draw:
/// what made all of one run slower than the other, it takes for a difference of the sides. Values count where they
/// are positive and finite; `None` where a side has none.
pub fn compare_unpaired(base: &[f64], head: &[f64], level: Level, allowed: f64) -> Option<Comparison> {
    let logs = |values: &[f64]| -> Vec<f64> {
        values.iter().copied().filter(|&value| usable(value)).map(f64::ln).collect()
    };
    let (base, head) = (logs(base), logs(head));
    let (base, head) = (Moments::of(&base)?, Moments::of(&head)?);
    let error = base.error().zip(head.error()).map(|(of_base, of_head)| {
        let size = of_base.hypot(of_head);
        let share = if size > 0.0 { (of_base / size).powi(2) } else { 0.5 };
        let freedom =
            (share.powi(2) / (base.count - 1.0) + (1.0 - share).powi(2) / (head.count - 1.0)).recip();
        Error { size, freedom }
    });
    Some(compared(head.mean - base.mean, error, base.count.min(head.count) as usize, level, allowed))
}

/// How far a mean may be off.
#[derive(Clone, Copy)]
struct Error {
    /// The standard error.
    size: f64,
    /// Its degrees of freedom.
    freedom: f64,
}

fn compared(mean: f64, error: Option<Error>, rounds: usize, level: Level, allowed: f64) -> Comparison {
    let interval = error.and_then(|Error { size, freedom }| {
        let reach = size * student::quantile_above(level.tail(), freedom);
        let interval = Interval { lo: (mean - reach).exp(), hi: (mean + reach).exp() };
        (interval.lo.is_finite() && interval.hi.is_finite()).then_some(interval)
    });
    let detectable = error
        .map(|Error { size, freedom }| {
            (1.0 + allowed) * (size * detectable::errors_away(level.tail(), freedom)).exp()
        })
        .filter(|detectable| detectable.is_finite());
    Comparison { ratio: mean.exp(), interval, detectable, rounds }
}

fn usable(value: f64) -> bool {
    value > 0.0 && value.is_finite()
}

/// Mean and variance of a sample.
pub(crate) struct Moments {
    pub(crate) count: f64,
    pub(crate) mean: f64,
    /// With `count - 1` below; `None` of one value.
    variance: Option<f64>,
}

impl Moments {
    /// `None` of no values.
    pub(crate) fn of(values: &[f64]) -> Option<Self> {
        let count = values.len() as f64;
        if values.is_empty() {
            return None;
        }
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        Some(Self { count, mean, variance: (values.len() > 1).then(|| squares / (count - 1.0)) })
    }

    /// The standard error of the mean.
    pub(crate) fn error(&self) -> Option<f64> {
        Some((self.variance? / self.count).sqrt())
    }
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "reference figures as they were printed")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BASE: [f64; 6] = [1.02, 0.99, 1.01, 1.07, 1.0, 0.98];
    const HEAD: [f64; 6] = [1.1, 1.06, 1.12, 1.13, 1.08, 1.09];

    #[track_caller]
    fn assert_ratio(comparison: Comparison, ratio: f64, [lo, hi]: [f64; 2]) {
        let interval = comparison.interval.unwrap();
        for (got, expected) in [(comparison.ratio, ratio), (interval.lo, lo), (interval.hi, hi)] {
            assert!((got / expected - 1.0).abs() < 1e-11, "{got} is not {expected}");
        }
    }

    fn family_of_12() -> Level {
        Level::default().for_family(12)
    }

    #[test]
    fn paired_rounds_as_scipy_compares_them() {
        // scipy 1.17.1: stats.ttest_rel(log(HEAD), log(BASE)).confidence_interval(1 - .05 / 12).
        let comparison = compare_paired(&BASE, &HEAD, family_of_12(), 0.0).unwrap();
        assert_ratio(comparison, 1.0842092614241279, [1.0404475948413245, 1.1298115622412739]);
        assert_eq!(comparison.rounds, 6);
    }

    #[test]
    fn unpaired_rounds_as_scipy_compares_them() {
        // scipy 1.17.1: stats.ttest_ind(log(HEAD[:4]), log(BASE), equal_var=False), as above.
        let comparison = compare_unpaired(&BASE, &HEAD[..4], family_of_12(), 0.0).unwrap();
        assert_ratio(comparison, 1.0899025162202332, [1.0069135621018621, 1.179731348918931]);
        assert_eq!(comparison.rounds, 4);
    }

    #[test]
    fn the_verdict_follows_the_interval() {
        let of = |lo, hi| Comparison {
            ratio: 1.0,
            interval: Some(Interval { lo, hi }),
            detectable: None,
            rounds: 5,
        };
        for (lo, hi, verdict) in [
            (0.9, 1.05, Verdict::Pass),
            (0.9, 1.051, Verdict::Inconclusive),
            (1.05, 1.2, Verdict::Inconclusive),
            (1.051, 1.2, Verdict::Fail),
        ] {
            assert_eq!(of(lo, hi).verdict(0.05), verdict, "{lo} to {hi}");
        }
        assert_eq!(Comparison { interval: None, ..of(1.0, 1.0) }.verdict(0.05), Verdict::Inconclusive);
    }

    #[test]
    fn equal_times_are_equal() {
        let comparison = compare_paired(&[2.0; 3], &[2.0; 3], Level::default(), 0.0).unwrap();
        assert_eq!(comparison.interval, Some(Interval { lo: 1.0, hi: 1.0 }));
        assert_eq!(comparison.verdict(0.0), Verdict::Pass);
        let slower = compare_unpaired(&[2.0; 3], &[4.0; 3], Level::default(), 0.0).unwrap();
        assert_eq!((slower.ratio, slower.verdict(0.5)), (2.0, Verdict::Fail));
    }

    #[test]
    fn rounds_that_cannot_be_used_do_not_count() {
        let (base, head) = ([1.0, 0.0, 1.0, f64::NAN, 1.0], [1.1, 1.0, f64::INFINITY, 1.0, 1.2, 1.3]);
        let paired = compare_paired(&base, &head, Level::default(), 0.0).unwrap();
        assert_eq!(paired.rounds, 2);
        assert_eq!(compare_unpaired(&base, &head, Level::default(), 0.0).unwrap().rounds, 3);
        assert_eq!(compare_paired(&[1.0], &[-1.0], Level::default(), 0.0), None);
        assert_eq!(compare_unpaired(&[1.0], &[], Level::default(), 0.0), None);
    }

    #[test]
    fn one_round_has_no_interval() {
        for compare in [compare_paired, compare_unpaired] {
            let one = compare(&[1.0], &[3.0], Level::default(), 0.0).unwrap();
            assert_eq!((one.rounds, one.interval, one.detectable), (1, None, None));
            assert_eq!(one.verdict(0.0), Verdict::Inconclusive);
        }
    }

    #[test]
    fn an_interval_beyond_numbers_is_none() {
        let level = Level::default().for_family(1_000_000);
        let two = compare_paired(&[1.0, 1.0], &[1.0, 2.0], level, 0.0).unwrap();
        assert_eq!((two.interval, two.detectable), (None, None));
    }

    proptest! {
        #[test]
        fn intervals_widen_with_the_family(
            times in prop::collection::vec((0.1..10.0_f64, 0.1..10.0_f64), 3..20),
            cells in 2..1000_usize,
        ) {
            let (base, head): (Vec<f64>, Vec<f64>) = times.into_iter().unzip();
            for compare in [compare_paired, compare_unpaired] {
                let one = compare(&base, &head, Level::default(), 0.0).unwrap();
                let of_many = compare(&base, &head, Level::default().for_family(cells), 0.0).unwrap();
                let (Some(narrow), Some(wide)) = (one.interval, of_many.interval) else { continue };
                prop_assert!(wide.lo <= narrow.lo && narrow.lo <= one.ratio);
                prop_assert!(one.ratio <= narrow.hi && narrow.hi <= wide.hi);
                prop_assert!(one.detectable.unwrap() >= 1.0);
            }
        }
    }
}
