//! Runs of up to four tokens, counted.

use std::collections::BTreeMap;

use super::Tokens;

/// The longest run that is counted.
pub(super) const LONGEST: usize = 4;

/// Runs of tokens with their counts, in an order that does not change from run to run, nor do the sums made in it.
pub(super) type Counts<'t> = BTreeMap<&'t [String], usize>;

/// Counts the runs of 1 to [`LONGEST`] tokens.
pub(super) fn counts(tokens: &Tokens) -> Counts<'_> {
    let mut counts = Counts::new();
    for length in 1..=LONGEST {
        for run in tokens.as_slice().windows(length) {
            *counts.entry(run).or_default() += 1;
        }
    }
    counts
}
