//! The settings of a captioning cell, with the names transformers gives them.

use serde::{Deserialize, Serialize};

/// Which architecture a captioner's checkpoint has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// LLaVA-v1.6 (LLaVA-NeXT): CLIP, anyres tiles, Mistral or Vicuna.
    LlavaNext,
    /// InstructBLIP: ViT-g, Q-Former, Vicuna or Flan-T5.
    Instructblip,
    /// Phi-3.5-Vision: CLIP, HD transform, Phi-3.
    #[serde(rename = "phi3-v")]
    Phi3V,
}

/// How the language model's weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantization {
    /// As `dtype` says.
    None,
    /// ggml `Q8_0`: blocks of 32 with 8-bit values.
    #[serde(rename = "q8_0")]
    Q8_0,
    /// ggml `Q4_K`: super-blocks of 256 with 4-bit values.
    Q4k,
    /// bitsandbytes' NF4: blocks of 64, double quantization.
    Nf4,
}

/// The type activations and unquantized weights are computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dtype {
    /// 32-bit IEEE.
    F32,
    /// 16-bit IEEE.
    F16,
    /// bfloat16.
    Bf16,
    /// The runner's choice for its device; the effective setting says which.
    Auto,
}

/// Everything that can vary between two captioning cells of one model and video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionSettings {
    /// Keep keys and values of past tokens, or compute the whole context anew for each token.
    pub use_cache: bool,
    /// Storage of the language model's weights.
    pub quantization: Quantization,
    /// Type of the computation.
    pub dtype: Dtype,
    /// Frames shown per scene: 1 = middle; 2 = start and middle; n = evenly spaced from the start.
    pub frames_per_scene: u32,
    /// Shorter side of a sampled frame in pixels; 0 leaves it as decoded.
    pub frame_size: u32,
    /// Beams; 1 is greedy.
    pub num_beams: u32,
    /// New tokens at most.
    pub max_new_tokens: u32,
    /// New tokens before an end-of-sequence token is allowed.
    pub min_new_tokens: u32,
    /// Crops of the HD transform; only for families that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub num_crops: Option<u32>,
    /// Scenes captioned together.
    pub batch_scenes: u32,
    /// Exponent of the length that a beam's score is divided by; absent is 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_penalty: Option<f64>,
    /// When beam search ends; absent is `false`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping: Option<EarlyStopping>,
    /// Divides (multiplies, where negative) the logits of tokens seen before; absent is 1, which does nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f64>,
    /// What logits are divided by before a token is drawn from them; absent or 0 takes the likeliest instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Draw from the likeliest tokens that together have this probability; absent is 1, which is all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
}

/// When beam search ends, as transformers defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EarlyStopping {
    /// As soon as there are `num_beams` finished candidates.
    True,
    /// When no better candidate is likely.
    False,
    /// When no better candidate is possible.
    Never,
}

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// The likeliest one, or with beams the likeliest sequence.
    Likeliest,
    /// One drawn at random.
    Sampled,
}

impl CaptionSettings {
    /// How the next token is chosen: drawn where `temperature` is above 0.
    pub fn choice(&self) -> Choice {
        if self.temperature.is_some_and(|temperature| temperature > 0.0) {
            Choice::Sampled
        } else {
            Choice::Likeliest
        }
    }
}

impl Default for CaptionSettings {
    fn default() -> Self {
        Self {
            use_cache: true,
            quantization: Quantization::None,
            dtype: Dtype::Auto,
            frames_per_scene: 2,
            frame_size: 336,
            num_beams: 1,
            max_new_tokens: 256,
            min_new_tokens: 0,
            num_crops: None,
            batch_scenes: 1,
            length_penalty: None,
            early_stopping: None,
            repetition_penalty: None,
            temperature: None,
            top_p: None,
        }
    }
}

crate::words!(Family { LlavaNext => "llava-next", Instructblip => "instructblip", Phi3V => "phi3-v" });
crate::words!(Quantization { None => "none", Q8_0 => "q8_0", Q4k => "q4k", Nf4 => "nf4" });
crate::words!(Dtype { F32 => "f32", F16 => "f16", Bf16 => "bf16", Auto => "auto" });
crate::words!(EarlyStopping { True => "true", False => "false", Never => "never" });
