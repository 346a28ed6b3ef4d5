//! How far an estimate over clusters would move with other clusters.

use crate::describe::Interval;
use crate::family::Level;
use crate::student;

/// Where an estimate over clusters like these lies: Student's t interval, with one degree of freedom less than there are
/// clusters, around the jackknife's standard error (CR3 of Cameron and Miller, "A practitioner's guide to cluster-robust
/// inference", 2015). `without` has the estimate with each cluster left out in turn; how far each of them lies from the
/// estimate of all is what counts.
///
/// `None` of fewer than two clusters, which say nothing about others, and where a value is not finite.
pub fn jackknife_interval(estimate: f64, without: &[f64], level: Level) -> Option<Interval> {
    let clusters = without.len() as f64;
    if without.len() < 2 || !estimate.is_finite() || without.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let squares: f64 = without.iter().map(|value| (value - estimate).powi(2)).sum();
    let error = (squares * (clusters - 1.0) / clusters).sqrt();
    let reach = error * student::quantile_above(level.tail(), clusters - 1.0);
    let interval = Interval { lo: estimate - reach, hi: estimate + reach };
    (interval.lo.is_finite() && interval.hi.is_finite()).then_some(interval)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_mean_it_is_the_usual_interval() {
        // scipy 1.17.1: stats.t.interval(0.95, 3, loc=2.5, scale=stats.sem([1, 2, 3, 4])).
        let without = [3.0, 8.0 / 3.0, 7.0 / 3.0, 2.0];
        let interval = jackknife_interval(2.5, &without, Level::default()).unwrap();
        assert!((interval.lo - 0.445_739_743_239_121_13).abs() < 1e-12, "{interval:?}");
        assert!((interval.hi - 4.554_260_256_760_879).abs() < 1e-12, "{interval:?}");
    }

    #[test]
    fn one_cluster_says_nothing_about_others() {
        assert_eq!(jackknife_interval(1.0, &[1.0], Level::default()), None);
        assert_eq!(jackknife_interval(1.0, &[1.0, f64::NAN], Level::default()), None);
    }
}
