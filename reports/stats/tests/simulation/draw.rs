//! What the simulations draw.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

/// A standard normal value (Box and Muller, "A note on the generation of random normal deviates", 1958).
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let (radius, angle) = (1.0 - rng.random::<f64>(), rng.random::<f64>());
    (-2.0 * radius.ln()).sqrt() * (std::f64::consts::TAU * angle).cos()
}

/// An exponential value, 1 on average.
pub(crate) fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    -(1.0 - rng.random::<f64>()).ln()
}

/// What one run in ten loses: the logarithm of 30 %.
pub(crate) fn disturbance(rng: &mut ChaCha8Rng) -> f64 {
    if rng.random_bool(0.1) { 1.3_f64.ln() } else { 0.0 }
}

/// Standard errors by which a simulated rate may lie beyond the true one: further off is one in 10,000.
const MARGIN: f64 = 3.72;

/// How far the simulated rate of a probability may lie beyond it.
pub(crate) fn margin(probability: f64, draws: u32) -> f64 {
    MARGIN * (probability * (1.0 - probability) / f64::from(draws)).sqrt()
}
