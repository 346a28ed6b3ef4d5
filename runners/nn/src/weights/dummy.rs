//! Random weights that depend on nothing but seed and name.

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::Init;
use rayon::prelude::*;

/// Elements per piece of parallel work.
const PIECE: usize = 1 << 16;

/// Increment of the `SplitMix64` sequence (Steele, Lea, Flood: "Fast splittable pseudorandom number
/// generators", 2014).
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A source of random tensors.
pub(super) struct RandomTensors {
    seed: u64,
}

impl RandomTensors {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Matrices and kernels get a mean of 0 and a spread of `1/sqrt(fan_in)`. Vectors get the
    /// constant that `init` names: 1 for a norm's weight, 0 for a bias.
    pub(super) fn draw(
        &self,
        name: &str,
        shape: &Shape,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        if shape.rank() < 2 {
            let value = if let Init::Const(value) = init { value } else { 0.0 };
            return Tensor::full(value as f32, shape.clone(), device)?.to_dtype(dtype);
        }
        let fan_in: usize = shape.dims().iter().skip(1).product();
        let values = self.values(name, shape.elem_count(), (fan_in.max(1) as f32).sqrt().recip());
        Tensor::from_vec(values, shape.clone(), device)?.to_dtype(dtype)
    }

    fn values(&self, name: &str, count: usize, spread: f32) -> Vec<f32> {
        let key = mix(self.seed ^ fnv1a(name.as_bytes()));
        let mut values = vec![0f32; count];
        values.par_chunks_mut(PIECE).enumerate().for_each(|(piece, values)| {
            let first = (piece * PIECE) as u64;
            for (index, value) in (first..).zip(values) {
                *value = bell(mix(key.wrapping_add(index.wrapping_mul(GOLDEN)))) * spread;
            }
        });
        values
    }
}

/// `SplitMix64`'s output function.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// FNV-1a, 64 bits.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01B3))
}

/// A nearly normal value with mean 0 and variance 1: the sum of four uniform ones, which costs no
/// logarithm. Seven billion of them take seconds.
fn bell(bits: u64) -> f32 {
    // Four uniform values on 0..=65535 have mean 2 * 65535 and variance (65536² - 1) / 3.
    const MEAN: f32 = 2.0 * 65_535.0;
    const SPREAD: f32 = 37_837.227;
    let lanes = (bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48);
    (lanes as f32 - MEAN) / SPREAD
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_promised_mean_and_spread() {
        let values = RandomTensors::new(7).values("a.weight", 200_000, 0.5);
        let mean = values.iter().sum::<f32>() / 200_000.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / 200_000.0;
        assert!(mean.abs() < 0.005, "{mean}");
        assert!((variance.sqrt() - 0.5).abs() < 0.005, "{variance}");
    }

    #[test]
    fn values_depend_on_seed_and_name_only() {
        let draw = |seed, name| RandomTensors::new(seed).values(name, PIECE + 3, 1.0);
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
    }
}
