//! `text_config` of T5, with the defaults of transformers 4.46
//! (`models/t5/configuration_t5.py`).

use candle_core::DType;
use reelbench_nn::Precision;
use reelbench_protocol::Quantization;
use serde::Deserialize;

use super::position_bias::Buckets;
use crate::checks;
use crate::memory::{Workload, linears, singles};
use crate::precision::Precisions;
use crate::text::OneOrMany;

/// Positions that prompt and caption may take together. T5 itself knows no limit: its positions are
/// relative, and all beyond the farthest bucket look alike. But scores and their bias grow with the
/// square of the positions, to a gigabyte for Flan-T5-XL here, while it was trained on 512.
const MOST_POSITIONS: usize = 2048;

/// `text_config` as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct RawT5Config {
    vocab_size: usize,
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_decoder_layers: Option<usize>,
    num_heads: usize,
    relative_attention_num_buckets: usize,
    relative_attention_max_distance: usize,
    layer_norm_epsilon: f64,
    feed_forward_proj: String,
    /// Goes before what `feed_forward_proj` says, as does `is_gated_act`.
    dense_act_fn: Option<String>,
    is_gated_act: Option<bool>,
    tie_word_embeddings: bool,
    bos_token_id: Option<u32>,
    eos_token_id: Option<OneOrMany>,
    decoder_start_token_id: Option<u32>,
}

impl Default for RawT5Config {
    fn default() -> Self {
        Self {
            vocab_size: 32_128,
            d_model: 512,
            d_kv: 64,
            d_ff: 2048,
            num_layers: 6,
            num_decoder_layers: None,
            num_heads: 8,
            relative_attention_num_buckets: 32,
            relative_attention_max_distance: 128,
            layer_norm_epsilon: 1e-6,
            feed_forward_proj: "relu".to_owned(),
            dense_act_fn: None,
            is_gated_act: None,
            tie_word_embeddings: true,
            bos_token_id: None,
            eos_token_id: Some(OneOrMany::One(1)),
            decoder_start_token_id: None,
        }
    }
}

/// The form of GELU that a gate goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gelu {
    /// With the error function, `gelu`.
    Exact,
    /// Approximated with a hyperbolic tangent, `gelu_new`.
    Tanh,
}

/// A T5's sizes, with every default filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct T5Config {
    /// Tokens.
    pub(crate) vocab_size: usize,
    /// Width of a position.
    pub(crate) hidden_size: usize,
    /// Width of a head.
    pub(crate) head_dim: usize,
    /// Width inside the feed-forward part.
    pub(crate) intermediate_size: usize,
    /// Layers of the encoder.
    pub(crate) encoder_layers: usize,
    /// Layers of the decoder.
    pub(crate) decoder_layers: usize,
    /// Heads.
    pub(crate) heads: usize,
    /// What distances are sorted into.
    pub(crate) buckets: Buckets,
    /// Added to the mean square before its root.
    pub(crate) layer_norm_eps: f64,
    /// What gates go through.
    pub(crate) gelu: Gelu,
    /// Whether the head shares the embeddings' weight.
    pub(crate) tie_word_embeddings: bool,
    /// Tokens that end a sequence.
    pub(crate) eos: Vec<u32>,
    /// The token that the decoder begins with.
    pub(crate) start: u32,
    /// Positions that prompt and caption may take together.
    pub(crate) max_positions: usize,
}

impl RawT5Config {
    /// Fills in defaults and checks that the values fit each other.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn resolve(self) -> Result<T5Config, String> {
        let gelu = self.gelu()?;
        let config = T5Config {
            vocab_size: self.vocab_size,
            hidden_size: self.d_model,
            head_dim: self.d_kv,
            intermediate_size: self.d_ff,
            encoder_layers: self.num_layers,
            decoder_layers: self.num_decoder_layers.unwrap_or(self.num_layers),
            heads: self.num_heads,
            buckets: Buckets {
                count: self.relative_attention_num_buckets,
                max_distance: self.relative_attention_max_distance,
            },
            layer_norm_eps: self.layer_norm_epsilon,
            gelu,
            tie_word_embeddings: self.tie_word_embeddings,
            eos: self.eos_token_id.map_or_else(Vec::new, Vec::from),
            start: self
                .decoder_start_token_id
                .or(self.bos_token_id)
                .ok_or("decoder_start_token_id: it is missing, so that the decoder cannot begin")?,
            max_positions: MOST_POSITIONS,
        };
        config.check()?;
        Ok(config)
    }

    /// The words of `feed_forward_proj` are those of T5 1.1, whose `gelu` is `gelu_new`.
    fn gelu(&self) -> Result<Gelu, String> {
        let (gated, activation) = match self.feed_forward_proj.strip_prefix("gated-") {
            Some("gelu") => (true, "gelu_new"),
            Some(activation) => (true, activation),
            None => (false, self.feed_forward_proj.as_str()),
        };
        if !self.is_gated_act.unwrap_or(gated) {
            let form = &self.feed_forward_proj;
            return Err(format!("feed_forward_proj: `{form}` is not supported; gated-gelu is"));
        }
        match self.dense_act_fn.as_deref().unwrap_or(activation) {
            "gelu" => Ok(Gelu::Exact),
            "gelu_new" => Ok(Gelu::Tanh),
            other => Err(format!("dense_act_fn: `{other}` is not supported; gelu and gelu_new are")),
        }
    }
}

impl T5Config {
    fn check(&self) -> Result<(), String> {
        checks::counts(&[
            ("vocab_size", self.vocab_size, 1 << 24),
            ("d_model", self.hidden_size, 1 << 16),
            ("d_kv", self.head_dim, 1 << 10),
            ("d_ff", self.intermediate_size, 1 << 18),
            ("num_layers", self.encoder_layers, 1 << 10),
            ("num_decoder_layers", self.decoder_layers, 1 << 10),
            ("num_heads", self.heads, 1 << 10),
            ("relative_attention_num_buckets", self.buckets.count, 1 << 10),
            ("relative_attention_max_distance", self.buckets.max_distance, 1 << 20),
        ])?;
        self.buckets.check()?;
        if self.start as usize >= self.vocab_size {
            return Err(format!(
                "decoder_start_token_id: {} is not among the {} tokens",
                self.start, self.vocab_size
            ));
        }
        Ok(())
    }

    /// Width of all heads together.
    pub(crate) fn width(&self) -> usize {
        self.heads * self.head_dim
    }

    /// Bytes that the weights will take up in memory.
    pub(crate) fn weights_bytes(&self, precisions: Precisions) -> u64 {
        let &Self { hidden_size: hidden, intermediate_size: inner, vocab_size, .. } = self;
        let (precision, width) = (precisions.layers, self.width());
        let attention = linears(precision, &[(hidden, 3 * width, 0), (width, hidden, 0)]) + singles(hidden);
        let mlp = linears(precision, &[(hidden, 2 * inner, 0)])
            + linears(outer_precision(precision), &[(inner, hidden, 0)])
            + singles(hidden);
        let encoder = self.encoder_layers as u64 * (attention + mlp);
        let decoder = self.decoder_layers as u64 * (2 * attention + mlp);
        let rest = 2 * (hidden + self.buckets.count * self.heads) + vocab_size * hidden;
        let head = if self.tie_word_embeddings { 0 } else { vocab_size };
        encoder + decoder + singles(rest) + linears(precisions.head, &[(hidden, head, 0)])
    }

    /// Bytes that the contexts of prompts with `positions` positions are held in, and bytes that one of
    /// them is computed in.
    pub(crate) fn working_bytes(&self, positions: usize, workload: &Workload) -> [u64; 2] {
        let &Self { hidden_size: hidden, intermediate_size: inner, heads, .. } = self;
        let &Workload { batch_scenes, num_beams, max_new_tokens, use_cache, .. } = workload;
        let width = self.width();
        let own = num_beams * max_new_tokens;
        let kept = if use_cache { 2 * self.decoder_layers * width * (positions + own) } else { 0 };
        let pass = |positions: usize, squares: usize| {
            positions * (2 * hidden + 4 * width + 3 * inner) + 3 * heads * squares
        };
        let encoder = pass(positions, positions.pow(2));
        let decoder = if use_cache { 0 } else { pass(own, own * max_new_tokens) };
        [singles((positions * hidden + kept) * batch_scenes), singles(encoder.max(decoder))]
    }

    /// Bytes of the largest tensor as it is read.
    pub(crate) fn largest_tensor_bytes(&self) -> u64 {
        singles(self.hidden_size * self.intermediate_size.max(self.vocab_size))
    }
}

/// How `wo`, the last layer of a feed-forward part, is kept: in singles where the others are in half
/// precision or NF4, whose range it leaves (transformers 4.46: `_keep_in_fp32_modules`).
pub(super) fn outer_precision(others: Precision) -> Precision {
    match others {
        Precision { quantization: Quantization::Nf4, .. } => Precision::SINGLE,
        Precision { dtype: DType::F16, .. } => Precision { dtype: DType::F32, ..others },
        _ => others,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<T5Config, String> {
        serde_json::from_str::<RawT5Config>(text).unwrap().resolve()
    }

    #[test]
    fn the_activation_is_the_one_that_transformers_takes() {
        let gelu = |keys: &str| resolve(&format!(r#"{{"decoder_start_token_id": 0, {keys}}}"#)).unwrap().gelu;
        assert_eq!(gelu(r#""feed_forward_proj": "gated-gelu""#), Gelu::Tanh);
        assert_eq!(gelu(r#""feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu""#), Gelu::Exact);
        assert_eq!(gelu(r#""is_gated_act": true, "dense_act_fn": "gelu_new""#), Gelu::Tanh);
    }

    #[test]
    fn values_that_do_not_fit_are_named() {
        for (keys, key) in [
            (r#""feed_forward_proj": "relu""#, "feed_forward_proj"),
            (r#""feed_forward_proj": "gated-silu""#, "dense_act_fn"),
            (r#""num_heads": 0"#, "num_heads"),
            (r#""d_model": 65537"#, "d_model"),
            (r#""relative_attention_num_buckets": 2"#, "relative_attention_num_buckets"),
            (r#""relative_attention_max_distance": 16"#, "relative_attention_max_distance"),
            (r#""vocab_size": 7"#, "decoder_start_token_id"),
            (r#""decoder_start_token_id": null"#, "decoder_start_token_id"),
        ] {
            let defaults = r#"{"feed_forward_proj": "gated-gelu", "decoder_start_token_id": 7"#;
            let mut config: serde_json::Value = serde_json::from_str(&format!("{defaults}}}")).unwrap();
            let changed: serde_json::Value = serde_json::from_str(&format!("{{{keys}}}")).unwrap();
            config.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
            let error = resolve(&config.to_string()).unwrap_err();
            assert!(error.starts_with(key), "{keys}: {error}");
        }
    }

    #[test]
    fn the_outermost_layer_keeps_its_range() {
        let half = Precision { quantization: Quantization::None, dtype: DType::F16 };
        assert_eq!(outer_precision(half), Precision::SINGLE);
        let nf4 = Precision { quantization: Quantization::Nf4, dtype: DType::BF16 };
        assert_eq!(outer_precision(nf4), Precision::SINGLE);
        let blocks = Precision::quantized(Quantization::Q4k);
        assert_eq!(outer_precision(blocks), blocks);
        let brain = Precision { dtype: DType::BF16, ..Precision::SINGLE };
        assert_eq!(outer_precision(brain), brain);
    }
}
