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
    text_config: Option<RawLanguage>,
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
        // Another family's file may have none, which is told only after its family.
        let language = self.text_config.ok_or("text_config: it is missing")?;
        self.vision_config.check().map_err(|reason| format!("vision_config.{reason}"))?;
        self.qformer_config.check().map_err(|reason| format!("qformer_config.{reason}"))?;
        checks::counts(&[("num_query_tokens", self.num_query_tokens, 1 << 16)])?;
        Ok(InstructBlipConfig {
            vision: self.vision_config,
            qformer: self.qformer_config,
            language: language.resolve().map_err(|reason| format!("text_config.{reason}"))?,
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::t5::Gelu;

    const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/published-form/");

    fn read(name: &str) -> String {
        std::fs::read_to_string(format!("{PUBLISHED}{name}")).unwrap()
    }

    /// The values of `config` under the names that transformers gives them.
    fn named(config: &InstructBlipConfig) -> [Value; 3] {
        let InstructBlipConfig { vision, qformer, language, .. } = config;
        let language = match language {
            LanguageConfig::Llama(text) => json!({
                "hidden_size": text.hidden_size,
                "intermediate_size": text.intermediate_size,
                "num_hidden_layers": text.num_hidden_layers,
                "num_attention_heads": text.num_attention_heads,
                "num_key_value_heads": text.num_key_value_heads,
                "head_dim": text.head_dim,
                "vocab_size": text.vocab_size,
                "max_position_embeddings": text.max_position_embeddings,
                "rms_norm_eps": text.rms_norm_eps,
                "rope_theta": f64::from(text.rope_theta),
                "tie_word_embeddings": text.tie_word_embeddings,
                "eos_token_id": text.eos[0],
            }),
            LanguageConfig::T5(text) => json!({
                "d_model": text.hidden_size,
                "d_kv": text.head_dim,
                "d_ff": text.intermediate_size,
                "num_layers": text.encoder_layers,
                "num_decoder_layers": text.decoder_layers,
                "num_heads": text.heads,
                "vocab_size": text.vocab_size,
                "relative_attention_num_buckets": text.buckets.count,
                "relative_attention_max_distance": text.buckets.max_distance,
                "layer_norm_epsilon": text.layer_norm_eps,
                "dense_act_fn": if text.gelu == Gelu::Exact { "gelu" } else { "gelu_new" },
                "tie_word_embeddings": text.tie_word_embeddings,
                "eos_token_id": text.eos[0],
            }),
        };
        let vision = json!({
            "hidden_size": vision.hidden_size,
            "intermediate_size": vision.intermediate_size,
            "num_hidden_layers": vision.num_hidden_layers,
            "num_attention_heads": vision.num_attention_heads,
            "layer_norm_eps": vision.layer_norm_eps,
            "hidden_act": vision.hidden_act,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
            "qkv_bias": vision.qkv_bias,
        });
        let qformer = json!({
            "hidden_size": qformer.hidden_size,
            "intermediate_size": qformer.intermediate_size,
            "num_hidden_layers": qformer.num_hidden_layers,
            "num_attention_heads": qformer.num_attention_heads,
            "vocab_size": qformer.vocab_size,
            "max_position_embeddings": qformer.max_position_embeddings,
            "layer_norm_eps": qformer.layer_norm_eps,
            "hidden_act": qformer.hidden_act,
            "cross_attention_frequency": qformer.cross_attention_frequency,
            "encoder_hidden_size": config.vision.hidden_size,
        });
        [language, vision, qformer]
    }

    #[test]
    fn published_forms_resolve_as_transformers_resolves_them() {
        let resolved: Value = serde_json::from_str(&read("resolved.json")).unwrap();
        for name in ["instructblip-vicuna-7b", "instructblip-flan-t5-xl"] {
            let raw: RawConfig = serde_json::from_str(&read(&format!("{name}.config.json"))).unwrap();
            let config = raw.resolve().unwrap();
            let parts = ["text_config", "vision_config", "qformer_config"];
            for (part, values) in parts.iter().zip(named(&config)) {
                for (key, value) in values.as_object().unwrap() {
                    assert_eq!(*value, resolved[name][part][key], "{name} {part}.{key}");
                }
            }
            assert_eq!(config.queries, 32);
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let wrong = |mut config: Value| {
            let text = json!({"model_type": "llama"});
            config.as_object_mut().unwrap().entry("text_config").or_insert(text);
            serde_json::from_value::<RawConfig>(config).unwrap().resolve().unwrap_err()
        };
        for (config, key) in [
            (json!({"model_type": "llava_next", "text_config": {"model_type": "mistral"}}), "model_type"),
            (json!({"model_type": "phi3_v", "text_config": null}), "model_type"),
            (json!({"text_config": null}), "text_config"),
            (json!({"text_config": {"model_type": "opt"}}), "text_config.model_type"),
            (json!({"text_config": {"model_type": "llama", "hidden_act": "gelu"}}), "text_config.hidden_act"),
            (json!({"text_config": {"model_type": "t5"}}), "text_config.feed_forward_proj"),
            (json!({"vision_config": {"hidden_act": "quick_gelu"}}), "vision_config.hidden_act"),
            (json!({"vision_config": {"patch_size": 15}}), "vision_config.patch_size"),
            (json!({"qformer_config": {"hidden_act": "relu"}}), "qformer_config.hidden_act"),
            (
                json!({"qformer_config": {"position_embedding_type": "relative_key"}}),
                "qformer_config.position_embedding_type",
            ),
            (
                json!({"qformer_config": {"cross_attention_frequency": 0}}),
                "qformer_config.cross_attention_frequency",
            ),
            (json!({"qformer_config": {"num_attention_heads": 7}}), "qformer_config.num_attention_heads"),
            (json!({"num_query_tokens": 0}), "num_query_tokens"),
        ] {
            assert!(wrong(config.clone()).starts_with(key), "{config}");
        }
    }

    #[test]
    fn a_preprocessor_at_odds_with_the_model_is_refused() {
        let levels = |text: &str, side| serde_json::from_str::<RawPreprocessor>(text).unwrap().levels(side);
        assert!(levels(r#"{"size": {"height": 224, "width": 224}}"#, 224).is_ok());
        assert!(levels("{}", 384).is_ok());
        assert!(levels("{}", 224).unwrap_err().starts_with("size"));
        assert!(levels(r#"{"size": 224, "resample": 2}"#, 224).unwrap_err().starts_with("resample"));
    }
}
