//! Mathematics on slices of `f32`, written so that the compiler vectorizes it.
//!
//! candle calls libm once per element for `exp` and `erf`, which would take longer than a small
//! encoder's matrix products.

/// Lanes of a vector register that sums are spread over.
const LANES: usize = 16;

/// The sum of all lanes, by halves: adding them one after another would take longer than a short
/// product.
fn total(mut lanes: [f32; LANES]) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        let (low, high) = lanes.split_at_mut(width);
        add(low, &high[..width]);
        width /= 2;
    }
    lanes[0]
}

/// `a · b + c`, in one instruction where the target has one (without, libm's would be far slower).
#[inline]
pub fn fused(a: f32, b: f32, c: f32) -> f32 {
    if cfg!(target_feature = "fma") { a.mul_add(b, c) } else { a * b + c }
}

/// eˣ within 2 units in the last place; arguments below −87.3 give e^−87.3.
///
/// Range reduction and polynomial: Cephes `expf` (S. L. Moshier).
#[inline]
pub fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to an integer and leaves it in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let x = x.clamp(-87.3, 88.3);
    let shifted = fused(x, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = fused(n, -LN_2_LOW, fused(n, -LN_2_HIGH, x));
    let mut p = 1.987_569_1e-4;
    for coefficient in [1.398_199_9e-3, 8.333_452e-3, 4.166_579_6e-2, 1.666_666_5e-1, 0.5] {
        p = fused(p, r, coefficient);
    }
    let two_to_n = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    fused(p * r, r, r + 1.0) * two_to_n
}

/// The error function within 2 units in the last place.
///
/// Two polynomials joined at 475/512, as N. Juffa published them (stackoverflow.com/a/35148199).
#[inline]
fn erf(x: f32) -> f32 {
    let t = x.abs().min(4.0);
    let s = t * t;
    let outer_low = fused(-1.728_534_7e-5, t, 3.831_972e-4);
    let outer_high = fused(-3.883_964_4e-3, t, 2.425_462_2e-2);
    let mut outer = fused(outer_low, s, outer_high);
    for coefficient in [-1.067_778_8e-1, -6.348_468_7e-1, -1.287_175_1e-1] {
        outer = fused(outer, t, coefficient);
    }
    let outer = 1.0 - exp(fused(outer, t, -t));
    let mut inner = -5.967_617e-4;
    for coefficient in [4.991_194e-3, -2.676_813_5e-2, 1.128_199_3e-1, -3.761_253_4e-1, 1.283_791_7e-1] {
        inner = fused(inner, s, coefficient);
    }
    let inner = fused(inner, t, t);
    let magnitude = if t > 0.927_734_4 { outer } else { inner };
    magnitude.copysign(x)
}

/// `1 / (1 + e⁻ˣ)`.
#[inline]
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

/// The exact (not the tanh) GELU.
#[inline]
fn gelu(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

/// `row = gelu(row + bias)`.
pub fn gelu_with_bias(row: &mut [f32], bias: &[f32]) {
    for (x, bias) in row.iter_mut().zip(bias) {
        *x = gelu(*x + bias);
    }
}

/// `row += addend`.
pub fn add(row: &mut [f32], addend: &[f32]) {
    for (x, addend) in row.iter_mut().zip(addend) {
        *x += addend;
    }
}

/// `row += factor · addend`.
pub fn add_scaled(row: &mut [f32], factor: f32, addend: &[f32]) {
    for (x, addend) in row.iter_mut().zip(addend) {
        *x = fused(factor, *addend, *x);
    }
}

/// Σ aᵢ · bᵢ.
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for ((lane, a), b) in lanes.iter_mut().zip(a).zip(b) {
            *lane = fused(*a, *b, *lane);
        }
    }
    rest + total(lanes)
}

/// The largest element; −∞ of none.
pub fn max(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest = chunks.remainder().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = lane.max(x);
        }
    }
    lanes.iter().copied().fold(rest, f32::max)
}

/// log Σ e^xᵢ; −∞ where every element is −∞.
pub fn log_sum_exp(row: &[f32]) -> f32 {
    let max = max(row);
    if max == f32::NEG_INFINITY {
        return max;
    }
    let mut lanes = [0.0; LANES];
    let chunks = row.chunks_exact(LANES);
    let rest: f32 = chunks.remainder().iter().map(|x| exp(x - max)).sum();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane += exp(x - max);
        }
    }
    max + (rest + total(lanes)).ln()
}

/// `row = softmax(scale · row)`.
pub fn softmax(row: &mut [f32], scale: f32) {
    let max = max(row);
    let mut lanes = [0.0; LANES];
    let mut chunks = row.chunks_exact_mut(LANES);
    for chunk in &mut chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *x = exp((*x - max) * scale);
            *lane += *x;
        }
    }
    let mut sum = total(lanes);
    for x in chunks.into_remainder() {
        *x = exp((*x - max) * scale);
        sum += *x;
    }
    let factor = sum.recip();
    for x in row {
        *x *= factor;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_ulps() {
        for i in -87_000..88_000 {
            let x = i as f32 * 1e-3;
            let exact = f64::from(x).exp();
            let error = (f64::from(exp(x)) - exact).abs() / exact;
            assert!(error < 2.4e-7, "exp({x}): relative error {error}");
        }
        assert!(exp(f32::NEG_INFINITY) < 1.3e-38);
    }

    #[test]
    fn gelu_agrees_with_libm() {
        let device = candle_core::Device::Cpu;
        let x: Vec<f32> = (-60_000..60_000).map(|i| i as f32 * 1e-4).collect();
        let double =
            candle_core::Tensor::new(x.iter().map(|&x| f64::from(x)).collect::<Vec<_>>(), &device).unwrap();
        let exact: Vec<f64> = double.gelu_erf().unwrap().to_vec1().unwrap();
        for (&x, exact) in x.iter().zip(exact) {
            let error = (f64::from(gelu(x)) - exact).abs();
            assert!(error < 4e-7 * f64::from(x.abs()).max(0.1), "gelu({x}): error {error}");
        }
        assert!(gelu(-1e30).abs() < 1e-30);
        assert!((gelu(1e4) - 1e4).abs() < 1e-2);
    }

    #[test]
    fn reductions_agree_with_their_definitions_at_every_length() {
        for length in [1, 15, 16, 17, 47, 200] {
            let a: Vec<f32> = (0..length).map(|i| (i as f32 * 0.7).sin()).collect();
            let b: Vec<f32> = (0..length).map(|i| (i as f32 * 0.3).cos()).collect();
            let exact: f64 = a.iter().zip(&b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
            assert!((f64::from(dot(&a, &b)) - exact).abs() < 1e-5, "dot of {length}");
            let sum: f64 = a.iter().map(|&x| f64::from(x).exp()).sum();
            assert!((f64::from(log_sum_exp(&a)) - sum.ln()).abs() < 1e-5, "log_sum_exp of {length}");
            let mut soft = a.clone();
            softmax(&mut soft, 0.5);
            let sum: f64 = a.iter().map(|&x| (f64::from(x) * 0.5).exp()).sum();
            for (soft, x) in soft.iter().zip(&a) {
                assert!((f64::from(*soft) - (f64::from(*x) * 0.5).exp() / sum).abs() < 1e-6);
            }
        }
        assert!(log_sum_exp(&[f32::NEG_INFINITY; 3]) < f32::MIN, "minus infinity");
    }
}
