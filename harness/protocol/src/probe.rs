//! One stage on one input: the way to try a stage, and to check it against references.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Device, Dtype, EarlyStopping, Family, Quantization, SceneSpec, Weights};

/// A probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "probe", rename_all = "snake_case")]
pub enum Probe {
    /// Scenes of a film.
    Scenes(SceneProbe),
    /// Speech of a sound file or a film.
    Transcribe(TranscribeProbe),
    /// Sounds of a sound file or a film.
    Tag(TagProbe),
    /// Objects in a picture or a film.
    Detect(DetectProbe),
    /// A caption for pictures.
    Caption(Box<CaptionProbe>),
}

/// Finds scenes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SceneProbe {
    /// The film.
    pub video: PathBuf,
    /// How.
    pub scene: SceneSpec,
}

/// Transcribes speech.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TranscribeProbe {
    /// A sound file or a film.
    pub media: PathBuf,
    /// The model.
    pub weights: Weights,
    /// Where to compute.
    pub device: Device,
    /// Beams; 1 is greedy.
    pub num_beams: u32,
    /// Predict times, and move through long sound by them.
    pub timestamps: bool,
    /// Decode again at higher temperatures where the result looks wrong.
    pub temperature_fallback: bool,
}

/// Names sounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TagProbe {
    /// A sound file or a film.
    pub media: PathBuf,
    /// The model.
    pub weights: Weights,
    /// Where to compute.
    pub device: Device,
    /// Where the stretch begins, in seconds.
    pub start_s: f64,
    /// Its length in seconds; absent: as much as the model hears at once.
    pub seconds: Option<f64>,
}

/// Finds objects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectProbe {
    /// A picture or a film.
    pub media: PathBuf,
    /// The model.
    pub weights: Weights,
    /// Where to compute.
    pub device: Device,
    /// Least score of a box; absent: 0.25 for a picture, 0.1 for a film, whose boxes are tracked.
    pub conf: Option<f32>,
    /// Boxes of one class that overlap by more than this (intersection over union) are one object.
    pub iou: f32,
    /// Most boxes in a frame.
    pub max_det: u32,
}

/// Captions pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaptionProbe {
    /// The architecture.
    pub family: Family,
    /// The model.
    pub weights: Weights,
    /// Where to compute.
    pub device: Device,
    /// The pictures, in order.
    pub frames: Vec<PathBuf>,
    /// What is asked.
    pub question: String,
    /// The whole prompt, in place of the family's template.
    pub prompt: Option<String>,
    /// Beams; 1 is greedy.
    pub num_beams: u32,
    /// New tokens at most.
    pub max_new_tokens: u32,
    /// New tokens at least.
    pub min_new_tokens: u32,
    /// Exponent of the length a beam's score is divided by.
    pub length_penalty: f64,
    /// When beam search ends.
    pub early_stopping: EarlyStopping,
    /// Divides (multiplies, where negative) the logits of tokens seen before.
    pub repetition_penalty: f64,
    /// Keep keys and values of past tokens.
    pub use_cache: bool,
    /// Storage of the weights.
    pub quantization: Quantization,
    /// Type of the computation.
    pub dtype: Dtype,
    /// Crops of the HD transform.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_crops: Option<u32>,
    /// Draw tokens from logits divided by this; absent or 0 takes the likeliest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Draw from the likeliest tokens that together have this probability.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Seed that tokens are drawn from; absent is 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}
