//! What is asked of a captioner, and what it answers.

use reelbench_nn::{CacheMode, Generation};
use reelbench_protocol::{CaptionProbe, CaptionSpec, Finish, Settings};

/// What is asked about a scene's frames.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionRequest {
    /// The question, which the family's own form is put around.
    pub question: String,
    /// The whole prompt with one `<image>` per frame, in place of that form.
    pub prompt: Option<String>,
    /// How tokens are chosen. What ends a sequence is the checkpoint's to say: `eos` is not looked at.
    pub generation: Generation,
    /// Whether keys and values are kept.
    pub cache: CacheMode,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The prompt as given to the tokenizer.
    pub prompt: String,
    /// Its tokens, one for every feature of a picture included.
    pub prompt_tokens: usize,
    /// New tokens.
    pub tokens: Vec<u32>,
    /// Their text.
    pub text: String,
    /// Why generation ended.
    pub finish: Finish,
}

impl From<&CaptionSpec> for CaptionRequest {
    fn from(spec: &CaptionSpec) -> Self {
        let settings = &spec.settings;
        Self {
            question: spec.question.clone(),
            prompt: spec.prompt.clone(),
            generation: Generation {
                num_beams: settings.num_beams as usize,
                max_new_tokens: settings.max_new_tokens as usize,
                min_new_tokens: settings.min_new_tokens as usize,
                ..Generation::default()
            },
            cache: cache_mode(settings.use_cache),
        }
    }
}

impl From<&CaptionProbe> for CaptionRequest {
    fn from(probe: &CaptionProbe) -> Self {
        Self {
            question: probe.question.clone(),
            prompt: probe.prompt.clone(),
            generation: Generation {
                num_beams: probe.num_beams as usize,
                max_new_tokens: probe.max_new_tokens as usize,
                min_new_tokens: probe.min_new_tokens as usize,
                repetition_penalty: probe.repetition_penalty as f32,
                length_penalty: probe.length_penalty,
                early_stopping: probe.early_stopping,
                eos: Vec::new(),
            },
            cache: cache_mode(probe.use_cache),
        }
    }
}

fn cache_mode(use_cache: bool) -> CacheMode {
    if use_cache { CacheMode::On } else { CacheMode::Off }
}

impl CaptionRequest {
    /// The request's own part of the settings in force.
    pub(crate) fn effective(&self) -> Settings {
        Settings::from([
            ("use_cache".to_owned(), (self.cache == CacheMode::On).into()),
            ("num_beams".to_owned(), self.generation.num_beams.into()),
            ("max_new_tokens".to_owned(), self.generation.max_new_tokens.into()),
            ("min_new_tokens".to_owned(), self.generation.min_new_tokens.into()),
        ])
    }
}
