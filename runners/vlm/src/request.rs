//! What is asked of a captioner, and what it answers.

use reelbench_media::RgbImage;
use reelbench_nn::{CacheMode, Generation, Sampling};
use reelbench_protocol::{CaptionProbe, CaptionSpec, EarlyStopping, Finish, Settings};

/// A scene to be captioned.
#[derive(Debug, Clone, Copy)]
pub struct SceneInput<'a> {
    /// Its frames, in order.
    pub frames: &'a [RgbImage],
    /// The question, which the family's own form is put around.
    pub question: &'a str,
}

/// How scenes are captioned.
#[derive(Debug, Clone, PartialEq)]
pub struct CaptionRequest {
    /// The whole prompt with the family's mark for every picture, in place of question and form.
    pub prompt: Option<String>,
    /// How tokens are chosen. What ends a sequence is the checkpoint's to say: `eos` is not looked at.
    pub generation: Generation,
    /// Whether keys and values are kept.
    pub cache: CacheMode,
    /// Crops of a picture at most, for families whose checkpoints leave it to the user.
    pub num_crops: Option<usize>,
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
            prompt: spec.prompt.clone(),
            generation: Generation {
                num_beams: settings.num_beams as usize,
                max_new_tokens: settings.max_new_tokens as usize,
                min_new_tokens: settings.min_new_tokens as usize,
                repetition_penalty: settings.repetition_penalty.unwrap_or(1.0),
                length_penalty: settings.length_penalty.unwrap_or(1.0),
                early_stopping: settings.early_stopping.unwrap_or(EarlyStopping::False),
                sampling: sampling(settings.temperature, settings.top_p, spec.seed),
                eos: Vec::new(),
            },
            cache: cache_mode(settings.use_cache),
            num_crops: settings.num_crops.map(|crops| crops as usize),
        }
    }
}

impl From<&CaptionProbe> for CaptionRequest {
    fn from(probe: &CaptionProbe) -> Self {
        Self {
            prompt: probe.prompt.clone(),
            generation: Generation {
                num_beams: probe.num_beams as usize,
                max_new_tokens: probe.max_new_tokens as usize,
                min_new_tokens: probe.min_new_tokens as usize,
                repetition_penalty: probe.repetition_penalty,
                length_penalty: probe.length_penalty,
                early_stopping: probe.early_stopping,
                sampling: sampling(probe.temperature, probe.top_p, probe.seed),
                eos: Vec::new(),
            },
            cache: cache_mode(probe.use_cache),
            num_crops: probe.num_crops.map(|crops| crops as usize),
        }
    }
}

/// Tokens are drawn at a temperature above 0.
fn sampling(temperature: Option<f64>, top_p: Option<f64>, seed: Option<u64>) -> Option<Sampling> {
    let temperature = temperature.filter(|temperature| *temperature > 0.0)?;
    Some(Sampling { temperature, top_p: top_p.unwrap_or(1.0), seed: seed.unwrap_or_default() })
}

fn cache_mode(use_cache: bool) -> CacheMode {
    if use_cache { CacheMode::On } else { CacheMode::Off }
}

impl CaptionRequest {
    /// The request's own part of the settings in force.
    pub(crate) fn effective(&self) -> Settings {
        let generation = &self.generation;
        let mut effective = Settings::from([
            ("use_cache".to_owned(), (self.cache == CacheMode::On).into()),
            ("num_beams".to_owned(), generation.num_beams.into()),
            ("max_new_tokens".to_owned(), generation.max_new_tokens.into()),
            ("min_new_tokens".to_owned(), generation.min_new_tokens.into()),
            ("repetition_penalty".to_owned(), generation.repetition_penalty.into()),
            ("length_penalty".to_owned(), generation.length_penalty.into()),
            ("early_stopping".to_owned(), generation.early_stopping.as_str().into()),
            (
                "temperature".to_owned(),
                generation.sampling.map_or(0.0, |sampling| sampling.temperature).into(),
            ),
        ]);
        if let Some(sampling) = generation.sampling {
            effective.insert("top_p".to_owned(), sampling.top_p.into());
            effective.insert("seed".to_owned(), sampling.seed.into());
        }
        effective
    }
}
