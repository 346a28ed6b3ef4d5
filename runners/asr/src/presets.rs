//! The published sizes, for random weights.

use std::collections::BTreeMap;

use crate::config::{GenerationConfig, ModelConfig};

/// Tokens that a dummy writes per window of 30 s: about as many as speech at the usual speed takes.
/// Random weights would end a window anywhere; this way a dummy's length is never chance.
pub const DUMMY_TOKENS_PER_WINDOW: usize = 100;

/// A published size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name in a matrix.
    pub name: &'static str,
    d_model: usize,
    heads: usize,
    encoder_layers: usize,
    decoder_layers: usize,
    vocabulary: Vocabulary,
}

/// The three vocabularies of the published checkpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vocabulary {
    English,
    Multilingual,
    /// From large-v3 on: one more language, and 128 mel filters.
    MultilingualV3,
}

/// The languages of the multilingual vocabularies, in the order of their tokens.
///
/// Source: `LANGUAGES` of openai/whisper (`tokenizer.py`).
const LANGUAGES: &[&str] = &[
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no th ur hr bg",
    "lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw gl mr pa si km sn yo so",
    "af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl mg as tt haw ln ha ba jw su",
];

/// From large-v3 on there is Cantonese.
const LANGUAGES_V3: &[&str] = &[LANGUAGES[0], LANGUAGES[1], LANGUAGES[2], "yue"];

const fn preset(
    name: &'static str,
    (d_model, heads): (usize, usize),
    (encoder_layers, decoder_layers): (usize, usize),
    vocabulary: Vocabulary,
) -> Preset {
    Preset { name, d_model, heads, encoder_layers, decoder_layers, vocabulary }
}

/// Every published size.
pub const PRESETS: [Preset; 13] = {
    use Vocabulary::{English, Multilingual, MultilingualV3};
    const TINY: (usize, usize) = (384, 6);
    const BASE: (usize, usize) = (512, 8);
    const SMALL: (usize, usize) = (768, 12);
    const MEDIUM: (usize, usize) = (1024, 16);
    const LARGE: (usize, usize) = (1280, 20);
    [
        preset("whisper-tiny", TINY, (4, 4), Multilingual),
        preset("whisper-tiny.en", TINY, (4, 4), English),
        preset("whisper-base", BASE, (6, 6), Multilingual),
        preset("whisper-base.en", BASE, (6, 6), English),
        preset("whisper-small", SMALL, (12, 12), Multilingual),
        preset("whisper-small.en", SMALL, (12, 12), English),
        preset("whisper-medium", MEDIUM, (24, 24), Multilingual),
        preset("whisper-medium.en", MEDIUM, (24, 24), English),
        preset("whisper-large", LARGE, (32, 32), Multilingual),
        preset("whisper-large-v1", LARGE, (32, 32), Multilingual),
        preset("whisper-large-v2", LARGE, (32, 32), Multilingual),
        preset("whisper-large-v3", LARGE, (32, 32), MultilingualV3),
        preset("whisper-large-v3-turbo", LARGE, (32, 4), MultilingualV3),
    ]
};

impl Preset {
    /// The preset of a name, if there is one.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The architecture.
    pub fn model_config(&self) -> ModelConfig {
        let (num_mel_bins, vocab_size) = match self.vocabulary {
            Vocabulary::English => (80, 51_864),
            Vocabulary::Multilingual => (80, 51_865),
            Vocabulary::MultilingualV3 => (128, 51_866),
        };
        ModelConfig {
            vocab_size,
            num_mel_bins,
            d_model: self.d_model,
            encoder_layers: self.encoder_layers,
            encoder_attention_heads: self.heads,
            encoder_ffn_dim: 4 * self.d_model,
            decoder_layers: self.decoder_layers,
            decoder_attention_heads: self.heads,
            decoder_ffn_dim: 4 * self.d_model,
            max_source_positions: 1500,
            max_target_positions: 448,
            activation_function: "gelu".to_owned(),
            scale_embedding: false,
        }
    }

    /// The tokens with a meaning. The lists of suppressed tokens stay empty: random weights have
    /// no symbols to keep out of a transcript.
    pub fn generation_config(&self) -> GenerationConfig {
        // The English-only vocabulary keeps the places of the languages, unused.
        let (end_of_text, languages) = match self.vocabulary {
            Vocabulary::English => (50_256, LANGUAGES),
            Vocabulary::Multilingual => (50_257, LANGUAGES),
            Vocabulary::MultilingualV3 => (50_257, LANGUAGES_V3),
        };
        let is_multilingual = self.vocabulary != Vocabulary::English;
        let start = end_of_text + 1;
        let names: Vec<&str> = languages.iter().flat_map(|codes| codes.split_whitespace()).collect();
        // After the languages: translate, transcribe, startoflm, startofprev, nospeech, notimestamps.
        let translate = start + 1 + names.len() as u32;
        let (lang_to_id, task_to_id) = if is_multilingual {
            let languages = names.iter().zip(start + 1..).map(|(name, id)| (format!("<|{name}|>"), id));
            let tasks = [("translate", translate), ("transcribe", translate + 1)];
            (languages.collect(), tasks.map(|(name, id)| (name.to_owned(), id)).into())
        } else {
            (BTreeMap::new(), BTreeMap::new())
        };
        GenerationConfig {
            decoder_start_token_id: start,
            eos_token_id: end_of_text,
            no_timestamps_token_id: translate + 5,
            max_length: 448,
            suppress_tokens: None,
            begin_suppress_tokens: None,
            max_initial_timestamp_index: Some(50),
            is_multilingual,
            lang_to_id,
            task_to_id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_consistent() {
        for preset in &PRESETS {
            let model = preset.model_config();
            model.check().unwrap();
            preset.generation_config().check(&model).unwrap();
            assert_eq!(model.d_model / model.encoder_attention_heads, 64, "{}", preset.name);
            assert_eq!(Preset::find(preset.name), Some(preset));
        }
        assert_eq!(Preset::find("whisper-enormous"), None);
    }

    /// The ids of the published `generation_config.json` files.
    #[test]
    fn special_tokens_stand_where_the_published_vocabularies_have_them() {
        let no_timestamps = |name| Preset::find(name).unwrap().generation_config().no_timestamps_token_id;
        assert_eq!(no_timestamps("whisper-tiny.en"), 50_362);
        assert_eq!(no_timestamps("whisper-large-v2"), 50_363);
        assert_eq!(no_timestamps("whisper-large-v3"), 50_364);
        let large = Preset::find("whisper-large-v3").unwrap().generation_config();
        assert_eq!(large.task_to_id["transcribe"], 50_360);
        let small = Preset::find("whisper-small").unwrap().generation_config();
        assert_eq!(small.task_to_id["transcribe"], 50_359);
        let ids = |config: &GenerationConfig, name: &str| config.lang_to_id.get(name).copied();
        assert_eq!((small.lang_to_id.len(), ids(&small, "<|de|>")), (99, Some(50_261)));
        assert_eq!((ids(&small, "<|su|>"), ids(&small, "<|yue|>")), (Some(50_357), None));
        assert_eq!((large.lang_to_id.len(), ids(&large, "<|yue|>")), (100, Some(50_358)));
    }
}
