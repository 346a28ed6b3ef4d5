//! `config.json` and `generation_config.json` of a Whisper checkpoint.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::mel::WINDOW_FRAMES;

/// A configuration that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that this implementation has no computation for.
    #[error("{file}: `{key}` is {found}, but only {supported} is supported")]
    Unsupported {
        /// The file.
        file: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        supported: String,
    },
    /// A token that the vocabulary does not have.
    #[error("{file}: `{key}` names token {token}, but `vocab_size` in config.json is {vocab_size}")]
    Token {
        /// The file.
        file: &'static str,
        /// The key.
        key: &'static str,
        /// The token.
        token: u32,
        /// The vocabulary.
        vocab_size: usize,
    },
}

/// The architecture: `config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ModelConfig {
    /// Tokens, timestamps included.
    pub vocab_size: usize,
    /// Mel filters.
    pub num_mel_bins: usize,
    /// Width of encoder and decoder.
    pub d_model: usize,
    /// Blocks of the encoder.
    pub encoder_layers: usize,
    /// Heads of the encoder.
    pub encoder_attention_heads: usize,
    /// Inner width of the encoder's feed-forward layers.
    pub encoder_ffn_dim: usize,
    /// Blocks of the decoder.
    pub decoder_layers: usize,
    /// Heads of the decoder.
    pub decoder_attention_heads: usize,
    /// Inner width of the decoder's feed-forward layers.
    pub decoder_ffn_dim: usize,
    /// Positions of a window: one per 20 ms.
    pub max_source_positions: usize,
    /// Tokens of a window at most, prompt included.
    pub max_target_positions: usize,
    /// The feed-forward layers' activation.
    pub activation_function: String,
    /// Whether embeddings are multiplied by the square root of the width.
    #[serde(default)]
    pub scale_embedding: bool,
}

impl ModelConfig {
    /// Refuses what the published checkpoints never have.
    ///
    /// # Errors
    /// When a value has no computation here.
    pub fn check(&self) -> Result<(), ConfigError> {
        let file = "config.json";
        let refuse = |key, found: String, supported: String| {
            Err(ConfigError::Unsupported { file, key, found, supported })
        };
        if self.activation_function != "gelu" {
            return refuse("activation_function", self.activation_function.clone(), "`gelu`".to_owned());
        }
        if self.scale_embedding {
            return refuse("scale_embedding", "true".to_owned(), "false".to_owned());
        }
        let positions = WINDOW_FRAMES / 2;
        if self.max_source_positions != positions {
            let found = self.max_source_positions.to_string();
            return refuse("max_source_positions", found, positions.to_string());
        }
        // Nothing is allocated for a size that no checkpoint has.
        for (key, size, supported) in [
            ("vocab_size", self.vocab_size, 1..=1 << 24),
            ("num_mel_bins", self.num_mel_bins, 1..=256),
            ("d_model", self.d_model, 1..=1 << 16),
            ("encoder_layers", self.encoder_layers, 1..=256),
            ("encoder_ffn_dim", self.encoder_ffn_dim, 1..=1 << 20),
            ("decoder_layers", self.decoder_layers, 1..=256),
            ("decoder_ffn_dim", self.decoder_ffn_dim, 1..=1 << 20),
            // The longest prompt, of four tokens, and a text.
            ("max_target_positions", self.max_target_positions, 8..=1 << 16),
        ] {
            if !supported.contains(&size) {
                let supported = format!("{} to {}", supported.start(), supported.end());
                return refuse(key, size.to_string(), supported);
            }
        }
        for (key, heads) in [
            ("encoder_attention_heads", self.encoder_attention_heads),
            ("decoder_attention_heads", self.decoder_attention_heads),
        ] {
            if !self.d_model.is_multiple_of(heads) {
                return refuse(key, heads.to_string(), format!("a divisor of `d_model` {}", self.d_model));
            }
        }
        Ok(())
    }
}

/// The tokens with a meaning and the rules of decoding: `generation_config.json`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct GenerationConfig {
    /// Start of transcript.
    pub decoder_start_token_id: u32,
    /// End of text; every token below it is text.
    pub eos_token_id: u32,
    /// No timestamps; every token above it is a timestamp.
    pub no_timestamps_token_id: u32,
    /// Tokens in a window at most, prompt included.
    #[serde(default = "unlimited")]
    pub max_length: usize,
    /// Tokens that are never predicted.
    #[serde(default)]
    pub suppress_tokens: Option<Vec<u32>>,
    /// Tokens that are not predicted first.
    #[serde(default)]
    pub begin_suppress_tokens: Option<Vec<u32>>,
    /// Latest first timestamp, in steps of 20 ms.
    #[serde(default)]
    pub max_initial_timestamp_index: Option<u32>,
    /// Whether the prompt names a language and a task.
    #[serde(default)]
    pub is_multilingual: bool,
    /// Language tokens by name: `<|en|>`.
    #[serde(default)]
    pub lang_to_id: BTreeMap<String, u32>,
    /// Task tokens by name: `transcribe`.
    #[serde(default)]
    pub task_to_id: BTreeMap<String, u32>,
}

/// The window's own limit, `max_target_positions`, is what counts.
fn unlimited() -> usize {
    usize::MAX
}

impl GenerationConfig {
    /// The token of time 0; the next are 20 ms apart.
    pub fn timestamp_begin(&self) -> u32 {
        self.no_timestamps_token_id + 1
    }

    /// The token that stands for "nobody speaks" right after the start of transcript.
    pub fn no_speech_token(&self) -> u32 {
        self.no_timestamps_token_id.saturating_sub(1)
    }

    /// Checks that every token exists, and that there is a timestamp for every 20 ms.
    ///
    /// # Errors
    /// When the vocabulary lacks a token.
    pub fn check(&self, model: &ModelConfig) -> Result<(), ConfigError> {
        let file = "generation_config.json";
        let named = [
            ("decoder_start_token_id", self.decoder_start_token_id),
            ("eos_token_id", self.eos_token_id),
            ("no_timestamps_token_id", self.no_timestamps_token_id),
        ];
        let lists = [
            ("suppress_tokens", self.suppress_tokens.as_deref().unwrap_or_default()),
            ("begin_suppress_tokens", self.begin_suppress_tokens.as_deref().unwrap_or_default()),
        ];
        let maps = [("lang_to_id", &self.lang_to_id), ("task_to_id", &self.task_to_id)];
        let listed = lists.iter().flat_map(|(key, tokens)| tokens.iter().map(|&token| (*key, token)));
        let mapped = maps.iter().flat_map(|(key, map)| map.values().map(|&token| (*key, token)));
        for (key, token) in named.into_iter().chain(listed).chain(mapped) {
            if token as usize >= model.vocab_size {
                return Err(ConfigError::Token { file, key, token, vocab_size: model.vocab_size });
            }
        }
        if self.is_multilingual && (self.lang_to_id.is_empty() || !self.task_to_id.contains_key("transcribe"))
        {
            return Err(ConfigError::Unsupported {
                file,
                key: "task_to_id",
                found: "without `transcribe`, or `lang_to_id` empty".to_owned(),
                supported: "a multilingual model with both".to_owned(),
            });
        }
        let timestamps = model.max_source_positions + 1;
        if self.timestamp_begin() as usize + timestamps != model.vocab_size {
            return Err(ConfigError::Unsupported {
                file,
                key: "no_timestamps_token_id",
                found: self.no_timestamps_token_id.to_string(),
                supported: format!("a vocabulary that ends in {timestamps} timestamps"),
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    fn published() -> (ModelConfig, GenerationConfig) {
        let preset = Preset::find("whisper-base.en").unwrap();
        (preset.model_config(), preset.generation_config())
    }

    #[test]
    fn an_architecture_without_a_computation_is_refused_with_its_key() {
        let (model, _) = published();
        let refused = |model: ModelConfig| model.check().unwrap_err().to_string();
        let relu = ModelConfig { activation_function: "relu".to_owned(), ..model.clone() };
        assert_eq!(refused(relu), "config.json: `activation_function` is relu, but only `gelu` is supported");
        assert!(refused(ModelConfig { scale_embedding: true, ..model.clone() }).contains("scale_embedding"));
        assert!(refused(ModelConfig { max_source_positions: 750, ..model.clone() }).contains("1500"));
        assert!(
            refused(ModelConfig { decoder_attention_heads: 0, ..model.clone() }).contains("`d_model` 512")
        );
        assert!(refused(ModelConfig { encoder_attention_heads: 7, ..model }).contains("`d_model` 512"));
    }

    #[test]
    fn a_size_out_of_range_is_refused_with_its_key_value_and_range() {
        type Set = fn(&mut ModelConfig, usize);
        let refused = |set: Set, size: usize| {
            let (mut model, _) = published();
            set(&mut model, size);
            model.check().map_err(|error| error.to_string())
        };
        let cases: [(&str, Set, usize, usize); 8] = [
            ("vocab_size", |model, size| model.vocab_size = size, 1, 1 << 24),
            ("num_mel_bins", |model, size| model.num_mel_bins = size, 1, 256),
            ("d_model", |model, size| model.d_model = size, 1, 1 << 16),
            ("encoder_layers", |model, size| model.encoder_layers = size, 1, 256),
            ("encoder_ffn_dim", |model, size| model.encoder_ffn_dim = size, 1, 1 << 20),
            ("decoder_layers", |model, size| model.decoder_layers = size, 1, 256),
            ("decoder_ffn_dim", |model, size| model.decoder_ffn_dim = size, 1, 1 << 20),
            ("max_target_positions", |model, size| model.max_target_positions = size, 8, 1 << 16),
        ];
        for (key, set, least, most) in cases {
            for size in [0, least - 1, most + 1, usize::MAX] {
                let expected =
                    format!("config.json: `{key}` is {size}, but only {least} to {most} is supported");
                assert_eq!(refused(set, size), Err(expected));
            }
            assert_eq!(refused(set, most), Ok(()), "{key}");
        }
        let source = refused(|model, size| model.max_source_positions = size, usize::MAX).unwrap_err();
        assert!(source.contains("max_source_positions") && source.contains("1500"), "{source}");
    }

    #[test]
    fn tokens_that_do_not_exist_are_refused_with_their_key() {
        let (model, generation) = published();
        let refused = |generation: GenerationConfig| generation.check(&model).unwrap_err().to_string();
        let suppress = GenerationConfig { suppress_tokens: Some(vec![1, 60_000]), ..generation.clone() };
        let message = refused(suppress);
        assert!(message.contains("suppress_tokens") && message.contains("60000"), "{message}");
        let shifted = GenerationConfig { no_timestamps_token_id: 50_000, ..generation.clone() };
        assert!(refused(shifted).contains("1501 timestamps"));
        let multilingual = GenerationConfig { is_multilingual: true, ..generation };
        assert!(refused(multilingual).contains("task_to_id"));
    }

    #[test]
    fn keys_that_published_files_leave_out_or_null_have_a_meaning() {
        let text = r#"{"decoder_start_token_id": 3, "eos_token_id": 2, "no_timestamps_token_id": 5,
                       "suppress_tokens": null, "unknown": true}"#;
        let config: GenerationConfig = serde_json::from_str(text).unwrap();
        assert_eq!((config.suppress_tokens, config.max_initial_timestamp_index), (None, None));
        assert!(!config.is_multilingual);
    }
}
