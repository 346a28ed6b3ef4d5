//! Normalization over the last dimension.

use candle_core::{Result, Tensor};
use candle_nn::{Init, Module, VarBuilder};

use crate::storage::bytes_of;

/// Layer normalization with weight and bias (Ba et al., 2016).
#[derive(Debug, Clone)]
pub struct LayerNorm {
    norm: candle_nn::LayerNorm,
    bytes: u64,
}

impl LayerNorm {
    /// Takes `weight` and `bias` of length `size`.
    ///
    /// # Errors
    /// When one is missing or misshapen.
    pub fn load(size: usize, eps: f64, tensors: &VarBuilder<'_>) -> Result<Self> {
        let weight = tensors.get_with_hints(size, "weight", Init::Const(1.0))?;
        let bias = tensors.get_with_hints(size, "bias", Init::Const(0.0))?;
        let bytes = bytes_of(&weight) + bytes_of(&bias);
        Ok(Self { norm: candle_nn::LayerNorm::new(weight, bias, eps), bytes })
    }

    /// Bytes that weight and bias take up in memory.
    pub fn weights_bytes(&self) -> u64 {
        self.bytes
    }

    /// Normalizes `x` of shape (…, size).
    ///
    /// # Errors
    /// When the last dimension has another size.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(&x.contiguous()?)
    }
}

/// Root-mean-square normalization with a weight (Zhang and Sennrich, 2019).
#[derive(Debug, Clone)]
pub struct RmsNorm {
    norm: candle_nn::RmsNorm,
    bytes: u64,
}

impl RmsNorm {
    /// Takes `weight` of length `size`.
    ///
    /// # Errors
    /// When it is missing or misshapen.
    pub fn load(size: usize, eps: f64, tensors: &VarBuilder<'_>) -> Result<Self> {
        let weight = tensors.get_with_hints(size, "weight", Init::Const(1.0))?;
        let bytes = bytes_of(&weight);
        Ok(Self { norm: candle_nn::RmsNorm::new(weight, eps), bytes })
    }

    /// Bytes that the weight takes up in memory.
    pub fn weights_bytes(&self) -> u64 {
        self.bytes
    }

    /// Normalizes `x` of shape (…, size).
    ///
    /// # Errors
    /// When the last dimension has another size.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.norm.forward(&x.contiguous()?)
    }
}
