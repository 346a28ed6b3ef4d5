//! The parts of a layer that every vector goes through by itself.

use candle_core::{DType, Result, Shape, Tensor};
use candle_nn::{Init, VarBuilder};
use reelbench_nn::vector;
use reelbench_protocol::Quantization;

use crate::encoder::NORM_EPS;
use crate::matrix::Matrix;

/// `x · Wᵀ + b`.
#[derive(Debug)]
pub(super) struct Affine {
    weight: Matrix,
    bias: Vec<f32>,
}

impl Affine {
    pub(super) fn load(
        input: usize,
        output: usize,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        Self::new(&vb.get((output, input), "weight")?, &vb.get(output, "bias")?, quantization)
    }

    pub(super) fn new(weight: &Tensor, bias: &Tensor, quantization: Quantization) -> Result<Self> {
        Ok(Self { weight: Matrix::new(weight, quantization)?, bias: single(bias)? })
    }

    /// Values that come out for each vector.
    pub(super) fn outputs(&self) -> usize {
        self.bias.len()
    }

    pub(super) fn apply(&self, x: &[f32], out: &mut [f32]) {
        self.weight.apply(x, out);
        out.chunks_exact_mut(self.outputs()).for_each(|row| vector::add(row, &self.bias));
    }

    /// The same through the activation of the feed-forward layers.
    pub(super) fn apply_gelu(&self, x: &[f32], out: &mut [f32]) {
        self.weight.apply(x, out);
        out.chunks_exact_mut(self.outputs()).for_each(|row| vector::gelu_with_bias(row, &self.bias));
    }

    pub(super) fn bytes(&self) -> u64 {
        self.weight.bytes() + size_of_val(self.bias.as_slice()) as u64
    }
}

#[derive(Debug)]
pub(super) struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Norm {
    pub(super) fn load(d: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let weight = vb.get_with_hints(Shape::from(d), "weight", Init::Const(1.0))?;
        Ok(Self { weight: single(&weight)?, bias: single(&vb.get(d, "bias")?)? })
    }

    pub(super) fn apply(&self, x: &[f32], out: &mut [f32]) {
        let d = self.weight.len();
        for (x, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            let mean = x.iter().sum::<f32>() / d as f32;
            let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / d as f32;
            let factor = (variance + NORM_EPS as f32).sqrt().recip();
            for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(&self.weight).zip(&self.bias) {
                *out = (x - mean) * factor * weight + bias;
            }
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        2 * size_of_val(self.weight.as_slice()) as u64
    }
}

/// A vector as 32-bit floats, whatever type it is loaded in.
fn single(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.to_vec1()
}
