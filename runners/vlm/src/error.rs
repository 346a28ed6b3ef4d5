//! What can go wrong between frames and a caption.

use reelbench_nn::{GenerateError, WeightsError};
use reelbench_protocol::{Dtype, Failure, FailureKind, Family, Quantization};

/// A captioner that cannot be loaded, or a caption that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VlmError {
    /// A family that is not built in.
    #[error("{family} is not available in this build; there are {families}")]
    Family {
        /// What was asked.
        family: Family,
        /// What there is.
        families: String,
    },
    /// A storage of weights that the family does not have.
    #[error("{family} has no quantization `{quantization}` in this build; use none")]
    Quantization {
        /// The family.
        family: Family,
        /// What was asked.
        quantization: Quantization,
    },
    /// A type of computation that the family does not have on its device.
    #[error("{family} does not compute in {dtype} in this build; use f32 or auto")]
    Dtype {
        /// The family.
        family: Family,
        /// What was asked.
        dtype: Dtype,
    },
    /// No such preset.
    #[error("dummy:{preset} is not a preset of {family}; there are {presets}")]
    UnknownPreset {
        /// The family.
        family: Family,
        /// What was asked.
        preset: String,
        /// What there is.
        presets: String,
    },
    /// A preset that contradicts itself.
    #[error("dummy:{preset} is not a valid architecture: {reason}")]
    Preset {
        /// The preset.
        preset: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Weights, configuration or tokenizer.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The tokenizer refuses a text.
    #[error("the tokenizer failed: {0}")]
    Tokenizer(String),
    /// Nothing to look at.
    #[error("a caption needs at least one frame")]
    NoFrames,
    /// A frame without pixels.
    #[error("frame {frame} has no pixels")]
    EmptyFrame {
        /// Counted from 0.
        frame: usize,
    },
    /// Frames that do not make a panorama.
    #[error(
        "frame {frame} is {height} pixels high and the first one {first}; side by side they must be \
             equally high"
    )]
    FrameHeight {
        /// Counted from 0.
        frame: usize,
        /// Its height.
        height: u32,
        /// That of the first frame.
        first: u32,
    },
    /// Frames that make too wide a panorama.
    #[error("the frames are {width} pixels wide together, which no picture can be; use fewer frames")]
    WidePanorama {
        /// Their width.
        width: usize,
    },
    /// A prompt that does not show every frame.
    #[error("the prompt holds `<image>` {found} times for {frames} frames; it needs one for each")]
    PromptImages {
        /// How many it holds.
        found: usize,
        /// How many it needs.
        frames: usize,
    },
    /// A prompt that does not show every frame once and in order.
    #[error("the prompt shows {found}; {frames} frames need <|image_1|> and so on, once each and in order")]
    PromptMarks {
        /// The marks it holds.
        found: String,
        /// How many it needs.
        frames: usize,
    },
    /// A frame that nothing would be left of.
    #[error("frame {frame} is {width}x{height} pixels, of which resizing leaves no line; crop it")]
    NarrowFrame {
        /// Counted from 0.
        frame: usize,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// A number of crops that pictures are not cut into.
    #[error("num_crops is {0}; use 1 to {most}", most = crate::phi3_v::MOST_CROPS)]
    NumCrops(usize),
    /// A tokenizer that does not know a mark of the prompt's form.
    #[error("tokenizer.json has no token `{0}`, which {1} is asked with; it belongs to another model")]
    Mark(&'static str, Family),
    /// A tokenizer that does not know the image token.
    #[error(
        "tokenizer.json makes {found} of token {token} for {frames} frames, \
             though config.json says that it stands for `<image>`; they belong to different models"
    )]
    ImageToken {
        /// The token.
        token: u32,
        /// How many came out.
        found: usize,
        /// How many were needed.
        frames: usize,
    },
    /// A question that the Q-Former has no positions for.
    #[error("the question has {tokens} tokens, but the Q-Former reads at most {limit}; ask a shorter one")]
    LongQuestion {
        /// Its tokens.
        tokens: usize,
        /// Positions there are.
        limit: usize,
    },
    /// More positions than the model was made for.
    #[error(
        "{prompt_tokens} prompt tokens and {max_new_tokens} new ones need {positions} positions, \
             but the model has {limit}; use fewer frames or a smaller max_new_tokens"
    )]
    TooLong {
        /// Tokens of the prompt.
        prompt_tokens: usize,
        /// New tokens at most.
        max_new_tokens: usize,
        /// Positions these need.
        positions: usize,
        /// Positions there are.
        limit: usize,
    },
    /// A context past the window that each position sees.
    #[error("{positions} positions exceed the model's sliding window of {window}, which is not supported")]
    SlidingWindow {
        /// Positions needed.
        positions: usize,
        /// The window.
        window: usize,
    },
    /// Generation failed.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A computation failed.
    #[error(transparent)]
    Compute(#[from] candle_core::Error),
}

impl VlmError {
    pub(crate) fn preset(preset: &str, reason: &impl ToString) -> Self {
        Self::Preset { preset: preset.to_owned(), reason: reason.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "the shape that `map_err` asks for")]
    pub(crate) fn tokenizer(error: tokenizers::Error) -> Self {
        Self::Tokenizer(error.to_string())
    }
}

impl From<VlmError> for Failure {
    fn from(error: VlmError) -> Self {
        let kind = match &error {
            VlmError::Family { .. }
            | VlmError::Quantization { .. }
            | VlmError::Dtype { .. }
            | VlmError::UnknownPreset { .. }
            | VlmError::SlidingWindow { .. }
            | VlmError::NumCrops(_)
            | VlmError::Generate(GenerateError::Setting { .. }) => FailureKind::Unsupported,
            VlmError::Weights(_)
            | VlmError::ImageToken { .. }
            | VlmError::Mark(..)
            | VlmError::Tokenizer(_) => FailureKind::Weights,
            VlmError::NoFrames
            | VlmError::EmptyFrame { .. }
            | VlmError::PromptImages { .. }
            | VlmError::FrameHeight { .. }
            | VlmError::WidePanorama { .. }
            | VlmError::LongQuestion { .. }
            | VlmError::PromptMarks { .. }
            | VlmError::NarrowFrame { .. }
            | VlmError::TooLong { .. } => FailureKind::Input,
            VlmError::Preset { .. } | VlmError::Generate(_) | VlmError::Compute(_) => FailureKind::Internal,
        };
        Self::new(kind, error)
    }
}
