//! How linear layers keep their weights.

use candle_core::DType;
use reelbench_protocol::Quantization;

/// How a linear layer keeps its weight: in the blocks of `quantization` where its inputs fill them,
/// and otherwise as numbers of `dtype`.
///
/// It is about the weights of linear layers and their products only, as in torch's autocast: what
/// goes in and comes out, biases, norms and softmax have the type of the tensors around the layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Precision {
    /// The blocks.
    pub quantization: Quantization,
    /// `F32`, `F16` or `BF16`.
    pub dtype: DType,
}

impl Precision {
    /// 32-bit floats.
    pub const SINGLE: Self = Self { quantization: Quantization::None, dtype: DType::F32 };

    /// Blocks, and 32-bit floats where these do not fit.
    pub const fn quantized(quantization: Quantization) -> Self {
        Self { quantization, ..Self::SINGLE }
    }
}
