//! Whether a request is made again, and after how long.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::error::{Fault, RemoteError};
use crate::remote::MAX_CONCURRENCY;

/// How often and after what delay a piece is tried again.
///
/// Source of the delays: "full jitter" of "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015): drawn evenly
/// from 0 to `base · 2ⁿ`, at most `cap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts of a piece that end in a fault, in all; at least one is made.
    pub attempts: u32,
    /// Longest delay before the second attempt.
    pub base: Duration,
    /// Longest delay before any.
    pub cap: Duration,
    /// Longest wait that a service may ask for.
    pub longest_wait: Duration,
    /// How often a piece may be told that the rate is limited. By default as often as there can be workers, since a
    /// service may let them through one by one.
    pub limits: u32,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 5,
            base: Duration::from_millis(500),
            cap: Duration::from_secs(8),
            longest_wait: Duration::from_mins(5),
            limits: MAX_CONCURRENCY,
        }
    }
}

/// What the attempts at one piece have come to.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    policy: &'a RetryPolicy,
    faults: u32,
    limits: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(policy: &'a RetryPolicy) -> Self {
        Self { policy, faults: 0, limits: 0 }
    }

    /// How long to wait after a fault; `asked` is what the service asks for, and is kept to at least.
    ///
    /// # Errors
    /// When this was the last attempt or the service asks for too long.
    pub(crate) fn after_fault(
        &mut self,
        fault: Fault,
        asked: Option<Duration>,
    ) -> Result<Duration, RemoteError> {
        self.faults += 1;
        if self.faults >= self.policy.attempts {
            return Err(RemoteError::GivenUp { attempts: self.faults, last: fault });
        }
        let asked = self.bounded(asked)?.unwrap_or_default();
        Ok(self.backoff(self.faults).max(asked))
    }

    /// How long nobody may begin a request after a 429: as long as the service asks for, else a backoff.
    ///
    /// # Errors
    /// When it was told too often or the service asks for too long.
    pub(crate) fn after_limit(
        &mut self,
        message: String,
        asked: Option<Duration>,
    ) -> Result<Duration, RemoteError> {
        self.limits += 1;
        if self.limits >= self.policy.limits {
            return Err(RemoteError::StillLimited { limits: self.limits, message });
        }
        // Asking again at once is what was refused, so no wait at all is no answer.
        let asked = self.bounded(asked)?.filter(|wait| !wait.is_zero());
        Ok(asked.unwrap_or_else(|| self.backoff(self.limits)))
    }

    fn bounded(&self, asked: Option<Duration>) -> Result<Option<Duration>, RemoteError> {
        match asked {
            Some(wait) if wait > self.policy.longest_wait => Err(RemoteError::WaitTooLong {
                wait_s: wait.as_secs(),
                longest_s: self.policy.longest_wait.as_secs(),
            }),
            asked => Ok(asked),
        }
    }

    /// A random delay after the `n`-th failure, counted from 1.
    fn backoff(&self, n: u32) -> Duration {
        self.longest_backoff(n).mul_f64(random_fraction())
    }

    fn longest_backoff(&self, n: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(n.saturating_sub(1));
        self.policy.base.saturating_mul(doubled).min(self.policy.cap)
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

    fn fault() -> Fault {
        Fault::Status { status: 503, message: String::new() }
    }

    #[test]
    fn delays_double_up_to_the_cap() {
        let policy = RetryPolicy::default();
        let attempts = Attempts::new(&policy);
        let longest: Vec<u128> = (1..=7).map(|n| attempts.longest_backoff(n).as_millis()).collect();
        assert_eq!(longest, [500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(attempts.longest_backoff(u32::MAX), policy.cap);
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

    #[test]
    fn the_fifth_fault_is_the_last() {
        let policy = RetryPolicy { base: Duration::ZERO, ..RetryPolicy::default() };
        let mut attempts = Attempts::new(&policy);
        for _attempt in 0..4 {
            assert_eq!(attempts.after_fault(fault(), None), Ok(Duration::ZERO));
        }
        let error = attempts.after_fault(fault(), None).unwrap_err();
        assert_eq!(error, RemoteError::GivenUp { attempts: 5, last: fault() });
    }

    #[test]
    fn what_the_service_asks_for_is_kept_to() {
        let policy = RetryPolicy { limits: 3, ..RetryPolicy::default() };
        let mut attempts = Attempts::new(&policy);
        let asked = Duration::from_secs(20);
        assert_eq!(attempts.after_fault(fault(), Some(asked)), Ok(asked));
        assert_eq!(attempts.after_limit(String::new(), Some(asked)), Ok(asked));
        let backoff = attempts.after_limit(String::new(), Some(Duration::ZERO)).unwrap();
        assert!(backoff <= Duration::from_secs(1));
        let error = attempts.after_limit("slow down".to_owned(), Some(asked)).unwrap_err();
        assert_eq!(error, RemoteError::StillLimited { limits: 3, message: "slow down".to_owned() });
    }

    #[test]
    fn a_wait_beyond_all_patience_is_an_error() {
        let policy = RetryPolicy::default();
        let error = Attempts::new(&policy).after_limit(String::new(), Some(Duration::from_secs(301)));
        assert_eq!(error, Err(RemoteError::WaitTooLong { wait_s: 301, longest_s: 300 }));
        let error = Attempts::new(&policy).after_fault(fault(), Some(Duration::MAX)).unwrap_err();
        assert!(matches!(error, RemoteError::WaitTooLong { .. }));
    }
}
