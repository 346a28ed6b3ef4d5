//! `text_config`, with the defaults of transformers 4.46 for whatever a published file leaves out
//! (`models/mistral/configuration_mistral.py`, `models/llama/configuration_llama.py`,
//! `models/phi3/configuration_phi3.py`).

use reelbench_nn::LongRope;
use serde::Deserialize;

use super::long_rope::RawRopeScaling;
use crate::VlmError;
use crate::checks;
use crate::family;

/// Which class of transformers a language model belongs to, which decides defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextLayout {
    /// `mistral`.
    Mistral,
    /// `llama`, which Vicuna is.
    Llama,
    /// `phi3_v`, whose language model is `phi3`.
    Phi3,
}

/// What a class takes where a file says nothing.
struct Defaults {
    hidden_size: usize,
    intermediate_size: usize,
    /// As many as query heads where there is none.
    kv_heads: Option<usize>,
    positions: usize,
    vocab_size: usize,
    rms_norm_eps: f64,
    eos: u32,
}

impl TextLayout {
    /// The class that `model_type` names.
    fn named(model_type: Option<&str>) -> Result<Self, String> {
        match model_type {
            Some("mistral") => Ok(Self::Mistral),
            // The class that transformers takes where no name is given.
            Some("llama") | None => Ok(Self::Llama),
            Some("phi3_v") => Ok(Self::Phi3),
            Some(other) => {
                Err(format!("model_type: `{other}` is not supported; mistral, llama and phi3_v are"))
            }
        }
    }

    fn defaults(self) -> Defaults {
        let llama = Defaults {
            hidden_size: 4096,
            intermediate_size: 11_008,
            kv_heads: None,
            positions: 2048,
            vocab_size: 32_000,
            rms_norm_eps: 1e-6,
            eos: 2,
        };
        match self {
            Self::Llama => llama,
            Self::Mistral => {
                Defaults { intermediate_size: 14_336, kv_heads: Some(8), positions: 4096 * 32, ..llama }
            }
            Self::Phi3 => Defaults {
                hidden_size: 3072,
                intermediate_size: 8192,
                positions: 4096,
                vocab_size: 32_064,
                rms_norm_eps: 1e-5,
                eos: 32_000,
                ..llama
            },
        }
    }
}

/// `text_config` as written. Absent values are [`TextLayout`]'s defaults.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RawTextConfig {
    model_type: Option<String>,
    hidden_size: Option<usize>,
    intermediate_size: Option<usize>,
    num_hidden_layers: Option<usize>,
    num_attention_heads: Option<usize>,
    num_key_value_heads: Option<usize>,
    head_dim: Option<usize>,
    vocab_size: Option<usize>,
    max_position_embeddings: Option<usize>,
    rms_norm_eps: Option<f64>,
    rope_theta: Option<f32>,
    rope_scaling: Option<RawRopeScaling>,
    original_max_position_embeddings: Option<usize>,
    #[serde(default)]
    sliding_window: Window,
    hidden_act: Option<String>,
    attention_bias: Option<bool>,
    mlp_bias: Option<bool>,
    tie_word_embeddings: Option<bool>,
    eos_token_id: Option<OneOrMany>,
}

/// `sliding_window`, of which absence and null differ: null is none.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(from = "Option<usize>")]
enum Window {
    #[default]
    Absent,
    Given(Option<usize>),
}

impl From<Option<usize>> for Window {
    fn from(window: Option<usize>) -> Self {
        Self::Given(window)
    }
}

impl Window {
    fn resolve(self, layout: TextLayout) -> Option<usize> {
        match (self, layout) {
            (_, TextLayout::Llama) | (Self::Absent, TextLayout::Phi3) => None,
            (Self::Absent, TextLayout::Mistral) => Some(4096),
            (Self::Given(window), _) => window,
        }
    }
}

/// How a checkpoint keeps the weights of layers with the same inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Projections {
    /// A tensor for each: queries, keys, values; gates, ups.
    Apart,
    /// One for `qkv_proj`, one for `gate_up_proj`, as in Phi-3.
    Joined,
}

/// A token, or several.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    /// One.
    One(u32),
    /// Several.
    Many(Vec<u32>),
}

impl From<OneOrMany> for Vec<u32> {
    fn from(tokens: OneOrMany) -> Self {
        match tokens {
            OneOrMany::One(token) => vec![token],
            OneOrMany::Many(tokens) => tokens,
        }
    }
}

/// A language model's sizes, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TextConfig {
    /// Its class.
    pub(crate) layout: TextLayout,
    /// How its tensors are kept.
    pub(crate) projections: Projections,
    /// Width of a position.
    pub(crate) hidden_size: usize,
    /// Width inside the feed-forward part.
    pub(crate) intermediate_size: usize,
    /// Layers.
    pub(crate) num_hidden_layers: usize,
    /// Query heads.
    pub(crate) num_attention_heads: usize,
    /// Key-value heads.
    pub(crate) num_key_value_heads: usize,
    /// Width of a head.
    pub(crate) head_dim: usize,
    /// Tokens.
    pub(crate) vocab_size: usize,
    /// Positions it was made for.
    pub(crate) max_position_embeddings: usize,
    /// Added to the mean square before its root.
    pub(crate) rms_norm_eps: f64,
    /// Base of the rotary frequencies.
    pub(crate) rope_theta: f32,
    /// What the frequencies are stretched by.
    pub(crate) long_rope: Option<LongRope>,
    /// Past positions a query sees, if not all.
    pub(crate) sliding_window: Option<usize>,
    /// Whether the head shares the embeddings' weight.
    pub(crate) tie_word_embeddings: bool,
    /// Tokens that end a sequence.
    pub(crate) eos: Vec<u32>,
}

impl RawTextConfig {
    /// Fills in defaults and checks that the values fit each other.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn resolve(self) -> Result<TextConfig, String> {
        let layout = TextLayout::named(self.model_type.as_deref())?;
        self.refuse_variants(layout)?;
        let defaults = layout.defaults();
        let hidden_size = self.hidden_size.unwrap_or(defaults.hidden_size);
        let heads = self.num_attention_heads.unwrap_or(32);
        let head_dim = self.head_dim.unwrap_or(hidden_size / heads.max(1));
        let positions = self.max_position_embeddings.unwrap_or(defaults.positions);
        let original = self.original_max_position_embeddings.unwrap_or(4096);
        let long_rope = self.rope_scaling.map(|scaling| scaling.resolve(head_dim, original, positions));
        let config = TextConfig {
            layout,
            projections: if layout == TextLayout::Phi3 { Projections::Joined } else { Projections::Apart },
            hidden_size,
            intermediate_size: self.intermediate_size.unwrap_or(defaults.intermediate_size),
            num_hidden_layers: self.num_hidden_layers.unwrap_or(32),
            num_attention_heads: heads,
            num_key_value_heads: self.num_key_value_heads.or(defaults.kv_heads).unwrap_or(heads),
            head_dim,
            vocab_size: self.vocab_size.unwrap_or(defaults.vocab_size),
            max_position_embeddings: positions,
            rms_norm_eps: self.rms_norm_eps.unwrap_or(defaults.rms_norm_eps),
            rope_theta: self.rope_theta.unwrap_or(10_000.0),
            long_rope: long_rope.transpose()?,
            sliding_window: self.sliding_window.resolve(layout),
            tie_word_embeddings: self.tie_word_embeddings.unwrap_or(false),
            eos: self.eos_token_id.map_or_else(|| vec![defaults.eos], Vec::from),
        };
        config.check()?;
        Ok(config)
    }

    fn refuse_variants(&self, layout: TextLayout) -> Result<(), String> {
        if self.rope_scaling.is_some() && layout != TextLayout::Phi3 {
            return Err("rope_scaling: scaled rotary positions are not supported".to_owned());
        }
        if let Some(act) = self.hidden_act.as_deref().filter(|act| *act != "silu") {
            return Err(format!("hidden_act: `{act}` is not supported; silu is"));
        }
        if self.attention_bias == Some(true) || self.mlp_bias == Some(true) {
            return Err("attention_bias, mlp_bias: biases are not supported".to_owned());
        }
        Ok(())
    }
}

impl TextConfig {
    /// Checks that a prompt and what may follow it fit the model's positions.
    ///
    /// # Errors
    /// When there are too many, or some would not see all others.
    pub(crate) fn check_length(&self, prompt_tokens: usize, max_new_tokens: usize) -> Result<(), VlmError> {
        let positions = family::check_length(prompt_tokens, max_new_tokens, self.max_position_embeddings)?;
        match self.sliding_window {
            Some(window) if positions > window => Err(VlmError::SlidingWindow { positions, window }),
            _ => Ok(()),
        }
    }

    fn check(&self) -> Result<(), String> {
        checks::counts(&[
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 18),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("num_attention_heads", self.num_attention_heads, 1 << 10),
            ("num_key_value_heads", self.num_key_value_heads, 1 << 10),
            ("head_dim", self.head_dim, 1 << 10),
            ("vocab_size", self.vocab_size, 1 << 24),
            ("max_position_embeddings", self.max_position_embeddings, 1 << 20),
        ])?;
        let (heads, kv_heads) = (self.num_attention_heads, self.num_key_value_heads);
        if heads % kv_heads != 0 {
            return Err(format!(
                "num_attention_heads: {heads} is no multiple of the {kv_heads} key-value heads"
            ));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(format!(
                "head_dim: {} is odd, so that its values cannot be rotated in pairs",
                self.head_dim
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<TextConfig, String> {
        serde_json::from_str::<RawTextConfig>(text).unwrap().resolve()
    }

    #[test]
    fn an_absent_window_is_mistrals_default_and_null_is_none() {
        assert_eq!(resolve(r#"{"model_type": "mistral"}"#).unwrap().sliding_window, Some(4096));
        assert_eq!(
            resolve(r#"{"model_type": "mistral", "sliding_window": null}"#).unwrap().sliding_window,
            None
        );
        assert_eq!(resolve(r#"{"model_type": "llama"}"#).unwrap().sliding_window, None);
    }

    #[test]
    fn phi3_has_its_own_defaults_and_keeps_projections_joined() {
        let config = resolve(r#"{"model_type": "phi3_v", "sliding_window": 262144}"#).unwrap();
        assert_eq!((config.hidden_size, config.intermediate_size, config.head_dim), (3072, 8192, 96));
        assert_eq!((config.num_key_value_heads, config.vocab_size, config.eos[0]), (32, 32_064, 32_000));
        assert_eq!((config.projections, config.long_rope), (Projections::Joined, None));
        assert_eq!(config.sliding_window, Some(262_144));
        assert_eq!(resolve(r#"{"model_type": "phi3_v"}"#).unwrap().sliding_window, None);
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        for (text, key) in [
            (r#"{"model_type": "gemma"}"#, "model_type"),
            (r#"{"hidden_act": "gelu"}"#, "hidden_act"),
            (r#"{"rope_scaling": {"type": "linear", "factor": 2.0}}"#, "rope_scaling"),
            (r#"{"model_type": "phi3_v", "rope_scaling": {"type": "yarn"}}"#, "rope_scaling"),
            (r#"{"num_attention_heads": 0}"#, "num_attention_heads"),
            (r#"{"num_attention_heads": 32, "num_key_value_heads": 5}"#, "num_attention_heads"),
            (r#"{"head_dim": 7}"#, "head_dim"),
            (r#"{"max_position_embeddings": 1048577}"#, "max_position_embeddings"),
            (r#"{"intermediate_size": 99999999999}"#, "intermediate_size"),
        ] {
            assert!(resolve(text).unwrap_err().starts_with(key), "{text}");
        }
    }

    #[test]
    fn a_size_out_of_range_is_named_with_its_value_and_range() {
        for (key, most) in [
            ("hidden_size", 65_536),
            ("intermediate_size", 262_144),
            ("num_hidden_layers", 1024),
            ("num_attention_heads", 1024),
            ("num_key_value_heads", 1024),
            ("head_dim", 1024),
            ("vocab_size", 16_777_216),
            ("max_position_embeddings", 1_048_576),
        ] {
            for size in [0, most + 1, usize::MAX] {
                let expected = format!("{key}: {size} is not supported; 1 to {most} is");
                assert_eq!(resolve(&format!(r#"{{"{key}": {size}}}"#)).unwrap_err(), expected);
            }
        }
        let largest = r#"{"head_dim": 1024, "max_position_embeddings": 1048576}"#;
        assert_eq!(resolve(largest).unwrap().head_dim, 1024);
    }

    #[test]
    fn several_tokens_may_end_a_sequence() {
        assert_eq!(resolve(r#"{"eos_token_id": [2, 7]}"#).unwrap().eos, [2, 7]);
        assert_eq!(resolve("{}").unwrap().eos, [2]);
    }
}
