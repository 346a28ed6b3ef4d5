//! How often a cell is run: a fixed number of times, or until its numbers are steady.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Measured repeats of a cell; a number in JSON where it is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Repeats {
    /// So many, at least one.
    Fixed(u32),
    /// Until the interval of the real-time factor is narrow enough.
    Adaptive(AdaptiveRepeats),
}

/// When a cell has been measured often enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AdaptiveRepeats {
    /// Never fewer.
    pub at_least: u32,
    /// Never more.
    pub at_most: u32,
    /// Enough once the 95 % interval of the median reaches no further from it than this fraction of it.
    pub precision: f64,
    /// No further repeat begins once a cell's repeats took so many seconds together; the least number is taken whatever it
    /// costs.
    pub budget_s: f64,
}

/// Warm-up repeats of a cell in a process; a number in JSON where it is fixed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Warmup {
    /// So many, also none.
    Fixed(u32),
    /// Until two successive ones take the same time.
    UntilWarm {
        /// Never more.
        at_most: u32,
        /// Warm once two successive ones differ by no more than this fraction of the shorter.
        within: f64,
    },
}

impl Repeats {
    /// The most there can be.
    pub fn at_most(self) -> u32 {
        match self {
            Self::Fixed(repeats) => repeats,
            Self::Adaptive(adaptive) => adaptive.at_most,
        }
    }
}

impl Warmup {
    /// The most there can be.
    pub fn at_most(self) -> u32 {
        match self {
            Self::Fixed(repeats) => repeats,
            Self::UntilWarm { at_most, .. } => at_most,
        }
    }
}

impl fmt::Display for Repeats {
    /// `3`, `5 to 30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(repeats) => write!(f, "{repeats}"),
            Self::Adaptive(AdaptiveRepeats { at_least, at_most, .. }) => write!(f, "{at_least} to {at_most}"),
        }
    }
}

impl fmt::Display for Warmup {
    /// `1`, `up to 5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(repeats) => write!(f, "{repeats}"),
            Self::UntilWarm { at_most, .. } => write!(f, "up to {at_most}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_number_is_a_number_in_json() {
        let adaptive = AdaptiveRepeats { at_least: 5, at_most: 30, precision: 0.02, budget_s: 600.0 };
        for (repeats, json) in [
            (Repeats::Fixed(3), "3"),
            (Repeats::Adaptive(adaptive), r#"{"at_least":5,"at_most":30,"precision":0.02,"budget_s":600.0}"#),
        ] {
            assert_eq!(serde_json::to_string(&repeats).unwrap(), json);
            assert_eq!(serde_json::from_str::<Repeats>(json).unwrap(), repeats);
        }
        let warm = Warmup::UntilWarm { at_most: 5, within: 0.05 };
        let json = serde_json::to_string(&warm).unwrap();
        assert_eq!(serde_json::from_str::<Warmup>(&json).unwrap(), warm);
        assert_eq!(serde_json::from_str::<Warmup>("0").unwrap(), Warmup::Fixed(0));
    }
}
