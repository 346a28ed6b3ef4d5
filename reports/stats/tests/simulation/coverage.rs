//! How often the interval of a median holds the true one.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use reelbench_stats::{CONFIDENCE, median, median_interval};

use crate::draw::{disturbance, exponential, margin, normal};

const DRAWS: u32 = 4_000;

#[derive(Debug, Clone, Copy)]
enum Noise {
    LogNormal,
    /// One time in ten is 30 % longer.
    Contaminated,
    /// Exponential delays on top of the least possible time.
    Skewed,
    /// A third of the times is 10 % longer.
    TwoModes,
}

impl Noise {
    const ALL: [Self; 4] = [Self::LogNormal, Self::Contaminated, Self::Skewed, Self::TwoModes];

    fn time(self, rng: &mut ChaCha8Rng) -> f64 {
        let log = match self {
            Self::LogNormal => 0.03 * normal(rng),
            Self::Contaminated => 0.02 * normal(rng) + disturbance(rng),
            Self::Skewed => 0.05 * exponential(rng),
            Self::TwoModes => 0.005 * normal(rng) + if rng.random_bool(0.35) { 1.1_f64.ln() } else { 0.0 },
        };
        log.exp()
    }

    fn times(self, count: usize, rng: &mut ChaCha8Rng) -> Vec<f64> {
        (0..count).map(|_| self.time(rng)).collect()
    }

    /// The share of intervals that hold the true median.
    fn coverage(self, count: usize, truth: f64, rng: &mut ChaCha8Rng) -> f64 {
        let held = (0..DRAWS).filter(|_| {
            let interval = median_interval(&self.times(count, rng)).unwrap();
            interval.lo <= truth && truth <= interval.hi
        });
        f64::from(held.count() as u32) / f64::from(DRAWS)
    }

    /// What the documentation promises.
    fn promised(self, count: usize) -> f64 {
        match self {
            _ if count >= 6 => CONFIDENCE,
            Self::LogNormal | Self::Contaminated => CONFIDENCE,
            Self::Skewed => 0.93,
            Self::TwoModes => 0.85,
        }
    }
}

#[test]
fn intervals_of_the_median_hold_it_as_often_as_they_say() {
    for noise in Noise::ALL {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let truth = median(&noise.times(1_000_000, &mut rng)).unwrap();
        for count in [2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20, 30] {
            let (coverage, promised) = (noise.coverage(count, truth, &mut rng), noise.promised(count));
            println!("{:<12} {count:>2} samples: {:.1} %", format!("{noise:?}"), coverage * 100.0);
            assert!(coverage >= promised - margin(promised, DRAWS), "{noise:?}, {count} samples: {coverage}");
        }
    }
}
