//! How much memory a captioner will take up, from its configuration alone.
//!
//! An estimate for planning: weights are counted to the byte, what is computed by its largest tensors
//! with every picture as large as it can be.

use reelbench_nn::Precision;

/// What is to be captioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Frames of a scene.
    pub frames: usize,
    /// Scenes captioned together.
    pub batch_scenes: usize,
    /// Beams of each.
    pub num_beams: usize,
    /// New tokens of each beam at most.
    pub max_new_tokens: usize,
    /// Whether keys and values are kept.
    pub use_cache: bool,
    /// Crops of a picture at most, where that is a setting.
    pub num_crops: Option<usize>,
}

/// What a captioner needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemoryEstimate {
    /// The weights of each part, in bytes.
    pub parts: Vec<(&'static str, u64)>,
    /// What is computed, or held while loading, beside them, in bytes.
    pub working_bytes: u64,
}

/// Bytes of a `f32`, in which everything but the weights of linear layers is computed.
const SINGLE: u64 = 4;

/// Tokens that a question and its form come to.
pub(crate) const QUESTION_TOKENS: usize = 256;

/// Bytes of `values` singles.
pub(crate) fn singles(values: usize) -> u64 {
    SINGLE * values as u64
}

/// Bytes of linear layers, given as inputs, outputs and biases.
pub(crate) fn linears(precision: Precision, layers: &[(usize, usize, usize)]) -> u64 {
    layers
        .iter()
        .map(|&(inputs, outputs, biases)| precision.weight_bytes(inputs, outputs) + singles(biases))
        .sum()
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use reelbench_protocol::{Dtype, Quantization, Weights};

    use crate::{Captioner, captioner_support};

    use super::*;

    const WORKLOAD: Workload = Workload {
        frames: 2,
        batch_scenes: 1,
        num_beams: 1,
        max_new_tokens: 64,
        use_cache: true,
        num_crops: None,
    };

    fn bytes(parts: &[(&'static str, u64)]) -> u64 {
        parts.iter().map(|(_, bytes)| bytes).sum()
    }

    #[test]
    fn the_weights_are_as_large_as_they_were_said_to_be() {
        for support in captioner_support() {
            let preset = support.presets.iter().find(|preset| preset.ends_with("-tiny")).unwrap();
            let weights = Weights::Dummy { preset: preset.clone(), seed: 0 };
            for &quantization in &support.quantization {
                for dtype in [Dtype::F32, Dtype::Bf16] {
                    let family = support.family;
                    let loaded =
                        Captioner::load(family, &weights, quantization, dtype, &Device::Cpu).unwrap();
                    let estimate = crate::memory(family, &weights, quantization, dtype, &WORKLOAD).unwrap();
                    let names = |parts: &[(&'static str, u64)]| {
                        parts.iter().map(|(name, _)| *name).collect::<Vec<_>>()
                    };
                    assert_eq!(names(&loaded.weights()), names(&estimate.parts));
                    for ((part, found), (_, said)) in loaded.weights().iter().zip(&estimate.parts) {
                        // Rows in blocks are padded to sixteen, together where layers are joined.
                        let difference = found.abs_diff(*said) as f64 / *found as f64;
                        assert!(difference < 0.03, "{preset} {quantization} {dtype} {part}: {found}, not {said}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_published_size_needs_what_it_is_known_to_need() {
        let said = |quantization, workload| {
            let weights = Weights::Dummy { preset: "llava-v1.6-mistral-7b".to_owned(), seed: 0 };
            let family = reelbench_protocol::Family::LlavaNext;
            crate::memory(family, &weights, quantization, Dtype::F32, &workload).unwrap()
        };
        // 7.24 billion parameters of the language model, 0.3 of the rest.
        let whole = said(Quantization::None, WORKLOAD);
        assert!((29.5e9..31.0e9).contains(&(bytes(&whole.parts) as f64)), "{whole:?}");
        let small = said(Quantization::Q4k, WORKLOAD);
        assert!(bytes(&small.parts) < bytes(&whole.parts) / 5, "{small:?}");
        let working = |workload| said(Quantization::Q4k, workload).working_bytes;
        assert!(working(Workload { batch_scenes: 8, ..WORKLOAD }) > 3 * working(WORKLOAD));
        assert!(working(Workload { use_cache: false, num_beams: 5, ..WORKLOAD }) > 4 * working(WORKLOAD));
    }
}
