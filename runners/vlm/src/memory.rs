//! How much memory a captioner will take up, from its configuration alone.
//!
//! An estimate for planning: weights are counted to the byte, what is computed by its largest tensors
//! with every picture as large as it can be.

use reelbench_nn::Precision;
use reelbench_protocol::{CaptionSettings, MemoryEstimate, WeightsPart};

/// What is to be captioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Workload {
    /// Frames of a scene.
    pub(crate) frames: usize,
    /// Scenes captioned together.
    pub(crate) batch_scenes: usize,
    /// Beams of each.
    pub(crate) num_beams: usize,
    /// New tokens of each beam at most.
    pub(crate) max_new_tokens: usize,
    /// Whether keys and values are kept.
    pub(crate) use_cache: bool,
    /// Crops of a picture at most, where that is a setting.
    pub(crate) num_crops: Option<usize>,
}

impl From<&CaptionSettings> for Workload {
    fn from(settings: &CaptionSettings) -> Self {
        Self {
            frames: settings.frames_per_scene as usize,
            batch_scenes: settings.batch_scenes as usize,
            num_beams: settings.num_beams as usize,
            max_new_tokens: settings.max_new_tokens as usize,
            use_cache: settings.use_cache,
            num_crops: settings.num_crops.map(|crops| crops as usize),
        }
    }
}

/// An estimate from the weights of the parts and what is computed, or held while loading, beside them.
pub(crate) fn estimate(parts: Vec<WeightsPart>, working_bytes: u64) -> MemoryEstimate {
    MemoryEstimate { weights_bytes: parts.iter().map(|part| part.bytes).sum(), working_bytes, parts }
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
    use reelbench_protocol::{CaptionSpec, Dtype, Family, Quantization, Weights};

    use super::*;
    use crate::{Captioner, captioner_support, memory};

    fn spec(family: Family, preset: &str, settings: CaptionSettings) -> CaptionSpec {
        CaptionSpec {
            model: "m".parse().unwrap(),
            family,
            weights: Weights::Dummy { preset: preset.to_owned(), seed: 0 },
            question: "What happens?".to_owned(),
            prompt: None,
            settings,
            seed: None,
            scene: None,
            asr: None,
            ast: None,
            yolo: None,
            max_scenes: None,
        }
    }

    #[test]
    fn the_weights_are_as_large_as_they_were_said_to_be() {
        for support in captioner_support() {
            for preset in support.presets.iter().filter(|preset| preset.ends_with("-tiny")) {
                for &quantization in &support.quantization {
                    for dtype in [Dtype::F32, Dtype::Bf16] {
                        let settings = CaptionSettings { quantization, dtype, ..CaptionSettings::default() };
                        let spec = spec(support.family, preset, settings);
                        let weights = &spec.weights;
                        let loaded =
                            Captioner::load(spec.family, weights, quantization, dtype, &Device::Cpu).unwrap();
                        check(
                            &loaded.weights(),
                            &memory(&spec).unwrap().parts,
                            &format!("{preset} {quantization} {dtype}"),
                        );
                    }
                }
            }
        }
    }

    fn check(loaded: &[WeightsPart], said: &[WeightsPart], case: &str) {
        assert_eq!(loaded.len(), said.len(), "{case}");
        for (loaded, said) in loaded.iter().zip(said) {
            assert_eq!(loaded.part, said.part, "{case}");
            // Rows in blocks are padded to sixteen, those of joined layers together.
            let difference = loaded.bytes.abs_diff(said.bytes) as f64 / loaded.bytes as f64;
            assert!(difference < 0.03, "{case}: {loaded:?}, not {said:?}");
        }
    }

    #[test]
    fn a_published_size_needs_what_it_is_known_to_need() {
        let needs = |settings| memory(&spec(Family::LlavaNext, "llava-v1.6-mistral-7b", settings)).unwrap();
        let settings = CaptionSettings { dtype: Dtype::F32, ..CaptionSettings::default() };
        // 7.24 billion parameters of the language model, 0.3 of the rest.
        let whole = needs(settings.clone());
        assert!((29.5e9..31.0e9).contains(&(whole.weights_bytes as f64)), "{whole:?}");
        let small = CaptionSettings { quantization: Quantization::Q4k, ..settings };
        assert!(needs(small.clone()).weights_bytes < whole.weights_bytes / 5);
        let working = |settings| needs(settings).working_bytes;
        let one = working(small.clone());
        assert!(working(CaptionSettings { batch_scenes: 8, ..small.clone() }) > 3 * one);
        assert!(working(CaptionSettings { use_cache: false, num_beams: 5, ..small }) > 2 * one);
    }
}
