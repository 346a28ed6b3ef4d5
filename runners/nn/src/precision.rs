//! How linear layers keep their weights.

use candle_core::DType;
use reelbench_protocol::Quantization;

use crate::nf4;
use crate::panels::PANEL;
use crate::quantized::{Blocks, ROWS};

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

    /// Bytes that a weight of `outputs` rows with `inputs` columns takes up in memory on the processor:
    /// rows are kept side by side, so that the last ones may stand beside empty ones.
    pub fn weight_bytes(self, inputs: usize, outputs: usize) -> u64 {
        let rows = outputs.next_multiple_of(PANEL);
        if self.quantization == Quantization::Nf4 && inputs.is_multiple_of(nf4::BLOCK) {
            let scales = rows * inputs / nf4::BLOCK;
            return (rows * inputs / 2 + scales + scales.div_ceil(nf4::SCALES) * size_of::<f32>()) as u64;
        }
        match Blocks::fitting(self.quantization, inputs) {
            Ok(Some(blocks)) => blocks.row_bytes(inputs) * outputs.next_multiple_of(ROWS) as u64,
            _ if self.dtype == DType::BF16 => (rows * inputs.next_multiple_of(2) * 2) as u64,
            _ => (rows * inputs * self.dtype.size_in_bytes()) as u64,
        }
    }
}
