//! `bench probe`: one stage on one input.

use std::path::PathBuf;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand};
use reelbench_protocol::{Detector, Device, Dtype, EarlyStopping, Family, Quantization};

use super::RunnerArgs;

const TAG_EXAMPLES: &str = "\
Examples:
  bench probe tag talk.wav --weights hf:MIT/ast-finetuned-audioset-10-10-0.4593
  bench probe tag film.mp4 --weights dummy:ast-tiny --start 30 --seconds 10";

const DETECT_EXAMPLES: &str = "\
Examples:
  bench probe detect street.jpg --weights models/yolov8n.safetensors --conf 0.5
  bench probe detect film.mp4 --weights dummy:yolov8-tiny --iou 0.7 --max-det 100";

#[derive(Debug, Subcommand)]
pub(crate) enum ProbeCommand {
    /// Find the scenes of a film
    Scenes(ScenesArgs),
    /// Transcribe the speech of a sound file or a film
    Transcribe(TranscribeArgs),
    /// Name the sounds of a sound file or a film: a score for every label
    #[command(after_help = TAG_EXAMPLES)]
    Tag(TagArgs),
    /// Find the objects in a picture, or in every frame of a film and follow them
    #[command(after_help = DETECT_EXAMPLES)]
    Detect(DetectArgs),
    /// Caption pictures
    Caption(Box<CaptionArgs>),
}

#[derive(Debug, Args)]
pub(crate) struct ScenesArgs {
    /// The film
    pub(crate) video: PathBuf,
    /// The detector
    #[arg(long, value_parser = word(Detector::ALL, Detector::as_str), default_value = "content")]
    pub(crate) detector: Detector,
    /// Its threshold [default: 27.0 for content, 3.0 for adaptive]
    #[arg(long, value_name = "T", value_parser = finite)]
    pub(crate) threshold: Option<f64>,
    /// Shortest scene in frames
    #[arg(long, value_name = "FRAMES", default_value_t = 15)]
    pub(crate) min_scene_len: u32,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TranscribeArgs {
    /// A sound file or a film
    #[arg(value_name = "AUDIO_OR_VIDEO")]
    pub(crate) media: PathBuf,
    /// A folder, `hf:owner/name[@revision]` or `dummy:PRESET`
    #[arg(long, value_name = "WEIGHTS")]
    pub(crate) weights: String,
    /// Beams; 1 is greedy
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) num_beams: u32,
    /// Predict times
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set, default_value_t = true)]
    pub(crate) timestamps: bool,
    /// Decode again at higher temperatures where the result looks wrong
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set, default_value_t = false)]
    pub(crate) temperature_fallback: bool,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, default_value_t = Device::Auto)]
    pub(crate) device: Device,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    /// A sound file or a film
    #[arg(value_name = "AUDIO_OR_VIDEO")]
    pub(crate) media: PathBuf,
    /// A folder, `hf:owner/name[@revision]` or `dummy:PRESET`
    #[arg(long, value_name = "WEIGHTS")]
    pub(crate) weights: String,
    /// Where the stretch begins, in seconds
    #[arg(long, value_name = "S", default_value_t = 0.0, allow_negative_numbers = true, value_parser = seconds)]
    pub(crate) start: f64,
    /// Its length in seconds [default: as much as the model hears at once]
    #[arg(long, value_name = "S", value_parser = some_seconds)]
    pub(crate) seconds: Option<f64>,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, default_value_t = Device::Auto)]
    pub(crate) device: Device,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// A picture or a film
    #[arg(value_name = "IMAGE_OR_VIDEO")]
    pub(crate) media: PathBuf,
    /// A file or folder, `hf:owner/name[@revision]` or `dummy:PRESET`
    #[arg(long, value_name = "WEIGHTS")]
    pub(crate) weights: String,
    /// Least score of a box [default: 0.25 for a picture, 0.1 for a film]
    #[arg(long, value_name = "C", value_parser = fraction::<f32>)]
    pub(crate) conf: Option<f32>,
    /// Boxes of a class that overlap by more than this part of their union are one object
    #[arg(long, value_name = "I", default_value_t = 0.7, value_parser = fraction::<f32>)]
    pub(crate) iou: f32,
    /// Most boxes in a frame
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) max_det: u32,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, default_value_t = Device::Auto)]
    pub(crate) device: Device,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CaptionArgs {
    /// The architecture
    #[arg(long, value_parser = word(Family::ALL, Family::as_str))]
    pub(crate) family: Family,
    /// A folder, `hf:owner/name[@revision]` or `dummy:PRESET`
    #[arg(long, value_name = "WEIGHTS")]
    pub(crate) weights: String,
    /// The pictures, in order
    #[arg(long, value_name = "A.png,B.png", value_delimiter = ',', required = true)]
    pub(crate) frames: Vec<PathBuf>,
    /// What is asked
    #[arg(long, default_value = reelbench_matrix::DEFAULT_QUESTION)]
    pub(crate) question: String,
    /// The whole prompt with its image markers, in place of the family's template
    #[arg(long)]
    pub(crate) prompt: Option<String>,
    /// Beams; 1 is greedy
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) num_beams: u32,
    /// New tokens at most
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_new_tokens: u32,
    /// New tokens at least
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) min_new_tokens: u32,
    /// Exponent of the length that a beam's score is divided by
    #[arg(long, value_name = "P", default_value_t = 1.0, allow_negative_numbers = true, value_parser = finite)]
    pub(crate) length_penalty: f64,
    /// When beam search ends
    #[arg(long, value_parser = word(EarlyStopping::ALL, EarlyStopping::as_str), default_value = "false")]
    pub(crate) early_stopping: EarlyStopping,
    /// Penalty on tokens seen before; 1 is none
    #[arg(long, value_name = "R", default_value_t = 1.0, value_parser = finite)]
    pub(crate) repetition_penalty: f64,
    /// Keep keys and values of past tokens
    #[arg(long, value_name = "true|false", action = clap::ArgAction::Set, default_value_t = true)]
    pub(crate) use_cache: bool,
    /// Storage of the language model's weights
    #[arg(long, value_parser = word(Quantization::ALL, Quantization::as_str), default_value = "none")]
    pub(crate) quantization: Quantization,
    /// Type of the computation
    #[arg(long, value_parser = word(Dtype::ALL, Dtype::as_str), default_value = "auto")]
    pub(crate) dtype: Dtype,
    /// Crops of the HD transform, for families that have one
    #[arg(long, value_name = "N")]
    pub(crate) num_crops: Option<u32>,
    /// Draw tokens from logits divided by this, in place of the likeliest; needs one beam
    #[arg(long, value_name = "T", value_parser = non_negative)]
    pub(crate) temperature: Option<f64>,
    /// Draw from the likeliest tokens that together have this probability
    #[arg(long, value_name = "P", requires = "temperature", value_parser = fraction::<f64>)]
    pub(crate) top_p: Option<f64>,
    /// Seed that tokens are drawn from [default: 0]
    #[arg(long, value_name = "N", requires = "temperature")]
    pub(crate) seed: Option<u64>,
    /// Where to compute: auto, cpu or cuda:N
    #[arg(long, default_value_t = Device::Auto)]
    pub(crate) device: Device,
    #[command(flatten)]
    pub(crate) runner: RunnerArgs,
}

/// Reads a number; JSON, which takes it to the runner, has no others.
fn finite(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!("`{text}` is not a finite number")),
    }
}

/// Reads a time in a film.
fn seconds(text: &str) -> Result<f64, String> {
    finite(text).and_then(|seconds| {
        if seconds >= 0.0 { Ok(seconds) } else { Err(format!("`{text}` is before the start")) }
    })
}

/// Reads a length in seconds.
fn some_seconds(text: &str) -> Result<f64, String> {
    finite(text).and_then(|seconds| {
        if seconds > 0.0 { Ok(seconds) } else { Err(format!("`{text}` seconds have no sound in them")) }
    })
}

/// Reads a number from 0.
fn non_negative(text: &str) -> Result<f64, String> {
    finite(text).and_then(
        |number| {
            if number >= 0.0 { Ok(number) } else { Err(format!("`{text}` is less than 0")) }
        },
    )
}

/// Reads a number between 0 and 1.
fn fraction<T: FromStr + PartialOrd + From<f32>>(text: &str) -> Result<T, String> {
    match text.parse::<T>() {
        Ok(number) if (T::from(0.0)..=T::from(1.0)).contains(&number) => Ok(number),
        _ => Err(format!("`{text}` is not a number between 0 and 1")),
    }
}

/// Reads one of the protocol's closed choices by its word.
fn word<T: Copy + Send + Sync + 'static>(
    all: &'static [T],
    as_str: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    PossibleValuesParser::new(all.iter().map(|value| as_str(*value)))
        .try_map(move |typed| all.iter().copied().find(|value| as_str(*value) == typed).ok_or(UnknownWord))
}

/// Never seen: the parser before it lets only known words through.
#[derive(Debug, thiserror::Error)]
#[error("not one of the possible values")]
struct UnknownWord;
