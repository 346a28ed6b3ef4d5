//! Scene cuts: found ones against true ones, each matched with at most one other.

use std::iter::Sum;
use std::ops::Add;

/// Frames that a found cut may be off by in reports.
pub const CUT_TOLERANCE: u64 = 2;

/// Cuts found and missed. Counts of several films add up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CutCounts {
    /// Pairs of a found and a true cut.
    pub matched: usize,
    /// Cuts found.
    pub found: usize,
    /// True cuts.
    pub wanted: usize,
}

impl CutCounts {
    /// The most pairs of a true and a found cut that are at most `tolerance` frames apart. Cuts are the frames that scenes
    /// begin with, the film's first one left out; their order does not matter, and one given twice counts twice.
    pub fn of(wanted: &[u64], found: &[u64], tolerance: u64) -> Self {
        let sorted = |cuts: &[u64]| {
            let mut cuts = cuts.to_vec();
            cuts.sort_unstable();
            cuts
        };
        let (true_cuts, found_cuts) = (sorted(wanted), sorted(found));
        let (mut rest, mut matched) = (found_cuts.as_slice(), 0);
        // On a line, taking the earliest cut within reach leaves the most for those that follow.
        for cut in true_cuts {
            let too_early = rest.partition_point(|other| other.saturating_add(tolerance) < cut);
            rest = &rest[too_early..];
            if let [first, others @ ..] = rest
                && *first <= cut.saturating_add(tolerance)
            {
                matched += 1;
                rest = others;
            }
        }
        Self { matched, found: found.len(), wanted: wanted.len() }
    }

    /// Share of found cuts that are true; `None` where none was found.
    pub fn precision(self) -> Option<f64> {
        (self.found > 0).then(|| self.matched as f64 / self.found as f64)
    }

    /// Share of true cuts that were found; `None` where there are none.
    pub fn recall(self) -> Option<f64> {
        (self.wanted > 0).then(|| self.matched as f64 / self.wanted as f64)
    }

    /// Harmonic mean of precision and recall; `None` where there are no cuts at all.
    pub fn f1(self) -> Option<f64> {
        let all = self.found + self.wanted;
        (all > 0).then(|| (2 * self.matched) as f64 / all as f64)
    }
}

impl Add for CutCounts {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            found: self.found + other.found,
            wanted: self.wanted + other.wanted,
        }
    }
}

impl Sum for CutCounts {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), Add::add)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The most pairs, by trying every choice.
    fn most(wanted: &[u64], found: &[u64]) -> usize {
        let Some((cut, rest)) = wanted.split_first() else { return 0 };
        let near = (0..found.len()).filter(|at| found[*at].abs_diff(*cut) <= CUT_TOLERANCE);
        let with = near.map(|at| 1 + most(rest, &[&found[..at], &found[at + 1..]].concat()));
        with.max().unwrap_or_default().max(most(rest, found))
    }

    #[test]
    fn cuts_match_once_and_within_two_frames() {
        let counts = CutCounts::of(&[100, 200, 300], &[98, 102, 203, 300, 301], CUT_TOLERANCE);
        assert_eq!(counts, CutCounts { matched: 2, found: 5, wanted: 3 });
        assert_eq!(counts.precision(), Some(0.4));
        assert_eq!(counts.recall(), Some(2.0 / 3.0));
        assert_eq!(counts.f1(), Some(0.5));
    }

    #[test]
    fn what_is_undefined_is_none() {
        let nothing = CutCounts::of(&[], &[], CUT_TOLERANCE);
        assert_eq!((nothing.precision(), nothing.recall(), nothing.f1()), (None, None, None));
        let missed = CutCounts::of(&[u64::MAX], &[], CUT_TOLERANCE);
        assert_eq!((missed.precision(), missed.recall(), missed.f1()), (None, Some(0.0), Some(0.0)));
    }

    proptest! {
        #[test]
        fn no_other_pairing_has_more(wanted in prop::collection::vec(0u64..25, 0..6), found in prop::collection::vec(0u64..25, 0..6)) {
            let counts = CutCounts::of(&wanted, &found, CUT_TOLERANCE);
            prop_assert_eq!(counts.matched, most(&wanted, &found));
            prop_assert_eq!(CutCounts::of(&found, &wanted, CUT_TOLERANCE).f1(), counts.f1());
        }
    }
}
