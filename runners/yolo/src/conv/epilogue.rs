//! What follows the sums of a convolution: bias, activation and a residual.

use super::simd::{Lanes, Vector};

/// What a layer does to its sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// x · sigmoid(x).
    Silu,
    /// The sums and the bias as they are.
    None,
}

/// Bias by block of output channels, then the activation.
#[derive(Debug)]
pub(super) struct Epilogue {
    pub(super) bias: Vec<Lanes>,
    pub(super) activation: Activation,
}

impl Epilogue {
    /// Finishes pixels of one block; `residual` is added after the activation.
    pub(super) fn finish(&self, block: usize, pixels: &mut [Lanes], residual: Option<&[Lanes]>) {
        let bias = Vector::load(&self.bias[block]);
        match self.activation {
            Activation::None => each(pixels, residual, |sum| sum.plus(bias)),
            Activation::Silu => each(pixels, residual, |sum| sum.plus(bias).silu()),
        }
    }
}

fn each(pixels: &mut [Lanes], residual: Option<&[Lanes]>, activate: impl Fn(Vector) -> Vector) {
    match residual {
        None => pixels.iter_mut().for_each(|pixel| activate(Vector::load(pixel)).store(pixel)),
        Some(residual) => {
            for (pixel, residual) in pixels.iter_mut().zip(residual) {
                activate(Vector::load(pixel)).plus(Vector::load(residual)).store(pixel);
            }
        }
    }
}
