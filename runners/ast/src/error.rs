//! What can go wrong with naming sounds.

use reelbench_nn::WeightsError;
use reelbench_protocol::{Failure, FailureKind, Stage};

use crate::config::ConfigError;

/// A model that cannot be loaded or sound that cannot be named.
#[derive(Debug, thiserror::Error)]
pub enum AstError {
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
    /// A tensor that is missing or misshapen, or cannot be quantized; candle carries the text.
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
    /// A device that nothing here is written for.
    #[error("the audio spectrogram transformer computes on the processor only; use `device: cpu`")]
    Device,
    /// A storage of weights that nothing here is written for.
    #[error("the audio spectrogram transformer has no `quantization: {asked}`; use one of {offered}")]
    Quantization {
        /// What was asked.
        asked: &'static str,
        /// What is offered.
        offered: String,
    },
    /// A number of windows out of range.
    #[error("`batch` is {batch}; use 1 to {most}")]
    Batch {
        /// What was asked.
        batch: usize,
        /// What is offered.
        most: usize,
    },
    /// Sound too short for a single frame.
    #[error("{samples} samples are shorter than a frame of 25 ms; give at least {least} samples at 16 kHz")]
    TooShort {
        /// How many there are.
        samples: usize,
        /// How many a frame takes.
        least: usize,
    },
    /// A sample that no sound has.
    #[error("sample {index} ({second:.3} s) is {value}; decode the audio again, samples are finite numbers")]
    Sample {
        /// Its place.
        index: usize,
        /// Its time.
        second: f64,
        /// Its value.
        value: f32,
    },
    /// Scores that are not numbers.
    #[error("the model predicts values that are not numbers; its weights are damaged, fetch them again")]
    NotANumber,
    /// A computation that candle refused.
    #[error("the audio spectrogram transformer's computation failed: {0}")]
    Compute(#[from] candle_core::Error),
}

impl From<AstError> for Failure {
    fn from(error: AstError) -> Self {
        let kind = match error {
            AstError::Weights(_)
            | AstError::Config { .. }
            | AstError::Tensor { .. }
            | AstError::NotANumber => FailureKind::Weights,
            AstError::UnknownPreset { .. }
            | AstError::Device
            | AstError::Quantization { .. }
            | AstError::Batch { .. } => FailureKind::Unsupported,
            AstError::TooShort { .. } | AstError::Sample { .. } => FailureKind::Input,
            AstError::Compute(_) => FailureKind::Internal,
        };
        Self::new(kind, error).in_stage(Stage::Ast)
    }
}
