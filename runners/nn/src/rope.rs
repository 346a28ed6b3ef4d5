//! Rotary positions (Su et al., 2021) in the half-split layout of Llama.

use candle_core::{DType, Device, Result, Tensor};

/// Cosines and sines of every position, in `f32` whatever the model computes in: narrower types
/// cannot tell late positions apart.
#[derive(Debug, Clone)]
pub struct Rope {
    cos: Tensor,
    sin: Tensor,
}

impl Rope {
    /// Tables for `positions` positions of heads with `dimension` values: frequency `i` is
    /// `theta^(-2i/dimension)`.
    ///
    /// # Errors
    /// When the device has no room for them.
    pub fn new(theta: f32, dimension: usize, positions: usize, device: &Device) -> Result<Self> {
        let half = dimension / 2;
        let frequencies: Vec<f32> =
            (0..half).map(|i| theta.powf((2 * i) as f32 / dimension as f32).recip()).collect();
        let frequencies = Tensor::from_vec(frequencies, (1, half), device)?;
        let steps = Tensor::arange(0, positions as u32, device)?.to_dtype(DType::F32)?;
        let angles = steps.reshape((positions, 1))?.matmul(&frequencies)?;
        Ok(Self { cos: angles.cos()?, sin: angles.sin()? })
    }

    /// Rotates `x` of shape (batch, positions, heads, dimension), whose first position is `offset`.
    ///
    /// # Errors
    /// When a position lies past the tables.
    pub fn apply(&self, x: &Tensor, offset: usize) -> Result<Tensor> {
        let length = x.dim(1)?;
        let cos = self.cos.narrow(0, offset, length)?;
        let sin = self.sin.narrow(0, offset, length)?;
        let rotated = candle_nn::rotary_emb::rope_thd(&x.to_dtype(DType::F32)?.contiguous()?, &cos, &sin)?;
        rotated.to_dtype(x.dtype())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_half_a_head_apart_turn_by_their_frequency() {
        let rope = Rope::new(10_000.0, 4, 8, &Device::Cpu).unwrap();
        let x = Tensor::new(&[1f32, 2.0, 3.0, 4.0], &Device::Cpu).unwrap().reshape((1, 1, 1, 4)).unwrap();
        let turned = rope.apply(&x, 5).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let turn = |a: f32, b: f32, angle: f32| {
            [a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()]
        };
        let ([a, c], [b, d]) = (turn(1.0, 3.0, 5.0), turn(2.0, 4.0, 0.05));
        for (found, expected) in turned.iter().zip([a, b, c, d]) {
            assert!((found - expected).abs() < 1e-6);
        }
        assert!(rope.apply(&x, 8).is_err());
    }
}
