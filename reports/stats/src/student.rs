//! Student's t distribution ("The probable error of a mean", 1908), with any positive number of degrees of freedom.

use crate::special::{incomplete_beta, ln_gamma_ratio};

/// The probability that a t-distributed variable exceeds `t`.
pub(crate) fn above(t: f64, freedom: f64) -> f64 {
    let (square, sum) = (t * t, freedom + t * t);
    // Far out, the square overflows; nothing lies there.
    let tail = if sum.is_finite() {
        0.5 * incomplete_beta(0.5 * freedom, 0.5, freedom / sum, square / sum)
    } else {
        0.0
    };
    if t >= 0.0 { tail } else { 1.0 - tail }
}

/// The probability that a t-distributed variable with `2 * half_freedom` degrees of freedom is at most `t`, by the
/// finite series of Abramowitz and Stegun, "Handbook of mathematical functions" (1964), 26.7.4. Far cheaper than
/// [`above`], and exact but for the last digits of 1: not for tails.
pub(crate) fn below_even(t: f64, half_freedom: u32) -> f64 {
    let freedom = 2.0 * f64::from(half_freedom);
    // The sine of the angle whose tangent is t / √freedom.
    let sin = (t / freedom.sqrt()) / 1.0_f64.hypot(t / freedom.sqrt());
    let square = 1.0 - sin * sin;
    let (mut term, mut sum) = (1.0, 1.0);
    for index in 1..half_freedom {
        let doubled = 2.0 * f64::from(index);
        term *= square * (doubled - 1.0) / doubled;
        sum += term;
    }
    0.5 + 0.5 * sin * sum
}

/// The density at `t`.
fn density(t: f64, freedom: f64) -> f64 {
    (ln_gamma_ratio(0.5 * freedom, 0.5) - 0.5 * (freedom + 1.0) * (t * t / freedom).ln_1p()).exp()
        / (freedom * std::f64::consts::PI).sqrt()
}

/// The `t` that is exceeded with probability `tail`, for a tail of at most 0.3.
///
/// Newton's method on the logarithm of the tail over `ln(1 + t² / freedom)`. That curve is all but straight, whether
/// the distribution is nearly normal or has the longest tails; it falls and bends upwards, so that the iteration
/// climbs to the root from a start below it.
pub(crate) fn quantile_above(tail: f64, freedom: f64) -> f64 {
    const STEPS: usize = 60;
    let mut t = 0.5_f64;
    let mut place = (t * t / freedom).ln_1p();
    for _ in 0..STEPS {
        let reached = above(t, freedom);
        let slope = density(t, freedom) / reached * (freedom + t * t) / (2.0 * t);
        let step = (reached / tail).ln() / slope;
        place += step;
        t = (freedom * place.exp_m1()).sqrt();
        if step.abs() <= 1e-14 * place {
            break;
        }
    }
    t
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "reference figures as they were printed")]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(got: f64, expected: f64) {
        assert!((got / expected - 1.0).abs() < 1e-11, "{got:e} is not {expected:e}");
    }

    #[test]
    fn tails_as_scipy_gives_them() {
        // scipy 1.17.1, stats.t.sf(t, freedom).
        for (a, b, expected) in [
            (0.5, 1.0, 0.35241638234956674),
            (-2.0, 3.0, 0.9303370157205785),
            (12.7, 1.0, 0.025012163844672083),
            (4.3, 2.5, 0.01657619397496096),
            (8.0, 4.0, 0.0006619484546085836),
            (3.5, 38.0, 0.0006025221290656538),
            (3.0, 100000.0, 0.0013502304420323617),
        ] {
            assert_close(above(a, b), expected);
        }
    }

    #[test]
    fn quantiles_as_scipy_gives_them() {
        // scipy 1.17.1, stats.t.isf(tail, freedom).
        for (a, b, expected) in [
            (0.025, 1.0, 12.706204736174705),
            (0.025, 2.0, 4.302652729749464),
            (0.025, 4.0, 2.7764451051977943),
            (0.4, 7.0, 0.2631668613520229),
            (2.5e-06, 1.0, 127323.95447089827),
            (2.5e-06, 4.0, 33.04712609882719),
            (0.0010416666666666667, 6.3, 5.021424349209152),
            (0.001, 19.0, 3.579400148954716),
            (2.5e-06, 998.0, 4.589878447800725),
        ] {
            assert_close(quantile_above(a, b), expected);
        }
    }

    #[test]
    fn even_degrees_agree_with_the_beta_function() {
        for (t, half) in [(0.0, 1), (-3.0, 1), (0.7, 2), (2.5, 9), (-1.2, 40), (1e200, 3)] {
            let expected = 1.0 - above(t, 2.0 * f64::from(half));
            assert!((below_even(t, half) - expected).abs() < 1e-14, "{t} of {half}");
        }
    }

    #[test]
    fn nothing_lies_far_out() {
        assert_eq!(above(1e200, 3.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(above(-1e200, 3.0).to_bits(), 1.0_f64.to_bits());
    }
}
