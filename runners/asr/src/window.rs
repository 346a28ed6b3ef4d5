//! One window of sound, written down: greedily, by chance, or by beams.

use std::collections::VecDeque;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use reelbench_nn::vector;

use crate::decoder::{Decoder, Heard, Hypotheses};
use crate::error::AsrError;
use crate::rules::{Length, TokenRules};

/// How the next token is chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Search {
    /// The likeliest.
    Greedy,
    /// The likeliest sequence, as far as this many hypotheses find it.
    Beams(usize),
    /// Drawn from the distribution at a temperature above 0.
    Sample { temperature: f32, seed: u64 },
}

/// What was written down about a window.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Text and timestamps, without prompt and end of text.
    pub tokens: Vec<u32>,
    /// Mean log-probability of the tokens and the end of text, as openai/whisper defines it.
    pub avg_logprob: f64,
    /// Probability that nobody speaks.
    pub no_speech: f64,
}

/// Writes down windows under one set of rules.
pub(crate) struct Writer<'a> {
    pub(crate) decoder: &'a Decoder,
    pub(crate) rules: &'a TokenRules,
    /// At least the start of transcript.
    pub(crate) prompt: &'a [u32],
    pub(crate) end_of_text: u32,
    pub(crate) no_speech_token: u32,
    pub(crate) length: Length,
    /// Tokens at most, prompt included.
    pub(crate) max_length: usize,
}

impl Writer<'_> {
    /// Writes down one window by itself.
    pub(crate) fn write(&self, heard: &Heard, search: Search) -> Result<Written, AsrError> {
        if let Search::Beams(num_beams) = search {
            return self.by_beams(heard, num_beams);
        }
        let mut hypotheses = Hypotheses::default();
        hypotheses.push(self.decoder, heard);
        let mut writing = [Writing::new(self.prompt, search)];
        loop {
            advance(self.decoder, &mut hypotheses, &writing);
            let logits = hypotheses.logits().next().ok_or(AsrError::NotANumber)?;
            if let Some(written) = writing[0].read(self, logits)? {
                return Ok(written);
            }
        }
    }

    /// New tokens at most.
    pub(crate) fn most(&self) -> usize {
        let room = self.max_length.min(self.decoder.context()).saturating_sub(self.prompt.len());
        match self.length {
            Length::UntilEndOfText => room,
            Length::Exactly(tokens) => room.min(tokens),
        }
    }

    /// The probability that nobody speaks, from the logits after the start of transcript.
    pub(crate) fn no_speech(&self, logits: &[f32]) -> Result<f64, AsrError> {
        let sum = checked_log_sum_exp(logits)?;
        Ok(logits.get(self.no_speech_token as usize).map_or(0.0, |logit| f64::from(logit - sum).exp()))
    }
}

/// A window that is being written down, token by token.
#[derive(Debug)]
pub(crate) struct Writing {
    /// Tokens of the prompt that the decoder has not been given.
    prompt: VecDeque<u32>,
    choice: Choice,
    tokens: Vec<u32>,
    sum_logprob: f64,
    no_speech: Option<f64>,
}

#[derive(Debug)]
enum Choice {
    Likeliest,
    Draw { temperature: f32, rng: Box<ChaCha8Rng> },
}

/// Gives every hypothesis its next token and computes what could follow, where somebody wants to
/// know: `writings` belong to the hypotheses one by one.
pub(crate) fn advance(decoder: &Decoder, hypotheses: &mut Hypotheses, writings: &[Writing]) {
    let tokens: Vec<u32> = writings.iter().map(Writing::next).collect();
    decoder.advance(&tokens, hypotheses);
    if writings.iter().any(Writing::wants_logits) {
        decoder.predict(hypotheses);
    }
}

impl Writing {
    /// The `prompt` holds at least the start of transcript; a search by beams is not for here.
    pub(crate) fn new(prompt: &[u32], search: Search) -> Self {
        let choice = match search {
            Search::Greedy | Search::Beams(_) => Choice::Likeliest,
            Search::Sample { temperature, seed } => {
                Choice::Draw { temperature, rng: Box::new(ChaCha8Rng::seed_from_u64(seed)) }
            }
        };
        let prompt = prompt.iter().copied().collect();
        Self { prompt, choice, tokens: Vec::new(), sum_logprob: 0.0, no_speech: None }
    }

    /// What the decoder is given next.
    fn next(&self) -> u32 {
        self.prompt.front().or(self.tokens.last()).copied().unwrap_or_default()
    }

    /// Whether anything depends on what follows the next token.
    fn wants_logits(&self) -> bool {
        self.no_speech.is_none() || self.prompt.len() <= 1
    }

    /// Goes on by one token, chosen by the logits after [`Self::next`]. Gives what was written when
    /// it ends.
    pub(crate) fn read(
        &mut self,
        writer: &Writer<'_>,
        logits: &mut [f32],
    ) -> Result<Option<Written>, AsrError> {
        if self.no_speech.is_none() {
            self.no_speech = Some(writer.no_speech(logits)?);
        }
        self.prompt.pop_front();
        let most = writer.most();
        if !self.prompt.is_empty() {
            return Ok(None);
        }
        if self.tokens.len() < most {
            writer.rules.apply(logits, &self.tokens);
            let choice = self.choice.among(logits).ok_or(AsrError::NotANumber)?;
            self.sum_logprob += f64::from(logits[choice] - checked_log_sum_exp(logits)?);
            let token = choice as u32;
            if token == writer.end_of_text {
                return Ok(Some(self.written()));
            }
            self.tokens.push(token);
        }
        Ok((self.tokens.len() >= most).then(|| self.written()))
    }

    fn written(&mut self) -> Written {
        let tokens = std::mem::take(&mut self.tokens);
        let avg_logprob = self.sum_logprob / (tokens.len() + 1) as f64;
        Written { tokens, avg_logprob, no_speech: self.no_speech.unwrap_or_default() }
    }
}

impl Choice {
    fn among(&mut self, logits: &[f32]) -> Option<usize> {
        match self {
            Self::Likeliest => likeliest(logits),
            Self::Draw { temperature, rng } => draw(logits, *temperature, rng),
        }
    }
}

/// log Σ e^xᵢ where that is a number.
pub(crate) fn checked_log_sum_exp(logits: &[f32]) -> Result<f32, AsrError> {
    let sum = vector::log_sum_exp(logits);
    if sum.is_finite() { Ok(sum) } else { Err(AsrError::NotANumber) }
}

/// The first of the largest.
fn likeliest(logits: &[f32]) -> Option<usize> {
    let max = vector::max(logits);
    logits.iter().position(|&logit| logit >= max)
}

/// One drawn with probability ∝ e^(logit / temperature).
fn draw(logits: &[f32], temperature: f32, rng: &mut ChaCha8Rng) -> Option<usize> {
    let max = vector::max(logits);
    let weight = |logit: f32| f64::from(vector::exp((logit - max) / temperature));
    let total: f64 = logits.iter().map(|&logit| weight(logit)).sum();
    let mut left = rng.random::<f64>() * total;
    let mut chosen = None;
    for (i, &logit) in logits.iter().enumerate().filter(|(_, logit)| **logit > f32::NEG_INFINITY) {
        chosen = Some(i);
        left -= weight(logit);
        if left < 0.0 {
            break;
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equals_is_the_likeliest() {
        assert_eq!(likeliest(&[0.0, 2.0, 1.0, 2.0]), Some(1));
        assert_eq!(likeliest(&[]), None);
    }

    #[test]
    fn draws_follow_the_distribution_and_the_seed() {
        let logits = [0.0, 3.0_f32.ln(), f32::NEG_INFINITY];
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let draws: Vec<usize> = (0..4000).filter_map(|_| draw(&logits, 1.0, &mut rng)).collect();
        let share = draws.iter().filter(|&&i| i == 1).count() as f64 / 4000.0;
        assert!((share - 0.75).abs() < 0.03, "{share}");
        assert!(!draws.contains(&2), "a forbidden token");
        let mut again = ChaCha8Rng::seed_from_u64(7);
        assert!(draws.iter().all(|&i| draw(&logits, 1.0, &mut again) == Some(i)));
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        let cold = (0..1000).filter_map(|_| draw(&logits, 0.1, &mut rng)).filter(|&i| i == 0).count();
        assert!(cold < 10, "a low temperature prefers the likeliest: {cold}");
    }

    #[test]
    fn logits_that_are_not_numbers_are_noticed() {
        assert!(checked_log_sum_exp(&[0.0, f32::NAN, 1.0]).is_err());
        assert!(checked_log_sum_exp(&[f32::NEG_INFINITY; 4]).is_err());
        assert!(checked_log_sum_exp(&[f32::NEG_INFINITY, 0.0]).is_ok());
    }
}
