//! How sure a statement is, and how sure each of several must be for all of them to be right at once.

/// Confidence of the intervals in reports.
pub const CONFIDENCE: f64 = 0.95;

/// The confidence of one interval, between 0 and 1.
///
/// Of a family of intervals each gets `1 - (1 - confidence) / comparisons`, after Bonferroni, so that with the
/// family's confidence all of them hold at once. Šidák's correction would be narrower by less than 1 %, but counts
/// on cells that err independently of each other, and cells of one machine do not. Holm's would find more, but
/// moves each cell's level by what the other cells measured: a verdict would no longer follow from the interval
/// printed beside it, nor from the cell alone.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The probability that the interval misses, both sides together.
    miss: f64,
}

impl Level {
    /// `None` where the confidence does not lie between 0 and 1.
    pub fn new(confidence: f64) -> Option<Self> {
        (confidence > 0.0 && confidence < 1.0).then_some(Self { miss: 1.0 - confidence })
    }

    /// The level of each of this many intervals, so that they hold together with the confidence of this one.
    #[must_use]
    pub fn for_family(self, comparisons: usize) -> Self {
        Self { miss: self.miss / comparisons.max(1) as f64 }
    }

    /// The confidence of one interval at this level.
    pub fn confidence(self) -> f64 {
        1.0 - self.miss
    }

    /// The probability that the truth lies above the interval; as probable is that it lies below.
    pub(crate) fn tail(self) -> f64 {
        0.5 * self.miss
    }
}

impl Default for Level {
    /// [`CONFIDENCE`], of one interval by itself.
    fn default() -> Self {
        Self { miss: 1.0 - CONFIDENCE }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_shares_what_may_be_missed() {
        let level = Level::new(0.9).unwrap();
        assert!((level.for_family(20).confidence() - 0.995).abs() < 1e-12);
        assert!((level.tail() - 0.05).abs() < 1e-12);
        assert_eq!(level.for_family(0), level);
        assert_eq!(level.for_family(1), level);
    }

    #[test]
    fn a_confidence_lies_between_0_and_1() {
        for confidence in [0.0, 1.0, -0.5, 95.0, f64::NAN] {
            assert_eq!(Level::new(confidence), None, "{confidence}");
        }
        assert_eq!(Level::new(CONFIDENCE), Some(Level::default()));
    }
}
