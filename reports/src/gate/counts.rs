//! How many figures were checked with which result.

use std::fmt;

use serde::Serialize;

use super::GateVerdict;
use super::check::{Check, CheckVerdict};

/// How many figures were checked with which result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CheckCounts {
    /// Shown to be no worse than allowed.
    pub pass: usize,
    /// Shown to be worse.
    pub fail: usize,
    /// Neither shown.
    pub inconclusive: usize,
    /// Not measured in head.
    pub missing: usize,
}

impl CheckCounts {
    pub(super) fn of(checks: &[Check]) -> Self {
        let mut counts = Self::default();
        for check in checks {
            *match check.verdict {
                CheckVerdict::Pass => &mut counts.pass,
                CheckVerdict::Fail => &mut counts.fail,
                CheckVerdict::Inconclusive => &mut counts.inconclusive,
                CheckVerdict::Missing => &mut counts.missing,
            } += 1;
        }
        counts
    }

    /// All of them.
    pub fn total(self) -> usize {
        self.pass + self.fail + self.inconclusive + self.missing
    }

    /// Nothing passes where nothing was checked.
    pub(super) fn verdict(self) -> GateVerdict {
        match self {
            Self { fail: 1.., .. } => GateVerdict::Regression,
            Self { missing: 1.., .. } => GateVerdict::Incomplete,
            Self { inconclusive: 1.., .. } => GateVerdict::Inconclusive,
            Self { pass: 1.., .. } => GateVerdict::Pass,
            _ => GateVerdict::Incomplete,
        }
    }
}

impl fmt::Display for CheckCounts {
    /// `PASS 9 · FAIL 2 · INCONCLUSIVE 1 · MISSING 0`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { pass, fail, inconclusive, missing } = self;
        write!(f, "PASS {pass} · FAIL {fail} · INCONCLUSIVE {inconclusive} · MISSING {missing}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides_and_nothing_never_passes() {
        let counts =
            |pass, fail, inconclusive, missing| CheckCounts { pass, fail, inconclusive, missing }.verdict();
        assert_eq!(counts(5, 1, 1, 1), GateVerdict::Regression);
        assert_eq!(counts(5, 0, 1, 1), GateVerdict::Incomplete);
        assert_eq!(counts(5, 0, 1, 0), GateVerdict::Inconclusive);
        assert_eq!(counts(5, 0, 0, 0), GateVerdict::Pass);
        assert_eq!(counts(0, 0, 0, 0), GateVerdict::Incomplete);
    }
}
