//! A loaded Whisper: weights, vocabulary and rules.

use std::path::Path;

use candle_core::{DType, Device};
use reelbench_nn::Checkpoint;
use reelbench_protocol::{Quantization, Weights};

use crate::config::{ConfigError, GenerationConfig, ModelConfig};
use crate::decoder::Decoder;
use crate::encoder::Encoder;
use crate::error::AsrError;
use crate::mel::MelSpectrogram;
use crate::presets::{DUMMY_TOKENS_PER_WINDOW, PRESETS, Preset};
use crate::rules::Length;
use crate::text::Vocabulary;

/// How weights can be stored.
pub(crate) const QUANTIZATIONS: [Quantization; 3] =
    [Quantization::None, Quantization::Q8_0, Quantization::Q4k];

/// Whisper, ready to transcribe.
#[derive(Debug)]
pub struct Whisper {
    pub(crate) mel: MelSpectrogram,
    pub(crate) encoder: Encoder,
    pub(crate) decoder: Decoder,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) config: GenerationConfig,
    pub(crate) length: Length,
}

impl Whisper {
    /// Loads a checkpoint in the hub's layout (`config.json`, `generation_config.json`,
    /// `tokenizer.json`, safetensors), or draws one of the published sizes at random.
    ///
    /// Everything is computed in 32-bit floats. With a quantization, the linear layers of encoder and
    /// decoder, and with the last of them the embeddings of tokens, are stored in ggml's blocks as far
    /// as their shapes allow ([`reelbench_nn::quantized::Blocks::fitting`]: `q4k` is `q8_0` in layers of
    /// 384 inputs), and their inputs are rounded to 8 bits; convolutions, positions and norms are
    /// not. A dummy writes
    /// [`DUMMY_TOKENS_PER_WINDOW`] tokens per window of 30 s, whatever it predicts.
    ///
    /// # Errors
    /// When a file, key or tensor is missing, superfluous or at odds with the rest, when a preset
    /// does not exist, with `nf4`, and on any device but the processor.
    pub fn load(weights: &Weights, quantization: Quantization, device: &Device) -> Result<Self, AsrError> {
        if !device.is_cpu() {
            return Err(AsrError::Device);
        }
        if !QUANTIZATIONS.contains(&quantization) {
            let offered = QUANTIZATIONS.map(Quantization::as_str).join(", ");
            return Err(AsrError::Quantization { asked: quantization.as_str(), offered });
        }
        match weights {
            Weights::Local { path, .. } => Self::open(path, weights, quantization, device),
            Weights::Dummy { preset, seed } => {
                let preset = Preset::find(preset).ok_or_else(|| unknown_preset(preset))?;
                let parts = Parts {
                    model: preset.model_config(),
                    generation: preset.generation_config(),
                    vocabulary: Vocabulary::Printable,
                    length: Length::Exactly(DUMMY_TOKENS_PER_WINDOW),
                };
                Self::build(&Checkpoint::dummy(*seed), parts, weights, quantization, device)
            }
        }
    }

    fn open(
        path: &Path,
        weights: &Weights,
        quantization: Quantization,
        device: &Device,
    ) -> Result<Self, AsrError> {
        let checkpoint = Checkpoint::open(path)?;
        let parts = Parts {
            model: checkpoint.config()?,
            generation: checkpoint.read_json("generation_config.json")?,
            vocabulary: Vocabulary::Checkpoint(Box::new(checkpoint.tokenizer()?)),
            length: Length::UntilEndOfText,
        };
        Self::build(&checkpoint, parts, weights, quantization, device)
    }

    fn build(
        checkpoint: &Checkpoint,
        parts: Parts,
        weights: &Weights,
        quantization: Quantization,
        device: &Device,
    ) -> Result<Self, AsrError> {
        let config_error = |source: ConfigError| AsrError::Config { weights: weights.to_string(), source };
        let tensor_error = |source| AsrError::Tensor { weights: weights.to_string(), source };
        parts.model.check().map_err(config_error)?;
        parts.generation.check(&parts.model).map_err(config_error)?;
        let encoder_tensors = checkpoint.var_builder(DType::F32, device).pp("model.encoder");
        // Published weights are exact in 16 bits, and kept so: random ones should be as fast.
        let decoder_dtype = if checkpoint.is_dummy() { DType::F16 } else { DType::F32 };
        let decoder_tensors = checkpoint.var_builder(decoder_dtype, device).pp("model.decoder");
        let whisper = Self {
            mel: MelSpectrogram::new(parts.model.num_mel_bins),
            encoder: Encoder::load(&parts.model, quantization, &encoder_tensors).map_err(tensor_error)?,
            decoder: Decoder::load(&parts.model, quantization, &decoder_tensors).map_err(tensor_error)?,
            vocabulary: parts.vocabulary,
            config: parts.generation,
            length: parts.length,
        };
        // The output projection is the token embeddings; some files hold it a second time.
        checkpoint.finish(&["proj_out.weight"])?;
        Ok(whisper)
    }

    /// Bytes that the weights take up in memory.
    pub fn weights_bytes(&self) -> u64 {
        self.encoder.bytes() + self.decoder.bytes()
    }
}

/// What a Whisper is built from beside its tensors.
struct Parts {
    model: ModelConfig,
    generation: GenerationConfig,
    vocabulary: Vocabulary,
    length: Length,
}

fn unknown_preset(name: &str) -> AsrError {
    let known = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    AsrError::UnknownPreset { name: name.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_preset_is_told_what_there_is() {
        let weights = Weights::Dummy { preset: "whisper-huge".to_owned(), seed: 0 };
        let message = Whisper::load(&weights, Quantization::None, &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("whisper-huge") && message.contains("whisper-large-v3-turbo"), "{message}");
    }

    #[test]
    fn a_missing_folder_is_named() {
        let path = std::env::temp_dir().join("reelbench-no-such-whisper");
        let weights = Weights::Local { path, name: "nowhere".to_owned() };
        let message = Whisper::load(&weights, Quantization::None, &Device::Cpu).unwrap_err().to_string();
        assert!(message.contains("reelbench-no-such-whisper"), "{message}");
    }
}
