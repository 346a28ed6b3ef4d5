//! Random delays that grow.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Delays between attempts.
///
/// Source: "full jitter" of "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): drawn evenly from 0 to
/// `base · 2ⁿ`, at most `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// Longest delay before the second attempt.
    pub base: Duration,
    /// Longest delay before any.
    pub cap: Duration,
}

impl Backoff {
    /// A random delay after the `n`-th failure, counted from 1.
    pub fn delay(&self, n: u32) -> Duration {
        self.longest(n).mul_f64(random_fraction())
    }

    fn longest(&self, n: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(n.saturating_sub(1));
        self.base.saturating_mul(doubled).min(self.cap)
    }
}

/// Evenly between 0 and 1. The standard library keys each hasher anew, and that is random enough to keep workers from
/// marching in step.
fn random_fraction() -> f64 {
    RandomState::new().hash_one(0_u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_cap() {
        let backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(8) };
        let longest: Vec<u128> = (1..=7).map(|n| backoff.longest(n).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(backoff.longest(u32::MAX), backoff.cap);
    }

    #[test]
    fn jitter_fills_the_whole_range() {
        let drawn: Vec<f64> = (0..1000).map(|_| random_fraction()).collect();
        assert!(drawn.iter().all(|fraction| (0.0..=1.0).contains(fraction)));
        let mean = drawn.iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(
            drawn.iter().any(|&fraction| fraction < 0.05) && drawn.iter().any(|&fraction| fraction > 0.95)
        );
    }
}
