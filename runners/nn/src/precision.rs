//! How linear layers keep their weights.

use candle_core::DType;
use reelbench_protocol::Quantization;

use crate::quantized::{Blocks, ROWS};

/// Values that share a scale in NF4, and scales that share one in turn.
const NF4_BLOCK: u64 = 64;
const NF4_GROUP: u64 = 256;

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

    /// Bytes that a weight of `outputs` rows with `inputs` columns takes up in memory on the processor.
    pub fn weight_bytes(self, inputs: usize, outputs: usize) -> u64 {
        let count = inputs as u64 * outputs as u64;
        if self.quantization == Quantization::Nf4 {
            let blocks = count.div_ceil(NF4_BLOCK);
            return count.div_ceil(2) + blocks + 4 * blocks.div_ceil(NF4_GROUP);
        }
        match Blocks::fitting(self.quantization, inputs) {
            Ok(Some(blocks)) => blocks.row_bytes(inputs) * outputs.next_multiple_of(ROWS) as u64,
            _ => count * self.dtype.size_in_bytes() as u64,
        }
    }
}
