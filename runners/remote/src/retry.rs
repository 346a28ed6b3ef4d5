//! Whether a request is made again, and after how long.

use std::time::Duration;

use reelbench_http::Backoff;

use crate::error::{Fault, RemoteError};
use crate::remote::MAX_CONCURRENCY;

/// How often and after what delay, a [`Backoff`], a piece is tried again.
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

    fn backoff(&self, n: u32) -> Duration {
        Backoff { base: self.policy.base, cap: self.policy.cap }.delay(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault::Status { status: 503, message: String::new() }
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
