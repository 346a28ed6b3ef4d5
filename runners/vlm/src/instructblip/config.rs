//! `config.json` and `preprocessor_config.json` of InstructBLIP, with the defaults of transformers
//! 4.46 (`models/instructblip/configuration_instructblip.py`).

use reelbench_nn::{Bias, Checkpoint, WeightsError};
use serde::Deserialize;

use super::language::{LanguageConfig, RawLanguage};
use crate::checks::{self, only};
use crate::pixels::{Levels, RawPixels, Size};
use crate::vit::{VitLayout, VitSizes};

/// `BlipImageProcessor`'s own side of a picture.
const PREPROCESSOR_SIDE: usize = 384;

/// A model's sizes, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct InstructBlipConfig {
    pub(super) vision: VisionConfig,
    pub(super) qformer: QFormerConfig,
    pub(super) language: LanguageConfig,
    /// Queries of the Q-Former, and so positions that a picture takes.
    pub(super) queries: usize,
    pub(super) levels: Levels,
}

/// `vision_config`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct VisionConfig {
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    /// Side of a picture in pixels.
    pub(super) image_size: usize,
    /// Side of a patch in pixels.
    pub(super) patch_size: usize,
    pub(super) layer_norm_eps: f64,
    /// Only `gelu` is known.
    pub(super) hidden_act: String,
    /// Whether queries, keys and values have a bias.
    pub(super) qkv_bias: bool,
}

impl Default for VisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 1408,
            intermediate_size: 6144,
            num_hidden_layers: 39,
            num_attention_heads: 16,
            image_size: 224,
            patch_size: 14,
            layer_norm_eps: 1e-6,
            hidden_act: "gelu".to_owned(),
            qkv_bias: true,
        }
    }
}

impl VisionConfig {
    pub(super) fn sizes(&self) -> VitSizes {
        VitSizes {
            hidden: self.hidden_size,
            inner: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            side: self.image_size,
            patch: self.patch_size,
            eps: self.layer_norm_eps,
        }
    }

    pub(super) fn layout(&self) -> VitLayout {
        VitLayout::Blip { qkv_bias: if self.qkv_bias { Bias::With } else { Bias::Without } }
    }

    fn check(&self) -> Result<(), String> {
        only("hidden_act", Some(&self.hidden_act), "gelu")?;
        self.sizes().check()
    }
}

/// `qformer_config`. What it says of the vision tower's width is not looked at, as in transformers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct QFormerConfig {
    pub(super) hidden_size: usize,
    pub(super) intermediate_size: usize,
    pub(super) num_hidden_layers: usize,
    pub(super) num_attention_heads: usize,
    pub(super) vocab_size: usize,
    /// Tokens that a question may have.
    pub(super) max_position_embeddings: usize,
    pub(super) layer_norm_eps: f64,
    /// Only `gelu` is known.
    pub(super) hidden_act: String,
    /// Only `absolute` is known.
    pub(super) position_embedding_type: String,
    /// Every which layer, from the first on, looks at the picture.
    pub(super) cross_attention_frequency: usize,
}

impl Default for QFormerConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            vocab_size: 30_522,
            max_position_embeddings: 512,
            layer_norm_eps: 1e-12,
            hidden_act: "gelu".to_owned(),
            position_embedding_type: "absolute".to_owned(),
            cross_attention_frequency: 2,
        }
    }
}

impl QFormerConfig {
    fn check(&self) -> Result<(), String> {
        only("hidden_act", Some(&self.hidden_act), "gelu")?;
        only("position_embedding_type", Some(&self.position_embedding_type), "absolute")?;
        checks::counts(&[
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("vocab_size", self.vocab_size, 1 << 24),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
            ("cross_attention_frequency", self.cross_attention_frequency, 1 << 10),
        ])?;
        checks::heads(self.num_attention_heads, self.hidden_size)
    }
}

/// `config.json` as written.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawConfig {
    model_type: Option<String>,
    #[serde(default)]
    vision_config: VisionConfig,
    #[serde(default)]
    qformer_config: QFormerConfig,
    text_config: RawLanguage,
    #[serde(default = "published_queries")]
    num_query_tokens: usize,
}

fn published_queries() -> usize {
    32
}

/// `preprocessor_config.json` as written.
#[derive(Debug, Clone, Default, Deserialize)]
struct RawPreprocessor {
    size: Option<Size>,
    #[serde(flatten)]
    pixels: RawPixels,
}

impl InstructBlipConfig {
    /// Reads the configuration that lies beside a checkpoint's tensors.
    ///
    /// # Errors
    /// When a file cannot be read, or describes a model that is not supported: the error names
    /// file and key.
    pub(super) fn read(checkpoint: &Checkpoint) -> Result<Self, WeightsError> {
        let raw: RawConfig = checkpoint.config()?;
        let preprocessor: RawPreprocessor = checkpoint.read_json("preprocessor_config.json")?;
        let wrong = |file: &str| {
            let place = file.to_owned();
            |reason| WeightsError::Config { place, reason }
        };
        let mut config = raw.resolve().map_err(wrong("config.json"))?;
        let levels = preprocessor.levels(config.vision.image_size);
        config.levels = levels.map_err(wrong("preprocessor_config.json"))?;
        Ok(config)
    }
}

impl RawConfig {
    /// Fills in defaults; pixels are those of the published processor.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn resolve(self) -> Result<InstructBlipConfig, String> {
        if let Some(other) = self.model_type.as_deref().filter(|model_type| *model_type != "instructblip") {
            return Err(format!("model_type: `{other}` is another family; instructblip is expected"));
        }
        self.vision_config.check().map_err(|reason| format!("vision_config.{reason}"))?;
        self.qformer_config.check().map_err(|reason| format!("qformer_config.{reason}"))?;
        checks::counts(&[("num_query_tokens", self.num_query_tokens, 1 << 16)])?;
        Ok(InstructBlipConfig {
            vision: self.vision_config,
            qformer: self.qformer_config,
            language: self.text_config.resolve().map_err(|reason| format!("text_config.{reason}"))?,
            queries: self.num_query_tokens,
            levels: RawPixels::default().levels()?,
        })
    }
}

impl RawPreprocessor {
    /// The levels of a vision tower for pictures of `side` pixels.
    fn levels(&self, side: usize) -> Result<Levels, String> {
        self.size.as_ref().unwrap_or(&Size::Side(PREPROCESSOR_SIDE)).check("size", side)?;
        self.pixels.levels()
    }
}
