//! The language models that InstructBLIP comes with.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{CacheMode, Decoder};
use serde::Deserialize;

use crate::memory::Workload;
use crate::precision::Precisions;
use crate::t5::{RawT5Config, T5Config, T5Model, T5Session};
use crate::text::{RawTextConfig, TextConfig, TextModel, TextSession};

/// `text_config` as written.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "model_type", rename_all = "snake_case")]
pub(super) enum RawLanguage {
    Llama(RawTextConfig),
    T5(RawT5Config),
    #[serde(other)]
    Other,
}

/// A language model's sizes.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum LanguageConfig {
    /// Vicuna.
    Llama(TextConfig),
    /// Flan-T5.
    T5(T5Config),
}

impl RawLanguage {
    /// Fills in defaults and checks that the values fit each other.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn resolve(self) -> std::result::Result<LanguageConfig, String> {
        Ok(match self {
            Self::Llama(raw) => LanguageConfig::Llama(raw.resolve()?),
            Self::T5(raw) => LanguageConfig::T5(raw.resolve()?),
            Self::Other => return Err("model_type: only llama and t5 are supported".to_owned()),
        })
    }
}

impl LanguageConfig {
    /// Width of a position.
    pub(super) fn hidden_size(&self) -> usize {
        match self {
            Self::Llama(config) => config.hidden_size,
            Self::T5(config) => config.hidden_size,
        }
    }

    /// Positions that prompt and caption may take together.
    pub(super) fn max_positions(&self) -> usize {
        match self {
            Self::Llama(config) => config.max_position_embeddings,
            Self::T5(config) => config.max_positions,
        }
    }

    /// Bytes that the weights will take up in memory.
    pub(super) fn weights_bytes(&self, precisions: Precisions) -> u64 {
        match self {
            Self::Llama(config) => config.weights_bytes(precisions),
            Self::T5(config) => config.weights_bytes(precisions),
        }
    }

    /// Bytes that the contexts of prompts with `positions` positions are held in, and bytes that one of
    /// them is computed in.
    pub(super) fn working_bytes(&self, positions: usize, workload: &Workload) -> [u64; 2] {
        match self {
            Self::Llama(config) => config.working_bytes(positions, workload),
            Self::T5(config) => config.working_bytes(positions, workload),
        }
    }

    /// Bytes of the largest tensor as it is read.
    pub(super) fn largest_tensor_bytes(&self) -> u64 {
        match self {
            Self::Llama(config) => config.largest_tensor_bytes(),
            Self::T5(config) => config.largest_tensor_bytes(),
        }
    }

    /// Tokens that end a caption.
    pub(super) fn eos(&self) -> &[u32] {
        match self {
            Self::Llama(config) => &config.eos,
            Self::T5(config) => &config.eos,
        }
    }

    /// Tensors that older checkpoints hold although they are copies, or of no use.
    pub(super) fn ignorable(&self) -> &'static [&'static str] {
        match self {
            Self::Llama(_) => &[],
            Self::T5(_) => &[
                "language_model.encoder.embed_tokens.weight",
                "language_model.decoder.embed_tokens.weight",
                "language_model.decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
            ],
        }
    }

    /// Tokens that a caption begins with before the first new one. They count as seen: the prompt's
    /// do not, since the reference gives it as embeddings.
    pub(super) fn begun(&self) -> Vec<u32> {
        match self {
            Self::Llama(_) => Vec::new(),
            Self::T5(config) => vec![config.start],
        }
    }
}

/// A language model's weights.
pub(super) enum Language {
    /// Vicuna.
    Llama(TextModel),
    /// Flan-T5. Where transformers keeps `wo` in singles, which it does in half precision and NF4,
    /// it is kept so here.
    T5(T5Model),
}

impl Language {
    /// Takes `language_model.*`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(super) fn load(
        config: &LanguageConfig,
        tensors: &VarBuilder<'_>,
        precisions: Precisions,
    ) -> Result<Self> {
        Ok(match config {
            LanguageConfig::Llama(config) => Self::Llama(TextModel::load(config, tensors, precisions)?),
            LanguageConfig::T5(config) => Self::T5(T5Model::load(config, tensors, precisions)?),
        })
    }

    /// Embeddings of tokens, of shape (tokens, hidden).
    ///
    /// # Errors
    /// When a token is not in the vocabulary.
    pub(super) fn embed(&self, tokens: &[u32]) -> Result<Tensor> {
        match self {
            Self::Llama(model) => model.embed(tokens),
            Self::T5(model) => model.embed(tokens),
        }
    }

    /// Where it is computed.
    pub(super) fn device(&self) -> &Device {
        match self {
            Self::Llama(model) => model.device(),
            Self::T5(model) => model.device(),
        }
    }

    /// Bytes that the weights take up in memory.
    pub(super) fn weights_bytes(&self) -> u64 {
        match self {
            Self::Llama(model) => model.weights_bytes(),
            Self::T5(model) => model.weights_bytes(),
        }
    }

    /// A decoder without contexts.
    pub(super) fn decoder(&self, cache: CacheMode) -> Box<dyn Decoder + '_> {
        match self {
            Self::Llama(model) => Box::new(TextSession::new(model, cache)),
            Self::T5(model) => Box::new(T5Session::new(model, cache)),
        }
    }
}
