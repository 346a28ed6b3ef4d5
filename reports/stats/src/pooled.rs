//! One figure of many cells.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::describe::Interval;
use crate::family::Level;
use crate::jackknife::jackknife_interval;

/// A cell's figure, and what it shares with other cells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Clustered {
    /// The video: cells of one video tend to err alike.
    pub cluster: usize,
    /// A ratio, such as head over base of a [`Comparison`](crate::Comparison), or a difference.
    pub value: f64,
}

/// What many cells say together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Pooled {
    /// The mean over the cells, each of them counted once.
    pub mean: f64,
    /// Where the mean over videos like these lies. `None` of a single video, which says nothing about others.
    pub interval: Option<Interval>,
    /// The videos.
    pub clusters: usize,
    /// The cells.
    pub cells: usize,
}

/// The arithmetic mean of the cells' values with an interval that takes the video, not the cell, for the unit drawn.
///
/// [`jackknife_interval`] over videos left out one at a time. The plain sandwich error (CR1) is the same where videos have equally many cells, and too small
/// where they do not: of three videos with 1, 4 and 20 cells its 95 % interval holds the truth with 77 to 89 %, this one
/// with 91 to 95 %.
///
/// Values that are not finite do not count; `None` where none does.
pub fn pooled_mean(cells: &[Clustered], level: Level) -> Option<Pooled> {
    let cells: Vec<&Clustered> = cells.iter().filter(|cell| cell.value.is_finite()).collect();
    if cells.is_empty() {
        return None;
    }
    let count = cells.len() as f64;
    let mean = cells.iter().map(|cell| cell.value).sum::<f64>() / count;
    // Of each video the number of its cells, and the sum of their distances from the mean.
    let mut videos: BTreeMap<usize, (f64, f64)> = BTreeMap::new();
    for cell in &cells {
        let (cells, distance) = videos.entry(cell.cluster).or_default();
        *cells += 1.0;
        *distance += cell.value - mean;
    }
    let clusters = videos.len();
    let without = videos.values().map(|(cells, distance)| mean - distance / (count - cells));
    let interval = jackknife_interval(mean, &without.collect::<Vec<_>>(), level);
    Some(Pooled { mean, interval, clusters, cells: cells.len() })
}

/// The geometric mean of the cells' ratios, with the interval of [`pooled_mean`] on their logarithms.
///
/// Ratios that are not positive and finite do not count; `None` where none does.
pub fn pooled_ratio(cells: &[Clustered], level: Level) -> Option<Pooled> {
    let positive = cells.iter().filter(|cell| cell.value > 0.0);
    let logs: Vec<_> = positive.map(|cell| Clustered { value: cell.value.ln(), ..*cell }).collect();
    let pooled = pooled_mean(&logs, level)?;
    let interval = pooled.interval.map(|Interval { lo, hi }| Interval { lo: lo.exp(), hi: hi.exp() });
    Some(Pooled { mean: pooled.mean.exp(), interval: interval.filter(is_finite), ..pooled })
}

fn is_finite(interval: &Interval) -> bool {
    interval.lo.is_finite() && interval.hi.is_finite()
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "reference figures as they were printed")]
mod tests {
    use super::*;

    fn cells(of_videos: &[&[f64]]) -> Vec<Clustered> {
        let video = |(cluster, values): (usize, &&[f64])| {
            values.iter().map(|&value| Clustered { cluster, value }).collect::<Vec<_>>()
        };
        of_videos.iter().enumerate().flat_map(video).collect()
    }

    fn pooled(of_videos: &[&[f64]]) -> Pooled {
        pooled_ratio(&cells(of_videos), Level::default()).unwrap()
    }

    #[track_caller]
    fn assert_interval(pooled: &Pooled, [lo, hi]: [f64; 2]) {
        let interval = pooled.interval.unwrap();
        assert!((interval.lo / lo - 1.0).abs() < 1e-12, "{interval:?}");
        assert!((interval.hi / hi - 1.0).abs() < 1e-12, "{interval:?}");
    }

    #[test]
    fn videos_of_equal_size_as_statsmodels_has_them() {
        // statsmodels 0.15.0: OLS(log(ratios), ones).fit(cov_type="cluster", use_t=True).conf_int().
        let got = pooled(&[&[1.02, 1.05], &[1.01, 0.98], &[1.1, 1.07], &[1.0, 1.03]]);
        assert!((got.mean / 1.0318553636033854 - 1.0).abs() < 1e-12);
        assert_interval(&got, [0.9727174510579009, 1.0945886600873753]);
        assert_eq!((got.clusters, got.cells), (4, 8));
    }

    #[test]
    fn videos_of_unequal_size_as_the_jackknife_has_them() {
        // numpy 2 and scipy 1.17.1: the means without each video in turn, and stats.t with 2 degrees of freedom.
        assert_interval(
            &pooled(&[&[1.02, 1.05, 1.01], &[0.98], &[1.1, 1.07]]),
            [0.9428722243835786, 1.141786627093261],
        );
    }

    #[test]
    fn one_video_says_nothing_about_others() {
        let one = pooled(&[&[1.02, 1.05, 1.01]]);
        assert_eq!((one.interval, one.clusters, one.cells), (None, 1, 3));
    }

    #[test]
    fn cells_without_a_ratio_do_not_count() {
        assert_eq!(pooled(&[&[1.02, 0.0], &[f64::NAN], &[1.1]]), pooled(&[&[1.02], &[], &[1.1]]));
        assert_eq!(pooled_ratio(&[], Level::default()), None);
    }

    #[test]
    fn differences_have_the_interval_of_their_mean() {
        // scipy 1.17.1: stats.t.interval(0.95, 3, loc=2.5, scale=stats.sem([1, 2, 3, 4])).
        let mean = |of_videos: &[&[f64]]| pooled_mean(&cells(of_videos), Level::default()).unwrap();
        let interval = mean(&[&[1.0], &[2.0], &[3.0], &[4.0]]).interval.unwrap();
        assert!((interval.lo - 0.44573974323912113).abs() < 1e-12, "{interval:?}");
        assert!((interval.hi - 4.554260256760879).abs() < 1e-12, "{interval:?}");
        assert_eq!((mean(&[&[-1.0, f64::NAN], &[0.0]]).mean, mean(&[&[2.0, 4.0]]).interval), (-0.5, None));
    }
}
