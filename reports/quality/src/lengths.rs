//! Whether a setting was faster only because it said less.

/// Lengths of outputs beside those of a reference setting, in new tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LengthAudit {
    /// Mean over the outputs.
    pub mean: f64,
    /// That mean over the reference's; `None` where the reference is empty.
    pub ratio: Option<f64>,
}

impl LengthAudit {
    /// Compares pairs of an output's length and its reference's; `None` without pairs.
    pub fn of(pairs: &[(usize, usize)]) -> Option<Self> {
        let (own, other) =
            pairs.iter().fold((0.0, 0.0), |(own, other), pair| (own + pair.0 as f64, other + pair.1 as f64));
        (!pairs.is_empty())
            .then(|| Self { mean: own / pairs.len() as f64, ratio: (other > 0.0).then(|| own / other) })
    }

    /// Whether outputs are shorter or longer than the reference's by more than a share of it, as 0.1 for 10 %.
    pub fn differs_by_more_than(&self, share: f64) -> bool {
        self.ratio.is_some_and(|ratio| (ratio - 1.0).abs() > share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_compared_in_all() {
        let audit = LengthAudit::of(&[(8, 10), (10, 10)]).expect("pairs");
        assert_eq!(audit, LengthAudit { mean: 9.0, ratio: Some(0.9) });
        assert!(!audit.differs_by_more_than(0.11));
        assert!(audit.differs_by_more_than(0.05));
        assert_eq!(LengthAudit::of(&[]), None);
        assert_eq!(LengthAudit::of(&[(3, 0)]).and_then(|audit| audit.ratio), None);
    }
}
