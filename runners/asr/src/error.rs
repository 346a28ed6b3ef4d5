//! What can go wrong with a transcription.

use reelbench_nn::WeightsError;
use reelbench_protocol::{Failure, FailureKind, Stage};

use crate::config::ConfigError;

/// A model that cannot be loaded or audio that cannot be transcribed.
#[derive(Debug, thiserror::Error)]
pub enum AsrError {
    /// A file of the checkpoint.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A configuration at odds with what can be computed.
    #[error("{weights}: {source}")]
    Config {
        /// The weights as the matrix named them.
        weights: String,
        /// The key and what would do.
        source: ConfigError,
    },
    /// A tensor that is missing or misshapen; candle carries the text.
    #[error("{weights}: {source}")]
    Tensor {
        /// The weights as the matrix named them.
        weights: String,
        /// The file, the tensor and the shapes.
        source: candle_core::Error,
    },
    /// A `dummy:` preset that does not exist.
    #[error("there is no preset `{name}`; use one of {known}")]
    UnknownPreset {
        /// What was asked.
        name: String,
        /// What there is.
        known: String,
    },
    /// A storage of weights that nothing here is written for.
    #[error("whisper has no `quantization: {asked}`; use one of {offered}")]
    Quantization {
        /// What was asked.
        asked: &'static str,
        /// What is offered.
        offered: String,
    },
    /// A device that nothing here is written for.
    #[error("whisper computes on the processor only; use `device: cpu`")]
    Device,
    /// A number of beams out of range.
    #[error("`num_beams` is {num_beams}; use 1 to {most}")]
    NumBeams {
        /// What was asked.
        num_beams: u32,
        /// What is offered.
        most: u32,
    },
    /// A language that the model does not have.
    #[error("`{language}` is not a language of this model; use one of {known}")]
    Language {
        /// What was asked.
        language: String,
        /// What there is.
        known: String,
    },
    /// A sample that no sound has.
    #[error(
        "sample {index} ({second:.3} s) is {value}; decode the audio again, samples are numbers from about -1 to 1"
    )]
    Sample {
        /// Its place.
        index: usize,
        /// Its time.
        second: f64,
        /// Its value.
        value: f32,
    },
    /// Logits that are not numbers.
    #[error("the model predicts values that are not numbers; its weights are damaged, fetch them again")]
    NotANumber,
    /// Tokens that the tokenizer cannot turn into text.
    #[error("tokenizer.json cannot decode what the model wrote: {reason}")]
    Text {
        /// The tokenizer's words.
        reason: String,
    },
    /// A computation that candle refused.
    #[error("whisper's computation failed: {0}")]
    Compute(#[from] candle_core::Error),
}

impl From<AsrError> for Failure {
    fn from(error: AsrError) -> Self {
        let kind = match error {
            AsrError::Weights(_)
            | AsrError::Config { .. }
            | AsrError::Tensor { .. }
            | AsrError::NotANumber
            | AsrError::Text { .. } => FailureKind::Weights,
            AsrError::UnknownPreset { .. }
            | AsrError::Quantization { .. }
            | AsrError::Device
            | AsrError::NumBeams { .. }
            | AsrError::Language { .. } => FailureKind::Unsupported,
            AsrError::Sample { .. } => FailureKind::Input,
            AsrError::Compute(_) => FailureKind::Internal,
        };
        Self::new(kind, error).in_stage(Stage::Asr)
    }
}
