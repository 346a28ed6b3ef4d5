//! One window of sound, written down: greedily, by chance, or by beams.

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
    pub(crate) fn write(&self, heard: &Heard, search: Search) -> Result<Written, AsrError> {
        match search {
            Search::Greedy => self.one_by_one(heard, likeliest),
            Search::Sample { temperature, seed } => {
                let mut rng = ChaCha8Rng::seed_from_u64(seed);
                self.one_by_one(heard, |logits| draw(logits, temperature, &mut rng))
            }
            Search::Beams(num_beams) => self.by_beams(heard, num_beams),
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

    /// A hypothesis that holds the prompt, with its logits, and the probability that nobody speaks.
    pub(crate) fn start(&self, heard: &Heard) -> Result<(Hypotheses, f64), AsrError> {
        let mut hypotheses = Hypotheses::new(self.decoder, heard);
        let mut no_speech = 0.0;
        for (i, &token) in self.prompt.iter().enumerate() {
            self.decoder.advance(&[token], heard, &mut hypotheses);
            let is_last = i + 1 == self.prompt.len();
            if i == 0 || is_last {
                self.decoder.predict(&mut hypotheses);
            }
            if i == 0 {
                no_speech = self.no_speech(&mut hypotheses)?;
            }
        }
        Ok((hypotheses, no_speech))
    }

    fn no_speech(&self, hypotheses: &mut Hypotheses) -> Result<f64, AsrError> {
        let logits = hypotheses.logits().next().ok_or(AsrError::NotANumber)?;
        let sum = checked_log_sum_exp(logits)?;
        Ok(logits.get(self.no_speech_token as usize).map_or(0.0, |logit| f64::from(logit - sum).exp()))
    }

    fn one_by_one(
        &self,
        heard: &Heard,
        mut choose: impl FnMut(&[f32]) -> Option<usize>,
    ) -> Result<Written, AsrError> {
        let (mut hypotheses, no_speech) = self.start(heard)?;
        let mut tokens = Vec::new();
        let mut sum_logprob = 0.0;
        let most = self.most();
        while tokens.len() < most {
            let logits = hypotheses.logits().next().ok_or(AsrError::NotANumber)?;
            self.rules.apply(logits, &tokens);
            let choice = choose(logits).ok_or(AsrError::NotANumber)?;
            sum_logprob += f64::from(logits[choice] - checked_log_sum_exp(logits)?);
            let token = choice as u32;
            if token == self.end_of_text {
                break;
            }
            tokens.push(token);
            if tokens.len() < most {
                self.decoder.advance(&[token], heard, &mut hypotheses);
                self.decoder.predict(&mut hypotheses);
            }
        }
        let avg_logprob = sum_logprob / (tokens.len() + 1) as f64;
        Ok(Written { tokens, avg_logprob, no_speech })
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
