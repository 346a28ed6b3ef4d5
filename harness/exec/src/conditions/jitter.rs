//! The same work again and again: how much its time varies is this machine's jitter.

use std::hint::black_box;
use std::time::{Duration, Instant};

use reelbench_stats as stats;
use serde::Serialize;

/// How long a piece of work should take: long beside the clock's step, short beside what disturbs.
const PIECE: Duration = Duration::from_millis(5);
/// Steps of work between two looks at the clock while the size of a piece is sought.
const TRIAL_STEPS: u64 = 100_000;

/// Times of one piece of work, done again and again by one thread.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Jitter {
    /// How many pieces.
    pub pieces: usize,
    /// The shortest, in seconds.
    pub min_s: f64,
    /// The median, in seconds.
    pub median_s: f64,
    /// The 95th percentile in seconds; absent where there are too few pieces for one.
    pub p95_s: Option<f64>,
}

impl Jitter {
    /// Works for about as long as told, at least for two pieces.
    pub fn measure(duration: Duration) -> Option<Self> {
        let steps = steps_of_a_piece();
        let began = Instant::now();
        let mut times = Vec::new();
        while times.len() < 2 || began.elapsed() < duration {
            let start = Instant::now();
            work(steps);
            times.push(start.elapsed().as_secs_f64());
        }
        Self::of(&times)
    }

    fn of(times: &[f64]) -> Option<Self> {
        let mut ascending = times.to_vec();
        ascending.sort_by(f64::total_cmp);
        Some(Self {
            pieces: times.len(),
            min_s: *ascending.first()?,
            median_s: stats::median(times)?,
            p95_s: stats::supported_percentile(times, 0.95),
        })
    }

    /// How far the 95th percentile lies above the median, as a share of it.
    pub fn spread(&self) -> Option<f64> {
        Some(self.p95_s? / self.median_s - 1.0)
    }
}

/// Steps that take about [`PIECE`].
fn steps_of_a_piece() -> u64 {
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed() < PIECE {
        work(TRIAL_STEPS);
        steps += TRIAL_STEPS;
    }
    steps
}

/// Steps that each need the one before: neither wide registers nor memory change their time.
fn work(steps: u64) {
    let mut state = black_box(1_u64);
    for _ in 0..steps {
        // Constants of PCG's generator; any odd multiplier would do.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    }
    black_box(state);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_needs_enough_pieces() {
        let steady = Jitter::of(&[2.0; 100]).unwrap();
        assert_eq!((steady.pieces, steady.median_s, steady.spread()), (100, 2.0, Some(0.0)));
        let mut times = vec![1.0; 90];
        times.extend([2.0; 10]);
        assert_eq!(Jitter::of(&times).unwrap().spread(), Some(1.0));
        let few = Jitter::of(&[1.0, 1.0, 5.0]).unwrap();
        assert_eq!((few.min_s, few.median_s, few.p95_s), (1.0, 1.0, None));
        assert_eq!(Jitter::of(&[]), None);
    }

    #[test]
    fn pieces_take_about_as_long_as_they_should() {
        let jitter = Jitter::measure(Duration::from_millis(100)).unwrap();
        // Other processes may hold it up, never speed it up by much.
        assert!(jitter.min_s > PIECE.as_secs_f64() / 20.0, "{jitter:?}");
        assert!(jitter.pieces >= 2);
    }
}
