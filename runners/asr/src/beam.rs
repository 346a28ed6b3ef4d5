//! Beam search.
//!
//! Source: `_beam_search` and `BeamSearchScorer` of transformers 4.46.3 with `length_penalty` 1 and
//! `early_stopping` false: log-probabilities are taken before the rules apply, and a hypothesis that
//! ends counts only when it ranks among the first `num_beams`.

use crate::decoder::{Heard, Hypotheses};
use crate::error::AsrError;
use crate::window::{Writer, Written, checked_log_sum_exp};

/// A hypothesis that goes on.
#[derive(Debug, Clone)]
struct Beam {
    tokens: Vec<u32>,
    sum_logprob: f32,
}

/// A hypothesis that ended, the end of text not among its tokens.
#[derive(Debug, Clone)]
struct Ended {
    tokens: Vec<u32>,
    sum_logprob: f32,
    /// Sum of log-probabilities per token.
    score: f32,
}

/// A way for hypothesis `parent` to go on.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Candidate {
    parent: usize,
    token: u32,
    sum_logprob: f32,
}

/// The best that ended so far, best first.
struct Finished {
    num_beams: usize,
    ended: Vec<Ended>,
}

impl Finished {
    fn add(&mut self, tokens: Vec<u32>, sum_logprob: f32, length: usize) {
        let score = sum_logprob / length as f32;
        let place = self.ended.partition_point(|ended| ended.score >= score);
        self.ended.insert(place, Ended { tokens, sum_logprob, score });
        self.ended.truncate(self.num_beams);
    }

    /// Whether no hypothesis of `length` tokens, the likeliest of which has `best_sum`, can still
    /// become one of the best.
    fn is_settled(&self, best_sum: f32, length: usize) -> bool {
        let worst = self.ended.get(self.num_beams - 1);
        worst.is_some_and(|worst| worst.score >= best_sum / length as f32)
    }
}

impl Writer<'_> {
    /// The best of what `num_beams` hypotheses, at least 1, come to.
    pub(crate) fn by_beams(&self, heard: &Heard, num_beams: usize) -> Result<Written, AsrError> {
        let (mut hypotheses, no_speech) = self.start(heard)?;
        let mut beams = vec![Beam { tokens: Vec::new(), sum_logprob: 0.0 }];
        let mut finished = Finished { num_beams, ended: Vec::new() };
        let most = self.most();
        let mut settled = false;
        for length in 1..=most {
            let mut candidates = Vec::with_capacity(2 * num_beams + 1);
            for (parent, (logits, beam)) in hypotheses.logits().zip(&beams).enumerate() {
                let sum = checked_log_sum_exp(logits)?;
                for logit in logits.iter_mut() {
                    *logit -= sum;
                }
                self.rules.apply(logits, &beam.tokens);
                collect(logits, parent, beam.sum_logprob, 2 * num_beams, &mut candidates);
            }
            let best_sum = candidates.first().map_or(f32::NEG_INFINITY, |candidate| candidate.sum_logprob);
            let parents = self.grow(&mut beams, &candidates, &mut finished, length);
            settled = finished.is_settled(best_sum, length);
            if settled || parents.is_empty() || length == most {
                break;
            }
            hypotheses.select(&parents);
            let tokens: Vec<u32> = beams.iter().filter_map(|beam| beam.tokens.last().copied()).collect();
            self.decoder.advance(&tokens, &mut hypotheses);
            self.decoder.predict(&mut hypotheses);
        }
        if !settled {
            // What the limit cut off counts as well.
            for Beam { tokens, sum_logprob } in beams.into_iter().filter(|beam| !beam.tokens.is_empty()) {
                let length = tokens.len();
                finished.add(tokens, sum_logprob, length);
            }
        }
        let (tokens, sum) = finished
            .ended
            .into_iter()
            .next()
            .map_or_else(Default::default, |best| (best.tokens, f64::from(best.sum_logprob)));
        let avg_logprob = sum / (tokens.len() + 1) as f64;
        Ok(Written { tokens, avg_logprob, no_speech })
    }

    /// A hypothesis that holds the prompt, with its logits, and the probability that nobody speaks.
    fn start(&self, heard: &Heard) -> Result<(Hypotheses, f64), AsrError> {
        let mut hypotheses = Hypotheses::default();
        hypotheses.push(self.decoder, heard);
        let mut no_speech = 0.0;
        for (i, &token) in self.prompt.iter().enumerate() {
            self.decoder.advance(&[token], &mut hypotheses);
            if i == 0 || i + 1 == self.prompt.len() {
                self.decoder.predict(&mut hypotheses);
            }
            if i == 0 {
                no_speech = self.no_speech(hypotheses.logits().next().ok_or(AsrError::NotANumber)?)?;
            }
        }
        Ok((hypotheses, no_speech))
    }

    /// Replaces `beams` by the best candidates that go on and files those that end; gives the
    /// parent of each new beam.
    fn grow(
        &self,
        beams: &mut Vec<Beam>,
        candidates: &[Candidate],
        finished: &mut Finished,
        length: usize,
    ) -> Vec<usize> {
        let mut next = Vec::with_capacity(finished.num_beams);
        let mut parents = Vec::with_capacity(finished.num_beams);
        for (rank, &Candidate { parent, token, sum_logprob }) in candidates.iter().enumerate() {
            if next.len() == finished.num_beams {
                break;
            }
            let mut tokens = beams[parent].tokens.clone();
            if token != self.end_of_text {
                tokens.push(token);
                next.push(Beam { tokens, sum_logprob });
                parents.push(parent);
            } else if rank < finished.num_beams {
                finished.add(tokens, sum_logprob, length);
            }
        }
        *beams = next;
        parents
    }
}

/// Keeps the `most` likeliest candidates, likeliest first, after those of one more parent.
fn collect(logprobs: &[f32], parent: usize, sum_logprob: f32, most: usize, candidates: &mut Vec<Candidate>) {
    for (token, &logprob) in logprobs.iter().enumerate() {
        let sum = sum_logprob + logprob;
        let is_full = candidates.len() == most;
        if logprob == f32::NEG_INFINITY
            || (is_full && candidates.last().is_some_and(|last| sum <= last.sum_logprob))
        {
            continue;
        }
        let place = candidates.partition_point(|candidate| candidate.sum_logprob >= sum);
        candidates.insert(place, Candidate { parent, token: token as u32, sum_logprob: sum });
        candidates.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_the_likeliest_of_all_parents() {
        let mut candidates = Vec::new();
        collect(&[-1.0, -5.0, -2.0], 0, 0.0, 3, &mut candidates);
        collect(&[-0.5, f32::NEG_INFINITY, -3.0], 1, -1.0, 3, &mut candidates);
        let found: Vec<_> = candidates.iter().map(|candidate| (candidate.parent, candidate.token)).collect();
        assert_eq!(found, [(0, 0), (1, 0), (0, 2)]);
    }

    #[test]
    fn a_search_is_settled_when_nothing_likelier_can_come() {
        let mut finished = Finished { num_beams: 2, ended: Vec::new() };
        finished.add(vec![1], -1.0, 2);
        assert!(!finished.is_settled(-100.0, 2), "one place is free");
        finished.add(vec![2], -2.0, 2);
        assert!(!finished.is_settled(-1.0, 2));
        assert!(finished.is_settled(-4.0, 2));
        finished.add(vec![3], -0.5, 2);
        let best: Vec<_> = finished.ended.iter().map(|ended| ended.tokens[0]).collect();
        assert_eq!(best, [3, 1]);
    }
}
