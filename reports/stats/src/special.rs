//! The special functions under the distributions, after the NIST Digital Library of Mathematical Functions.

/// Terms after which a continued fraction or a series is taken as it stands: they grow with the root of the
/// parameters, and here those stay below a million.
const TERMS: u32 = 5_000;
/// The relative change at which a continued fraction or a series has settled.
const SETTLED: f64 = 1e-16;

/// From where on Stirling's series gives the gamma function to a double's last digits.
const STIRLING: f64 = 10.0;

/// The natural logarithm of the gamma function for `x > 0`: Stirling's series (DLMF 5.11.1) from [`STIRLING`] on,
/// and the recurrence (DLMF 5.5.1) below.
pub(crate) fn ln_gamma(x: f64) -> f64 {
    let (mut above, mut product) = (x, 1.0_f64);
    while above < STIRLING {
        product *= above;
        above += 1.0;
    }
    (above - 0.5) * above.ln() - above + 0.5 * std::f64::consts::TAU.ln() + stirling(above) - product.ln()
}

/// `ln Γ(x + more) - ln Γ(x)`, without losing the digits that both of a large `x` have in common.
pub(crate) fn ln_gamma_ratio(x: f64, more: f64) -> f64 {
    if x < STIRLING {
        return ln_gamma(x + more) - ln_gamma(x);
    }
    let sum = x + more;
    (x - 0.5) * (more / x).ln_1p() + more * (sum.ln() - 1.0) + (stirling(sum) - stirling(x))
}

/// What Stirling's series adds to its leading terms.
fn stirling(x: f64) -> f64 {
    const SERIES: [f64; 6] =
        [1.0 / 12.0, -1.0 / 360.0, 1.0 / 1260.0, -1.0 / 1680.0, 1.0 / 1188.0, -691.0 / 360_360.0];
    SERIES.iter().rev().fold(0.0, |sum, term| sum / (x * x) + term) / x
}

/// The regularized incomplete beta function `I_x(a, b)`: the continued fraction of DLMF 8.17.22, by the modified
/// Lentz method. `rest` is `1 - x`, which the caller knows more exactly than a subtraction would.
pub(crate) fn incomplete_beta(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    if x <= 0.0 || rest <= 0.0 {
        return if x <= 0.0 { 0.0 } else { 1.0 };
    }
    // The fraction converges fast below the mean of the distribution only.
    if x > (a + 1.0) / (a + b + 2.0) {
        return 1.0 - incomplete_beta_below_mean(b, a, rest, x);
    }
    incomplete_beta_below_mean(a, b, x, rest)
}

fn incomplete_beta_below_mean(a: f64, b: f64, x: f64, rest: f64) -> f64 {
    // One of the two is small wherever the other is large.
    let ln_ways = if a > b { ln_gamma_ratio(a, b) - ln_gamma(b) } else { ln_gamma_ratio(b, a) - ln_gamma(a) };
    let ln_front = a * x.ln() + b * rest.ln() + ln_ways - a.ln();
    let term = |index: u32| {
        let m = f64::from(index / 2);
        if index.is_multiple_of(2) {
            m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m))
        } else {
            -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0))
        }
    };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    for index in 1..TERMS {
        d = 1.0 / nonzero(1.0 + term(index) * d);
        c = nonzero(1.0 + term(index) / c);
        value *= c * d;
        if (c * d - 1.0_f64).abs() <= SETTLED {
            break;
        }
    }
    ln_front.exp() / value
}

/// The upper regularized incomplete gamma function `Q(a, x)`: one less the series of DLMF 8.7.1 below `a + 1`,
/// the continued fraction of DLMF 8.9.2 above.
pub(crate) fn upper_gamma(a: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    let front = (a * x.ln() - x - ln_gamma(a)).exp();
    if x < a + 1.0 {
        return 1.0 - front * lower_gamma_series(a, x);
    }
    let (mut c, mut d) = (f64::INFINITY, 1.0 / (x + 1.0 - a));
    let mut value = d;
    for index in 1..TERMS {
        let i = f64::from(index);
        let (numerator, denominator) = (i * (a - i), x + 1.0 - a + 2.0 * i);
        d = 1.0 / nonzero(denominator + numerator * d);
        c = nonzero(denominator + numerator / c);
        value *= c * d;
        if (c * d - 1.0).abs() <= SETTLED {
            break;
        }
    }
    front * value
}

fn lower_gamma_series(a: f64, x: f64) -> f64 {
    let (mut term, mut sum) = (1.0 / a, 1.0 / a);
    for index in 1..TERMS {
        term *= x / (a + f64::from(index));
        sum += term;
        if term <= sum * SETTLED {
            break;
        }
    }
    sum
}

/// The probability that a standard normal variable exceeds `z`.
pub(crate) fn normal_above(z: f64) -> f64 {
    let tail = 0.5 * upper_gamma(0.5, 0.5 * z * z);
    if z >= 0.0 { tail } else { 1.0 - tail }
}

/// Lentz's method divides by what may happen to be zero.
fn nonzero(value: f64) -> f64 {
    if value.abs() < 1e-300 { 1e-300 } else { value }
}

#[cfg(test)]
#[expect(clippy::unreadable_literal, reason = "reference figures as they were printed")]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_close(got: f64, expected: f64) {
        assert!((got / expected - 1.0).abs() < 1e-12, "{got:e} is not {expected:e}");
    }

    #[test]
    fn as_scipy_gives_them() {
        // scipy 1.17.1: special.gammaln, special.betainc, special.gammaincc, stats.norm.sf.
        for (a, expected) in [
            (0.5, 0.5723649429247),
            (1.5, -0.12078223763524526),
            (3.25, 0.9358019311087253),
            (11.0, 15.104412573075516),
            (4000.5, 29177.11748852465),
        ] {
            assert_close(ln_gamma(a), expected);
        }
        for (a, b, c, expected) in [
            (0.5, 0.5, 0.25, 0.33333333333333337),
            (2.0, 0.5, 1e-06, 3.7500012500007017e-13),
            (2.5, 0.5, 0.9, 0.48958974456442755),
            (30.0, 0.5, 0.999, 0.8072373061595369),
            (5.0, 7.0, 0.3, 0.2103046172999999),
            (400.0, 0.5, 0.5, 1.5425393146267887e-122),
        ] {
            assert_close(incomplete_beta(a, b, c, 1.0 - c), expected);
        }
        for (a, b, expected) in [
            (0.5, 0.1, 0.6547208460185768),
            (0.5, 12.0, 9.63357008643095e-07),
            (3.0, 2.0, 0.6766764161830634),
            (3.0, 30.0, 4.501016648012131e-11),
            (40.0, 35.0, 0.7801904451746821),
        ] {
            assert_close(upper_gamma(a, b), expected);
        }
        for (a, expected) in [
            (-1.5, 0.9331927987311419),
            (0.25, 0.4012936743170763),
            (1.959963984540054, 0.025),
            (6.0, 9.865876450376946e-10),
        ] {
            assert_close(normal_above(a), expected);
        }
    }

    #[test]
    fn ends_of_the_ranges() {
        assert_eq!(incomplete_beta(2.0, 3.0, 0.0, 1.0).to_bits(), 0.0_f64.to_bits());
        assert_eq!(incomplete_beta(2.0, 3.0, 1.0, 0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(upper_gamma(0.5, 0.0).to_bits(), 1.0_f64.to_bits());
        assert_eq!(normal_above(0.0).to_bits(), 0.5_f64.to_bits());
    }
}
