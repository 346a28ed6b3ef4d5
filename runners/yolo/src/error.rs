//! What can go wrong with detection.

use std::path::PathBuf;

use reelbench_nn::WeightsError;
use reelbench_protocol::{Failure, FailureKind, Stage};

/// A model that cannot be loaded or a picture that cannot be searched.
#[derive(Debug, thiserror::Error)]
pub enum YoloError {
    /// A file of the checkpoint.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// A tensor that is missing, misshapen or damaged; candle carries the text.
    #[error("{weights}: {source}")]
    Tensor {
        /// The weights as the matrix named them.
        weights: String,
        /// The file, the tensor and the shapes.
        source: candle_core::Error,
    },
    /// Sizes that no detector has.
    #[error("{weights}: {place} is 0; the file belongs to another model")]
    NoSize {
        /// The weights as the matrix named them.
        weights: String,
        /// Which size.
        place: &'static str,
    },
    /// Names of classes that do not fit the model.
    #[error("{}: {reason}", path.display())]
    Labels {
        /// The file that holds them.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
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
    #[error("objects are detected on the processor only; use `device: cpu`")]
    Device,
    /// An option out of range.
    #[error("`{option}` is {value}; use a number from 0 to 1")]
    Option {
        /// Its name.
        option: &'static str,
        /// What was asked.
        value: f32,
    },
    /// A picture without pixels.
    #[error("the picture is {width} × {height} pixels; give one with at least one pixel")]
    NoPixels {
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
}

impl From<YoloError> for Failure {
    fn from(error: YoloError) -> Self {
        let kind = match error {
            YoloError::Weights(_)
            | YoloError::Tensor { .. }
            | YoloError::NoSize { .. }
            | YoloError::Labels { .. } => FailureKind::Weights,
            YoloError::UnknownPreset { .. } | YoloError::Device | YoloError::Option { .. } => {
                FailureKind::Unsupported
            }
            YoloError::NoPixels { .. } => FailureKind::Input,
        };
        Self::new(kind, error).in_stage(Stage::Yolo)
    }
}
