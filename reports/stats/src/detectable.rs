//! The effect that an experiment as noisy as the one measured would find.

use std::cell::RefCell;

use crate::student;

/// The probability with which normal noise lets the effect be found. It is above the 90 % that are promised, because
/// the spread of skewed noise is harder to tell from a few rounds: see the simulation in `tests/simulation`.
const POWER: f64 = 0.98;
/// Degrees of freedom above which the noise counts as no better known: that overstates the effect by 1 % at most.
const MOST_FREEDOM: usize = 200;

/// How many standard errors, as this experiment estimates them, the true effect must lie above what is allowed for
/// a fresh experiment of the same size to reject with the probability [`POWER`] at a one-sided `tail`.
///
/// The fresh experiment finds an effect of `k` estimated errors where `k·S₁ + Z > t·S₂`, with Z standard normal and
/// the S independent, each the root of a χ² over its degrees of freedom: this experiment knows the noise no better
/// than the fresh one. Between whole degrees of freedom it is interpolated over their inverse; the curve bends
/// upwards, which errs to the safe side.
pub(crate) fn errors_away(tail: f64, freedom: f64) -> f64 {
    let freedom = freedom.clamp(1.0, MOST_FREEDOM as f64);
    let (below, above) = (freedom.floor(), freedom.ceil());
    let of_fewer = remembered(tail, below as usize);
    if above > below {
        let share = (below.recip() - freedom.recip()) / (below.recip() - above.recip());
        return of_fewer + share * (remembered(tail, above as usize) - of_fewer);
    }
    of_fewer
}

thread_local! {
    /// The solutions of the family at hand: all of its cells ask for the same few, and each takes half a millisecond.
    static SOLVED: RefCell<Solved> = const { RefCell::new(Solved { tail: f64::NAN, by_freedom: Vec::new() }) };
}

struct Solved {
    tail: f64,
    by_freedom: Vec<Option<f64>>,
}

/// The effect at whole degrees of freedom, solved once per family.
fn remembered(tail: f64, freedom: usize) -> f64 {
    let solve = || Design::of(tail, freedom as u32).errors_away();
    SOLVED.with_borrow_mut(|solved| {
        if solved.tail.to_bits() != tail.to_bits() {
            *solved = Solved { tail, by_freedom: vec![None; MOST_FREEDOM + 1] };
        }
        solved.by_freedom.get_mut(freedom).map_or_else(solve, |known| *known.get_or_insert_with(solve))
    })
}

/// Two experiments of the same size, one to estimate the noise and one to find the effect.
///
/// With S₁ and S₂ in polar coordinates, Z over their radius is Student's t with twice the degrees of freedom, and
/// the logarithm x of the angle's tangent, S₂ over S₁, has the density `cosh(x)^-freedom` up to a constant. So the
/// power is one integral over x.
struct Design {
    /// Student's t at which the fresh experiment rejects.
    critical: f64,
    freedom: u32,
    /// Where the integrand is looked at, and the weight there; the weights sum to 1.
    points: Vec<Point>,
}

struct Point {
    sin: f64,
    cos: f64,
    weight: f64,
}

impl Design {
    fn of(tail: f64, degrees: u32) -> Self {
        /// The density, against that in the middle, below which the ends are cut off.
        const CUT: f64 = 1e-8;
        const MOST_POINTS: f64 = 4_000.0;
        let freedom = f64::from(degrees);
        let critical = student::quantile_above(tail, freedom);
        let end = CUT.powf(-freedom.recip()).acosh();
        // The density is about 1 / √freedom wide, and what is integrated over it rises within about 1 / critical.
        let step = (0.25 / freedom.sqrt()).min(0.5 / critical).max(2.0 * end / MOST_POINTS);
        let half = (end / step) as i32;
        let mut points: Vec<Point> = (-half..=half)
            .map(|index| {
                let x = f64::from(index) * step;
                let (cos, weight) = (1.0_f64.hypot(x.exp()).recip(), x.cosh().powf(-freedom));
                Point { sin: x.exp() * cos, cos, weight }
            })
            .collect();
        let all: f64 = points.iter().map(|point| point.weight).sum();
        for point in &mut points {
            point.weight /= all;
        }
        Self { critical, freedom: degrees, points }
    }

    /// The probability of finding an effect of `k` estimated errors.
    fn power(&self, k: f64) -> f64 {
        let found = |point: &Point| {
            let reached = k * point.cos - self.critical * point.sin;
            point.weight * student::below_even(std::f64::consts::SQRT_2 * reached, self.freedom)
        };
        self.points.iter().map(found).sum()
    }

    /// The `k` of [`POWER`], from above, by the Illinois variant of the false position (Dowell and Jarratt, "A
    /// modified regula falsi method for computing the root of an equation", 1971).
    fn errors_away(&self) -> f64 {
        const STEPS: usize = 60;
        // With k = t both experiments are alike, and the power is a half.
        let (mut low, mut high) = (self.critical, 2.0 * self.critical + 2.0);
        let (mut short, mut over) = (0.5 - POWER, self.power(high) - POWER);
        while over < 0.0 && high.is_finite() {
            (low, short) = (high, over);
            high *= 2.0;
            over = self.power(high) - POWER;
        }
        for _ in 0..STEPS {
            if high - low <= 1e-6 * high {
                break;
            }
            let k = (low * over - high * short) / (over - short);
            let reached = self.power(k) - POWER;
            if reached < 0.0 {
                (low, short, over) = (k, reached, 0.5 * over);
            } else {
                (high, over, short) = (k, reached, 0.5 * short);
            }
        }
        high
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::unreadable_literal, reason = "reference figures as they were printed")]
    fn as_the_noncentral_t_distribution_gives_it() {
        // scipy 1.17.1: the root, by optimize.brentq, of the mean of stats.nct.sf(t, freedom, k * s) over the density
        // of s = chi(freedom) / √freedom, with t = stats.t.isf(tail, freedom).
        for (tail, freedom, expected) in [
            (0.025, 2.0, 30.894988454654086),
            (0.025, 4.0, 10.133773942836951),
            (0.0010416666666666667, 4.0, 23.8402835177303),
            (0.0020833333333333333, 9.0, 8.750847487841886),
            (0.0010416666666666667, 19.0, 6.838118007015891),
            (0.025, 60.0, 4.240695268086499),
        ] {
            let got = errors_away(tail, freedom);
            assert!((got / expected - 1.0).abs() < 1e-5, "{tail}, {freedom}: {got} is not {expected}");
        }
    }

    #[test]
    fn between_whole_degrees_lies_between_their_effects() {
        let effects: Vec<f64> =
            [4.0, 4.2, 4.9, 5.0, 40.5, 200.0].iter().map(|&freedom| errors_away(0.001, freedom)).collect();
        assert!(effects.is_sorted_by(|fewer, more| fewer > more), "{effects:?}");
        assert!((errors_away(0.001, 1e9) / errors_away(0.001, 200.0) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn the_fewest_rounds_and_the_longest_family_end() {
        for freedom in [1.0, 1.5, 2.0] {
            let effect = errors_away(0.025 / 10_000.0, freedom);
            assert!(effect.is_finite() && effect > 1_000.0, "{freedom}: {effect}");
        }
    }
}
