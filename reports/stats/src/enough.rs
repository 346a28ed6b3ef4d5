//! When a cell was run often enough. Whoever measures and whoever reports ask the same functions, so that a report knows
//! which cells are complete, and a run that goes on after an interruption stops where it would have stopped without one.

use reelbench_protocol::{AdaptiveRepeats, Repeats, Warmup};

use crate::{Interval, median, median_interval};

/// Why no further repeat is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Enough {
    /// As many as were asked for.
    AllTaken,
    /// Samples: the interval of their median is narrow enough. Warm-ups: the last two took the same time.
    Steady,
    /// Not steady, but no more are allowed.
    MostTaken,
    /// Not steady, but they took all the time they may.
    BudgetSpent,
}

/// Whether the samples of a cell, in seconds and in the order of their repeats, are enough, and why. As all of them
/// processed the same film, the interval of the seconds is as wide, relative to their median, as that of the real-time factor.
///
/// The least number of adaptive repeats is taken whatever they cost; the budget bounds those after it.
pub fn enough(repeats: Repeats, seconds: &[f64]) -> Option<Enough> {
    match repeats {
        Repeats::Fixed(repeats) => (seconds.len() >= repeats as usize).then_some(Enough::AllTaken),
        Repeats::Adaptive(AdaptiveRepeats { at_least, .. }) if seconds.len() < at_least.max(1) as usize => {
            None
        }
        Repeats::Adaptive(adaptive) if is_precise(seconds, adaptive.precision) => Some(Enough::Steady),
        Repeats::Adaptive(adaptive) if seconds.len() >= adaptive.at_most as usize => Some(Enough::MostTaken),
        Repeats::Adaptive(adaptive) if seconds.iter().sum::<f64>() >= adaptive.budget_s => {
            Some(Enough::BudgetSpent)
        }
        Repeats::Adaptive(_) => None,
    }
}

/// The same, for samples among which there may be more than were needed: a decision stands, whatever comes after it.
pub fn ever_enough(repeats: Repeats, seconds: &[f64]) -> Option<Enough> {
    (0..=seconds.len()).rev().find_map(|count| enough(repeats, &seconds[..count]))
}

/// Whether a cell's warm-ups in one process, in seconds and in order, are enough, and why.
pub fn warm_enough(warmup: Warmup, seconds: &[f64]) -> Option<Enough> {
    match (warmup, seconds) {
        (Warmup::Fixed(repeats), _) => (seconds.len() >= repeats as usize).then_some(Enough::AllTaken),
        (Warmup::UntilWarm { within, .. }, [.., before, last])
            if (before - last).abs() <= within * before.min(*last) =>
        {
            Some(Enough::Steady)
        }
        (Warmup::UntilWarm { at_most, .. }, _) => {
            (seconds.len() >= at_most as usize).then_some(Enough::MostTaken)
        }
    }
}

fn is_precise(seconds: &[f64], precision: f64) -> bool {
    let (Some(median), Some(Interval { lo, hi })) = (median(seconds), median_interval(seconds)) else {
        return false;
    };
    (hi - median).max(median - lo) <= precision * median
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: Repeats =
        Repeats::Adaptive(AdaptiveRepeats { at_least: 3, at_most: 6, precision: 0.02, budget_s: 100.0 });

    #[test]
    fn a_fixed_number_is_enough_whatever_the_times_are() {
        assert_eq!(enough(Repeats::Fixed(2), &[1.0]), None);
        assert_eq!(enough(Repeats::Fixed(2), &[1.0, 9.0]), Some(Enough::AllTaken));
    }

    #[test]
    fn steady_times_need_no_more_than_the_least_number() {
        assert_eq!(enough(AUTO, &[1.0, 1.0]), None, "fewer than the least");
        assert_eq!(enough(AUTO, &[1.0, 1.005, 0.995]), Some(Enough::Steady));
        assert_eq!(enough(AUTO, &[1.0, 1.03, 1.0]), None, "too far above the median");
        assert_eq!(enough(AUTO, &[1.0, 1.0, 0.97]), None, "too far below the median");
    }

    #[test]
    fn restless_times_end_at_the_most_or_with_the_budget() {
        assert_eq!(enough(AUTO, &[1.0, 2.0, 1.0, 2.0, 1.0]), None);
        assert_eq!(enough(AUTO, &[1.0, 2.0, 1.0, 2.0, 1.0, 2.0]), Some(Enough::MostTaken));
        assert_eq!(enough(AUTO, &[60.0, 80.0]), None, "the least number costs what it costs");
        assert_eq!(enough(AUTO, &[30.0, 40.0, 29.0]), None);
        assert_eq!(enough(AUTO, &[30.0, 40.0, 30.0]), Some(Enough::BudgetSpent));
    }

    #[test]
    fn a_decision_stands_whatever_comes_after_it() {
        let seconds = [1.0, 1.0, 1.0, 2.0, 3.0];
        assert_eq!(enough(AUTO, &seconds), None);
        assert_eq!(ever_enough(AUTO, &seconds), Some(Enough::Steady));
        assert_eq!(ever_enough(AUTO, &[1.0, 2.0, 3.0]), None);
    }

    #[test]
    fn warm_is_when_two_in_a_row_take_the_same_time() {
        let warmup = Warmup::UntilWarm { at_most: 4, within: 0.05 };
        assert_eq!(warm_enough(warmup, &[]), None);
        assert_eq!(warm_enough(warmup, &[1.0]), None);
        assert_eq!(warm_enough(warmup, &[2.0, 1.0]), None);
        assert_eq!(warm_enough(warmup, &[2.0, 1.0, 1.04]), Some(Enough::Steady));
        assert_eq!(warm_enough(warmup, &[2.0, 1.0, 1.06]), None);
        assert_eq!(warm_enough(warmup, &[1.0, 2.0, 1.0, 2.0]), Some(Enough::MostTaken));
        assert_eq!(warm_enough(Warmup::Fixed(0), &[]), Some(Enough::AllTaken));
    }
}
