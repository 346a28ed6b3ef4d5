//! How finely the monotonic clock measures.

use std::time::{Duration, Instant};

/// Steps looked at.
const STEPS: usize = 32;
/// Readings until a step is given up on: a clock that stands still must not hold up a run.
const READINGS: usize = 1 << 16;

/// The smallest difference between two readings of the monotonic clock that differ. `None` for a clock that stands still.
///
/// It is the clock's step or the time that reading it takes, whichever is longer: no shorter time can be measured.
pub(super) fn step() -> Option<Duration> {
    (0..STEPS).filter_map(|_| next_step(Instant::now())).min()
}

fn next_step(start: Instant) -> Option<Duration> {
    let readings = (0..READINGS).map(|_| start.elapsed());
    readings.into_iter().find(|elapsed| !elapsed.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_steps() {
        let step = step().unwrap();
        assert!(step > Duration::ZERO && step < Duration::from_millis(20), "{step:?}");
    }
}
