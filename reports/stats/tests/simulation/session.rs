//! Simulated sessions of a gate, scheduled as it schedules them: rounds over the cells in a drawn order, both sides
//! of a cell one after the other in a drawn order.

use rand::RngExt as _;
use rand::seq::SliceRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::draw::{disturbance, exponential, normal};

/// How a machine disturbs the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noise {
    /// Times scatter log-normally, by 1 % in the first cell and 5 % in the last.
    LogNormal,
    /// As above, and one run in ten takes 30 % longer.
    Contaminated,
    /// Exponential delays of 1 to 5 % on top of the least possible time.
    Skewed,
    /// Log-normal, on a machine that grows slower by a quarter from the first turn to the last.
    Drift,
    /// Log-normal, by 0.2 to 1 %, on a machine whose speed wanders by 5 %: what slows one turn slows the next ones.
    Autocorrelated,
}

/// A session of a gate over a matrix.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) noise: Noise,
    pub(crate) cells: usize,
    pub(crate) rounds: usize,
}

/// The times of a cell on both sides, round by round.
#[derive(Default)]
pub(crate) struct Times {
    pub(crate) base: Vec<f64>,
    pub(crate) head: Vec<f64>,
}

impl Session {
    /// Runs it once, with each cell's true ratio of head to base.
    pub(crate) fn run(&self, ratios: &[f64], rng: &mut ChaCha8Rng) -> Vec<Times> {
        let mut times: Vec<Times> = ratios.iter().map(|_| Times::default()).collect();
        let mut machine =
            Machine { noise: self.noise, turn: 0, turns: self.rounds * self.cells * 2, wandered: None };
        let mut order: Vec<usize> = (0..self.cells).collect();
        for _ in 0..self.rounds {
            order.shuffle(rng);
            for &cell in &order {
                let scatter = 0.01 + 0.04 * cell as f64 / (self.cells - 1) as f64;
                let turns = [machine.turn(scatter, rng), machine.turn(scatter, rng)];
                let base = usize::from(rng.random::<bool>());
                times[cell].base.push(turns[base]);
                times[cell].head.push(turns[1 - base] * ratios[cell]);
            }
        }
        times
    }
}

/// The machine as it goes through the turns of a session.
struct Machine {
    noise: Noise,
    turn: usize,
    turns: usize,
    /// The logarithm of how slow it has become by wandering.
    wandered: Option<f64>,
}

impl Machine {
    /// The time of one run that takes 1 on the machine at its best.
    fn turn(&mut self, scatter: f64, rng: &mut ChaCha8Rng) -> f64 {
        self.turn += 1;
        let log = match self.noise {
            Noise::LogNormal => scatter * normal(rng),
            Noise::Contaminated => scatter * normal(rng) + disturbance(rng),
            Noise::Skewed => scatter * exponential(rng),
            Noise::Drift => scatter * normal(rng) + 1.25_f64.ln() * self.turn as f64 / self.turns as f64,
            Noise::Autocorrelated => 0.2 * scatter * normal(rng) + self.wander(rng),
        };
        log.exp()
    }

    /// One step of an autoregressive process of the first order, in its stationary state.
    fn wander(&mut self, rng: &mut ChaCha8Rng) -> f64 {
        const KEPT: f64 = 0.95;
        let fresh = 0.05 * normal(rng);
        let now =
            self.wandered.map_or(fresh, |before| KEPT * before + (1.0_f64 - KEPT * KEPT).sqrt() * fresh);
        self.wandered = Some(now);
        now
    }
}
