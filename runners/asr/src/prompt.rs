//! What the decoder is told before it writes: language, task, and whether times are wanted.

use crate::config::GenerationConfig;
use crate::decoder::{Heard, Hypotheses};
use crate::error::AsrError;
use crate::rules::Timestamps;
use crate::transcribe::TranscribeOptions;
use crate::whisper::Whisper;
use crate::window::checked_log_sum_exp;

impl Whisper {
    /// The prompt of every window. A multilingual model without a language given chooses the one
    /// it thinks likeliest after the start of transcript in the window it has heard.
    pub(crate) fn prompt(&self, options: &TranscribeOptions, heard: &Heard) -> Result<Vec<u32>, AsrError> {
        let mut prompt = vec![self.config.decoder_start_token_id];
        if self.config.is_multilingual {
            prompt.push(match &options.language {
                Some(language) => language_token(&self.config, language)?,
                None => self.likeliest_language(heard)?,
            });
            prompt.extend(self.config.task_to_id.get("transcribe"));
        } else if let Some(language) = options.language.as_ref().filter(|language| *language != "en") {
            return Err(AsrError::Language { language: language.clone(), known: "en".to_owned() });
        }
        if options.timestamps == Timestamps::Off {
            prompt.push(self.config.no_timestamps_token_id);
        }
        Ok(prompt)
    }

    /// The code (`en`) of the likeliest language of a window that was heard; `None` of a model for
    /// English only.
    ///
    /// # Errors
    /// When the weights predict no numbers.
    pub fn language(&self, heard: &Heard) -> Result<Option<String>, AsrError> {
        if !self.config.is_multilingual {
            return Ok(None);
        }
        let token = self.likeliest_language(heard)?;
        let known = self.config.lang_to_id.iter().find(|(_, id)| **id == token);
        Ok(known.map(|(name, _)| code(name).to_owned()))
    }

    fn likeliest_language(&self, heard: &Heard) -> Result<u32, AsrError> {
        let mut hypotheses = Hypotheses::default();
        hypotheses.push(&self.decoder, heard);
        self.decoder.advance(&[self.config.decoder_start_token_id], &mut hypotheses);
        self.decoder.predict(&mut hypotheses);
        let logits = hypotheses.logits().next().ok_or(AsrError::NotANumber)?;
        checked_log_sum_exp(logits)?;
        let languages = self.config.lang_to_id.values().copied();
        let likelier = |&a: &u32, &b: &u32| logits[a as usize].total_cmp(&logits[b as usize]);
        languages.max_by(likelier).ok_or_else(|| unknown_language(&self.config, "auto"))
    }
}

/// The token of a language given as `en`.
fn language_token(config: &GenerationConfig, language: &str) -> Result<u32, AsrError> {
    let token = config.lang_to_id.get(&format!("<|{language}|>"));
    token.copied().ok_or_else(|| unknown_language(config, language))
}

fn unknown_language(config: &GenerationConfig, language: &str) -> AsrError {
    let names: Vec<&str> = config.lang_to_id.keys().map(|name| code(name)).collect();
    AsrError::Language { language: language.to_owned(), known: names.join(", ") }
}

/// `en` of `<|en|>`.
fn code(name: &str) -> &str {
    name.trim_matches(['<', '|', '>'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    #[test]
    fn a_language_is_found_by_its_code_or_the_known_ones_are_listed() {
        let config = Preset::find("whisper-tiny").unwrap().generation_config();
        assert_eq!(language_token(&config, "en").unwrap(), 50_259);
        let message = language_token(&config, "tlh").unwrap_err().to_string();
        assert!(message.contains("`tlh`") && message.contains("en"), "{message}");
    }
}
