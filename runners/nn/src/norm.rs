//! Normalization over the last dimension.

use candle_core::{Result, Tensor};
use candle_nn::{Init, Module, VarBuilder};

/// Layer normalization with weight and bias (Ba et al., 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm(candle_nn::LayerNorm);

impl LayerNorm {
    /// Takes `weight` and `bias` of length `size`.
    ///
    /// # Errors
    /// When one is missing or misshapen.
    pub fn load(size: usize, eps: f64, tensors: &VarBuilder<'_>) -> Result<Self> {
        let weight = tensors.get_with_hints(size, "weight", Init::Const(1.0))?;
        let bias = tensors.get_with_hints(size, "bias", Init::Const(0.0))?;
        Ok(Self(candle_nn::LayerNorm::new(weight, bias, eps)))
    }

    /// Normalizes `x` of shape (…, size).
    ///
    /// # Errors
    /// When the last dimension has another size.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.forward(&x.contiguous()?)
    }
}

/// Root-mean-square normalization with a weight (Zhang and Sennrich, 2019).
#[derive(Debug, Clone)]
pub struct RmsNorm(candle_nn::RmsNorm);

impl RmsNorm {
    /// Takes `weight` of length `size`.
    ///
    /// # Errors
    /// When it is missing or misshapen.
    pub fn load(size: usize, eps: f64, tensors: &VarBuilder<'_>) -> Result<Self> {
        let weight = tensors.get_with_hints(size, "weight", Init::Const(1.0))?;
        Ok(Self(candle_nn::RmsNorm::new(weight, eps)))
    }

    /// Normalizes `x` of shape (…, size).
    ///
    /// # Errors
    /// When the last dimension has another size.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0.forward(&x.contiguous()?)
    }
}
