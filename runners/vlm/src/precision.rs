//! How the parts of a captioner keep their weights.

use candle_core::DType;
use reelbench_nn::Precision;
use reelbench_protocol::Quantization;

/// The precision of each part's linear layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Precisions {
    /// The language model's layers.
    pub(crate) layers: Precision,
    /// Its head. In 8-bit blocks at least, since it decides between tokens (llama.cpp gives it more
    /// bits than `Q4_K` too); not in NF4, as transformers leaves it.
    pub(crate) head: Precision,
    /// Vision and what lies between it and the language model. In 8-bit blocks where ggml's are asked
    /// for: it computes much and weighs little, so that fewer bits would save nothing. In NF4 like
    /// every linear layer but the head, as in transformers.
    pub(crate) vision: Precision,
}

impl Precisions {
    pub(crate) fn new(quantization: Quantization, dtype: DType) -> Self {
        let (head, vision) = match quantization {
            Quantization::None => (Quantization::None, Quantization::None),
            Quantization::Q8_0 | Quantization::Q4k => (Quantization::Q8_0, Quantization::Q8_0),
            Quantization::Nf4 => (Quantization::None, Quantization::Nf4),
        };
        let precision = |quantization| Precision { quantization, dtype };
        Self { layers: precision(quantization), head: precision(head), vision: precision(vision) }
    }
}
