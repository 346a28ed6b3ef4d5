//! Rotary positions (Su et al., 2021) in the half-split layout of Llama.

use candle_core::{DType, Device, Result, Tensor, bail};

/// The frequencies that positions turn by.
#[derive(Debug, Clone)]
pub struct Rope {
    frequencies: Vec<f32>,
    /// What contexts past the length that a model was first trained for turn by.
    long: Option<LongContext>,
    /// What cosines and sines are multiplied by.
    magnitude: f32,
}

#[derive(Debug, Clone)]
struct LongContext {
    frequencies: Vec<f32>,
    /// The longest context that still turns by the other frequencies.
    above: usize,
}

/// Factors that stretch the frequencies ("`LongRoPE`", Ding et al., 2024; `su` in Phi-3's first
/// configurations).
#[derive(Debug, Clone, PartialEq)]
pub struct LongRope {
    /// For contexts of up to `original` positions; one factor for each frequency.
    pub short: Vec<f32>,
    /// For longer ones.
    pub long: Vec<f32>,
    /// Positions that the model was first trained for.
    pub original: usize,
    /// Positions that it was made for in the end.
    pub positions: usize,
}

impl Rope {
    /// For heads with `dimension` values: frequency `i` is `theta^(-2i/dimension)`.
    pub fn new(theta: f32, dimension: usize) -> Self {
        let factors = vec![1.0; dimension / 2];
        Self { frequencies: frequencies(theta, dimension, &factors), long: None, magnitude: 1.0 }
    }

    /// With frequencies divided by factors, of which a context's length decides; as Phi-3.5's
    /// published code does it, the length of the whole context decides for every position computed
    /// with it, and positions that a cache keeps stay as they were.
    pub fn stretched(theta: f32, dimension: usize, factors: &LongRope) -> Self {
        let LongRope { short, long, original, positions } = factors;
        let stretch = *positions as f64 / *original as f64;
        let magnitude =
            if stretch <= 1.0 { 1.0 } else { (1.0 + stretch.ln() / (*original as f64).ln()).sqrt() };
        Self {
            frequencies: frequencies(theta, dimension, short),
            long: Some(LongContext { frequencies: frequencies(theta, dimension, long), above: *original }),
            magnitude: magnitude as f32,
        }
    }

    /// How the positions of a context turn that is computed as a whole.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn whole(&self, length: usize, device: &Device) -> Result<Rotation> {
        self.rotation((0..length).map(|position| (position, length)), device)
    }

    /// How the last positions of contexts of these lengths turn, each a position of its own.
    ///
    /// # Errors
    /// When the device has no room for it.
    pub fn last_of(&self, lengths: &[usize], device: &Device) -> Result<Rotation> {
        self.rotation(lengths.iter().map(|length| (length.saturating_sub(1), *length)), device)
    }

    /// Cosines and sines in `f32` whatever the model computes in: narrower types cannot tell late
    /// positions apart.
    fn rotation(&self, positions: impl Iterator<Item = (usize, usize)>, device: &Device) -> Result<Rotation> {
        let half = self.frequencies.len();
        let (mut cos, mut sin) = (Vec::new(), Vec::new());
        for (position, length) in positions {
            let frequencies = match &self.long {
                Some(long) if length > long.above => &long.frequencies,
                _ => &self.frequencies,
            };
            for frequency in frequencies {
                let (s, c) = (position as f32 * frequency).sin_cos();
                cos.push(c * self.magnitude);
                sin.push(s * self.magnitude);
            }
        }
        let table = |values: Vec<f32>| {
            let rows = values.len() / half.max(1);
            Tensor::from_vec(values, (rows, half), device)
        };
        Ok(Rotation { cos: table(cos)?, sin: table(sin)? })
    }
}

fn frequencies(theta: f32, dimension: usize, factors: &[f32]) -> Vec<f32> {
    let power = |i: usize| theta.powf((2 * i) as f32 / dimension as f32);
    factors.iter().enumerate().map(|(i, factor)| (factor * power(i)).recip()).collect()
}

/// How some positions turn; one computation serves every layer.
#[derive(Debug, Clone)]
pub struct Rotation {
    cos: Tensor,
    sin: Tensor,
}

impl Rotation {
    /// The last `count` of the positions.
    ///
    /// # Errors
    /// When there are fewer.
    pub fn last(&self, count: usize) -> Result<Self> {
        let part = |table: &Tensor| table.narrow(0, table.dim(0)?.saturating_sub(count), count);
        Ok(Self { cos: part(&self.cos)?, sin: part(&self.sin)? })
    }

    /// Turns `x` of shape (batch, positions, heads, dimension).
    ///
    /// # Errors
    /// When the number of positions or the dimension is another.
    pub fn apply(&self, x: &Tensor) -> Result<Tensor> {
        if x.dim(1)? != self.cos.dim(0)? {
            bail!("{} positions cannot turn as {} do", x.dim(1)?, self.cos.dim(0)?);
        }
        let turned =
            candle_nn::rotary_emb::rope_thd(&x.to_dtype(DType::F32)?.contiguous()?, &self.cos, &self.sin)?;
        turned.to_dtype(x.dtype())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turned(rotation: &Rotation) -> Vec<f32> {
        let x = Tensor::new(&[1f32, 2.0, 3.0, 4.0], &Device::Cpu).unwrap().reshape((1, 1, 1, 4)).unwrap();
        rotation.apply(&x).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap()
    }

    fn expected(angles: [f32; 2], magnitude: f32) -> [f32; 4] {
        let turn = |a: f32, b: f32, angle: f32| {
            [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()].map(|x| x * magnitude)
        };
        let ([a, c], [b, d]) = (turn(1.0, 3.0, angles[0]), turn(2.0, 4.0, angles[1]));
        [a, b, c, d]
    }

    fn close(found: &[f32], expected: &[f32]) {
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }

    #[test]
    fn pairs_half_a_head_apart_turn_by_their_frequency() {
        let rope = Rope::new(10_000.0, 4);
        close(&turned(&rope.last_of(&[6], &Device::Cpu).unwrap()), &expected([5.0, 0.05], 1.0));
        let whole = rope.whole(6, &Device::Cpu).unwrap();
        close(&turned(&whole.last(1).unwrap()), &expected([5.0, 0.05], 1.0));
        assert!(whole.apply(&Tensor::zeros((1, 5, 1, 4), DType::F32, &Device::Cpu).unwrap()).is_err());
    }

    #[test]
    fn the_length_of_the_whole_context_decides_which_factors_hold() {
        let factors = LongRope { short: vec![1.0, 2.0], long: vec![4.0, 5.0], original: 4, positions: 64 };
        let rope = Rope::stretched(10_000.0, 4, &factors);
        // 1 + ln(16) / ln(4) = 3.
        let magnitude = 3f32.sqrt();
        let at = |lengths: &[usize]| turned(&rope.last_of(lengths, &Device::Cpu).unwrap());
        close(&at(&[4]), &expected([3.0, 0.015], magnitude));
        close(&at(&[5]), &expected([1.0, 0.008], magnitude));
        let whole = rope.whole(5, &Device::Cpu).unwrap();
        let first_four =
            Rotation { cos: whole.cos.narrow(0, 3, 1).unwrap(), sin: whole.sin.narrow(0, 3, 1).unwrap() };
        close(&turned(&first_four), &expected([0.75, 0.006], magnitude));
    }
}
