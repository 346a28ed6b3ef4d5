//! Audio of any length to text: window after window, each starting where the last one ended.

use std::ops::Range;

use candle_core::Tensor;
use reelbench_protocol::Segment;

use crate::decoder::Heard;
use crate::error::AsrError;
use crate::mel::{LogMel, SAMPLE_RATE};
use crate::rules::{Length, Timestamps, TokenRules};
use crate::segments::{Stretch, cut};
use crate::whisper::Whisper;
use crate::window::{Writer, Written};

/// Most beams of a search.
pub const MAX_NUM_BEAMS: u32 = 16;

/// What to do where the likeliest text looks wrong.
///
/// Source: openai/whisper (`transcribe.py`, `decode_with_fallback`) with its default thresholds:
/// compression ratio 2.4 of the UTF-8 text, mean log-probability −1, silence 0.6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TemperatureFallback {
    /// Keep it.
    #[default]
    Off,
    /// Draw again at temperatures 0.2, 0.4 … 1 until it looks right; drop a guess at silence.
    On,
}

/// How audio is transcribed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TranscribeOptions {
    /// Whether times are predicted.
    pub timestamps: Timestamps,
    /// Beams, 1 to [`MAX_NUM_BEAMS`]; 1 is greedy.
    pub num_beams: u32,
    /// What to do where the result looks wrong.
    pub temperature_fallback: TemperatureFallback,
    /// The language of a multilingual model, as `en`; without one, the likeliest in the first
    /// window. Models for English have no choice.
    pub language: Option<String>,
    /// Seed of what is drawn at temperatures above 0.
    pub seed: u64,
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        Self {
            timestamps: Timestamps::On,
            num_beams: 1,
            temperature_fallback: TemperatureFallback::Off,
            language: None,
            seed: 0,
        }
    }
}

impl TranscribeOptions {
    pub(crate) fn check(&self) -> Result<(), AsrError> {
        if (1..=MAX_NUM_BEAMS).contains(&self.num_beams) {
            return Ok(());
        }
        Err(AsrError::NumBeams { num_beams: self.num_beams, most: MAX_NUM_BEAMS })
    }
}

/// What was said.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Transcription {
    /// In order of time, each with text. Tokens include the timestamps around the text.
    pub segments: Vec<Segment>,
    /// All text, without white space at its ends.
    pub text: String,
    /// The tokens of all segments: text and timestamps, no prompt and no end of text.
    pub tokens: Vec<u32>,
}

impl Whisper {
    /// Transcribes mono `samples` at 16 kHz; without samples there is nothing to say.
    ///
    /// The dynamic range of the features depends on the loudest sample of all. Audio of up to 30 s
    /// is filled up with silence, longer audio with empty features, as transformers does.
    /// `progress` is told the share that is done, up to 1.
    ///
    /// # Errors
    /// When a sample is not finite, an option is out of range, or the weights predict no numbers.
    pub fn transcribe(
        &self,
        samples: &[f32],
        options: &TranscribeOptions,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Transcription, AsrError> {
        self.transcribe_many(&[samples], options, 1, progress)
            .pop()
            .unwrap_or_else(|| Ok(Transcription::default()))
    }

    /// The encoder's vectors `[1500, d_model]`, one per 20 ms, of the 30 s from frame `start` of
    /// `mel`, which must have as many filters as the model.
    ///
    /// # Errors
    /// When the number of filters is another.
    pub fn encode(&self, mel: &LogMel, start: usize) -> Result<Tensor, AsrError> {
        Ok(self.encoder.forward(mel.window(start))?)
    }

    /// What the decoder attends to in encoded vectors `[1500, d_model]`.
    ///
    /// # Errors
    /// When they have another width than the model.
    pub fn hear(&self, encoded: &Tensor) -> Result<Heard, AsrError> {
        Ok(self.decoder.hear(encoded)?)
    }

    /// Writes down one window by itself; `None` if it turns out to be silent, which only happens
    /// with temperature fallback.
    ///
    /// # Errors
    /// When the language does not exist, or the weights predict no numbers.
    pub fn write_window(
        &self,
        heard: &Heard,
        options: &TranscribeOptions,
    ) -> Result<Option<Written>, AsrError> {
        let prompt = self.prompt(options, heard)?;
        self.write(&self.writer(&self.rules(options), &prompt), heard, options)
    }

    pub(crate) fn rules(&self, options: &TranscribeOptions) -> TokenRules {
        TokenRules::new(&self.config, options.timestamps, self.length)
    }

    pub(crate) fn writer<'a>(&'a self, rules: &'a TokenRules, prompt: &'a [u32]) -> Writer<'a> {
        Writer {
            decoder: &self.decoder,
            rules,
            prompt,
            end_of_text: self.config.eos_token_id,
            no_speech_token: self.config.no_speech_token(),
            length: self.length,
            max_length: self.config.max_length,
        }
    }

    /// Adds what was said in a window to the transcription; gives the frame at which the next
    /// window starts.
    pub(crate) fn file(
        &self,
        tokens: &[u32],
        timestamps: Timestamps,
        window: Range<usize>,
        transcription: &mut Transcription,
    ) -> Result<usize, AsrError> {
        let (stretches, next) = match timestamps {
            Timestamps::On => cut(tokens, self.config.timestamp_begin(), window.clone()),
            Timestamps::Off => {
                (vec![Stretch { frames: window.clone(), tokens: tokens.to_vec() }], window.end)
            }
        };
        for stretch in stretches {
            let text = self.text(&stretch.tokens)?;
            if text.trim().is_empty() {
                continue;
            }
            let (start, end) = (stretch.start_s(), stretch.end_s());
            transcription.tokens.extend_from_slice(&stretch.tokens);
            transcription.segments.push(Segment { start, end, text, tokens: stretch.tokens });
        }
        // The timestamps of random weights say nothing about where speech ended.
        Ok(match self.length {
            Length::UntilEndOfText => next,
            Length::Exactly(_) => window.end,
        })
    }

    pub(crate) fn text(&self, tokens: &[u32]) -> Result<String, AsrError> {
        self.vocabulary.text(tokens, self.config.eos_token_id)
    }
}

/// Louder than any sound, whatever its scale: the energies of such samples are no numbers.
const TOO_LOUD: f32 = 1e9;

pub(crate) fn check_samples(samples: &[f32]) -> Result<(), AsrError> {
    let is_sound = |sample: &f32| sample.abs() < TOO_LOUD;
    match samples.iter().enumerate().find(|(_, sample)| !is_sound(sample)) {
        None => Ok(()),
        Some((index, &value)) => {
            Err(AsrError::Sample { index, second: index as f64 / SAMPLE_RATE as f64, value })
        }
    }
}
