//! How often requests may begin, for all workers together.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// Spaces out the beginnings of requests evenly.
///
/// With a limit of n in a minute, a request begins at least 60/n s after the one before it. A turn that nobody took is
/// lost: there are no bursts, not even at the start. Azure measures over windows as short as a second and refuses
/// bursts that a minute's count would allow, and an even pace does not depend on when the minute began. A limiter
/// outlives a call, so that repeats do not add up to more than the limit.
#[derive(Debug)]
pub(crate) struct Limiter {
    spacing: Duration,
    next_turn: Mutex<Instant>,
}

impl Limiter {
    /// `None` sets no pace; pauses count all the same.
    pub(crate) fn new(requests_per_minute: Option<u32>) -> Self {
        let spacing = requests_per_minute.map_or(Duration::ZERO, |most| Duration::from_mins(1) / most.max(1));
        Self { spacing, next_turn: Mutex::new(Instant::now()) }
    }

    /// Takes a turn if one is free now.
    pub(crate) fn try_turn(&self) -> bool {
        self.take_turn().is_ok()
    }

    /// Waits for a turn and takes it.
    pub(crate) fn wait_turn(&self) {
        // Who sleeps holds no place: the first to wake takes the turn, and a pause that began meanwhile moved it.
        while let Err(wait) = self.take_turn() {
            thread::sleep(wait);
        }
    }

    /// Lets no request begin for so long.
    pub(crate) fn pause(&self, duration: Duration) {
        let end = Instant::now() + duration;
        let mut next_turn = self.lock();
        *next_turn = end.max(*next_turn);
    }

    fn take_turn(&self) -> Result<(), Duration> {
        let mut next_turn = self.lock();
        let now = Instant::now();
        if now < *next_turn {
            return Err(*next_turn - now);
        }
        *next_turn = now + self.spacing;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Instant> {
        // An instant cannot be half written.
        self.next_turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_limit_every_turn_is_free() {
        let limiter = Limiter::new(None);
        assert!((0..1000).all(|_| limiter.try_turn()));
    }

    #[test]
    fn workers_share_one_pace() {
        let limiter = Limiter::new(Some(60 * 100));
        let begin = Instant::now();
        thread::scope(|scope| {
            for _worker in 0..4 {
                scope.spawn(|| (0..5).for_each(|_| limiter.wait_turn()));
            }
        });
        assert!(begin.elapsed() >= Duration::from_millis(19 * 10), "20 turns, 10 ms apart");
    }

    #[test]
    fn an_idle_time_saves_up_no_burst() {
        let limiter = Limiter::new(Some(60));
        thread::sleep(Duration::from_millis(5));
        assert!(limiter.try_turn());
        assert!(!limiter.try_turn());
    }

    #[test]
    fn a_pause_holds_all_and_the_longest_counts() {
        let limiter = Limiter::new(None);
        let begin = Instant::now();
        limiter.pause(Duration::from_millis(60));
        limiter.pause(Duration::from_millis(10));
        assert!(!limiter.try_turn());
        limiter.wait_turn();
        assert!(begin.elapsed() >= Duration::from_millis(60));
    }

    #[test]
    fn a_pause_also_holds_who_waits_already() {
        let limiter = Limiter::new(Some(60 * 2));
        assert!(limiter.try_turn());
        let begin = Instant::now();
        thread::scope(|scope| {
            scope.spawn(|| limiter.wait_turn());
            limiter.pause(Duration::from_millis(700));
        });
        assert!(begin.elapsed() >= Duration::from_millis(700));
    }
}
