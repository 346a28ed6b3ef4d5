//! Loops over slices of `f32` that the compiler turns into vector instructions.

/// Accumulators of a reduction: enough independent ones to keep wide vector units busy.
const LANES: usize = 32;

/// `e^x` within 2 units in the last place, for `x` in [-87, 88]; values outside are taken as the nearest end.
///
/// Cody-Waite reduction and the polynomial of Cephes' `expf` (S. Moshier), free of branches and of
/// library calls.
#[inline]
pub(crate) fn exp(x: f32) -> f32 {
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Adding it leaves a number's integer part in the low bits.
    const SHIFT: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let whole = shifted - SHIFT;
    let r = x - whole * LN2_HIGH - whole * LN2_LOW;
    let mut poly = 1.987_569_1e-4;
    poly = poly * r + 1.398_199_9e-3;
    poly = poly * r + 8.333_452e-3;
    poly = poly * r + 4.166_579_6e-2;
    poly = poly * r + 1.666_666_5e-1;
    poly = poly * r + 0.5;
    let fraction = poly * r * r + r + 1.0;
    let power = shifted.to_bits().wrapping_sub(SHIFT.to_bits()).wrapping_add(127) << 23;
    fraction * f32::from_bits(power)
}

/// `1 / (1 + e^-x)`.
#[inline]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The scalar product of two slices of one length.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0f32; LANES];
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a.iter().zip(b) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    lanes.iter().sum::<f32>() + rest
}

/// Turns scores into weights that sum to 1: `e^(scale * (x - max)) / sum`.
pub(crate) fn softmax(row: &mut [f32], scale: f32) {
    let max = maximum(row);
    let mut lanes = [0f32; LANES];
    let (chunks, rest) = row.as_chunks_mut::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            chunk[lane] = exp((chunk[lane] - max) * scale);
            lanes[lane] += chunk[lane];
        }
    }
    let mut sum = 0f32;
    for value in rest {
        *value = exp((*value - max) * scale);
        sum += *value;
    }
    let factor = (sum + lanes.iter().sum::<f32>()).recip();
    for value in row {
        *value *= factor;
    }
}

/// The largest value; negative infinity for an empty slice.
fn maximum(row: &[f32]) -> f32 {
    let larger = |a: f32, b: f32| if b > a { b } else { a };
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] = larger(lanes[lane], chunk[lane]);
        }
    }
    lanes.iter().chain(rest).copied().fold(f32::NEG_INFINITY, larger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_units_in_the_last_place() {
        for step in -870_000..880_000 {
            let x = step as f32 / 10_000.0;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.4e-7, "e^{x}: {error}");
        }
    }

    #[test]
    fn softmax_sums_to_one_and_keeps_ratios() {
        for length in [1, 31, 32, 100] {
            let scores: Vec<f32> = (0..length).map(|i| (i % 7) as f32 - 90.0).collect();
            let mut weights = scores.clone();
            softmax(&mut weights, 0.5);
            assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            let ratio = weights[length - 1] / weights[0];
            assert!((ratio - (0.5 * (scores[length - 1] - scores[0])).exp()).abs() < 1e-5);
        }
    }

    #[test]
    fn dot_is_exact_on_small_integers() {
        let a: Vec<f32> = (0..101).map(|i| (i % 5) as f32).collect();
        let b: Vec<f32> = (0..101).map(|i| (i % 3) as f32).collect();
        let exact: f32 = a.iter().zip(&b).map(|(a, b)| a * b).sum();
        assert!((dot(&a, &b) - exact).abs() < f32::EPSILON);
    }
}
