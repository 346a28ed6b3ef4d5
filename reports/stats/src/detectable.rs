//! The effect that an experiment as noisy as the one measured would find.

use crate::student;

/// The probability with which the effect is found.
const POWER: f64 = 0.9;
/// Points of the integral over the angle.
const POINTS: usize = 256;
/// Degrees of freedom above which the integrand is too narrow for the points; there are no more to be had from it.
const MOST_FREEDOM: f64 = 1_000.0;

/// How many standard errors, as this experiment estimates them, the true effect must lie above what is allowed for
/// a fresh experiment of the same size to reject with [`POWER`] at a one-sided `tail`.
///
/// The fresh experiment finds an effect of `k` estimated errors where `k·S₁ + Z > t·S₂`, with Z standard normal and
/// the S independent, each the root of a χ² over its degrees of freedom: this experiment's estimate of the noise is
/// as uncertain as the fresh one's. With S₁ and S₂ in polar coordinates, Z over the radius is Student's t with twice
/// the degrees of freedom, and the angle θ has the density `(sin θ · cos θ)^(freedom - 1)`, up to a constant. So the
/// power is one integral over the angle.
pub(crate) fn errors_away(tail: f64, freedom: f64) -> f64 {
    let freedom = freedom.min(MOST_FREEDOM);
    let critical = student::quantile_above(tail, freedom);
    // With k = t both sides are alike, and the power is a half.
    let (mut low, mut high) = (critical, 2.0 * critical + 2.0);
    while power(high, critical, freedom) < POWER && high.is_finite() {
        (low, high) = (high, 2.0 * high);
    }
    while high - low > 1e-6 * high {
        let middle = 0.5 * (low + high);
        if power(middle, critical, freedom) < POWER { low = middle } else { high = middle }
    }
    high
}

/// The probability of finding an effect of `k` estimated errors.
fn power(k: f64, critical: f64, freedom: f64) -> f64 {
    let (mut found, mut all) = (0.0, 0.0);
    for point in 0..POINTS {
        let angle = std::f64::consts::FRAC_PI_2 * (point as f64 + 0.5) / POINTS as f64;
        let (sin, cos) = angle.sin_cos();
        // Twice the product is at most 1, so that its power never overflows.
        let weight = (2.0 * sin * cos).powf(freedom - 1.0);
        all += weight;
        found +=
            weight * student::above(std::f64::consts::SQRT_2 * (critical * sin - k * cos), 2.0 * freedom);
    }
    found / all
}
