//! Whether something is tried again, and after how long.

use std::time::Duration;

use reelbench_http::Backoff;

use crate::error::{Fault, HttpError};

/// How often and after what delay something is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in a row that brought nothing; at least one is made.
    pub attempts: u32,
    /// The delays between them.
    pub backoff: Backoff,
    /// Longest wait that a server may ask for.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts: 6,
            backoff: Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30) },
            longest_wait: Duration::from_mins(5),
        }
    }
}

/// How an attempt failed.
pub(crate) enum Setback<E> {
    /// It may be well next time.
    Fault { fault: Fault, asked: Option<Duration>, gained: Gained },
    /// It would be the same next time.
    Final(E),
}

/// Whether a failed attempt brought anything all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gained {
    Nothing,
    Bytes,
}

impl RetryPolicy {
    /// Calls `attempt` until it succeeds or there is no more hope; `told` hears of each wait.
    ///
    /// # Errors
    /// What is final, or what `given_up` makes of the last fault.
    pub(crate) fn run<T, E>(
        &self,
        mut attempt: impl FnMut() -> Result<T, Setback<E>>,
        given_up: impl FnOnce(HttpError) -> E,
        told: impl Fn(Duration, &Fault),
    ) -> Result<T, E> {
        let mut failures = 0;
        loop {
            let (fault, asked, gained) = match attempt() {
                Ok(value) => return Ok(value),
                Err(Setback::Final(error)) => return Err(error),
                Err(Setback::Fault { fault, asked, gained }) => (fault, asked.unwrap_or_default(), gained),
            };
            failures = if gained == Gained::Bytes { 1 } else { failures + 1 };
            if failures >= self.attempts {
                return Err(given_up(HttpError::GivenUp { attempts: failures, last: fault }));
            }
            if asked > self.longest_wait {
                let (wait_s, longest_s) = (asked.as_secs(), self.longest_wait.as_secs());
                return Err(given_up(HttpError::WaitTooLong { wait_s, longest_s }));
            }
            let delay = self.backoff.delay(failures).max(asked);
            told(delay, &fault);
            std::thread::sleep(delay);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: RetryPolicy = RetryPolicy {
        attempts: 3,
        backoff: Backoff { base: Duration::ZERO, cap: Duration::ZERO },
        longest_wait: Duration::from_secs(2),
    };

    fn fault<E>(gained: Gained, asked: Option<Duration>) -> Setback<E> {
        Setback::Fault { fault: Fault::OtherPart, asked, gained }
    }

    #[test]
    fn attempts_are_counted_anew_when_bytes_have_come() {
        let gains = [Gained::Nothing, Gained::Nothing, Gained::Bytes, Gained::Nothing];
        let mut setbacks = gains.into_iter();
        let result =
            QUICK.run(|| setbacks.next().map_or(Ok(7), |gained| Err(fault(gained, None))), |e| e, |_, _| ());
        assert_eq!(result.unwrap(), 7);
    }

    #[test]
    fn the_last_of_some_fruitless_attempts_is_told() {
        let mut made = 0;
        let attempt = || {
            made += 1;
            Err::<(), _>(fault(Gained::Nothing, None))
        };
        let error = QUICK.run(attempt, |error| error, |_, _| ()).unwrap_err();
        assert!(matches!(error, HttpError::GivenUp { attempts: 3, last: Fault::OtherPart }));
        assert_eq!(made, 3);
    }

    #[test]
    fn a_wait_beyond_all_patience_is_an_error() {
        let attempt = || Err::<(), _>(fault(Gained::Bytes, Some(Duration::from_secs(3))));
        let error = QUICK.run(attempt, |error| error, |_, _| ()).unwrap_err();
        assert!(matches!(error, HttpError::WaitTooLong { wait_s: 3, longest_s: 2 }));
    }
}
