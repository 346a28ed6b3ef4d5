//! Beam search (transformers 4.46: `GenerationMixin._beam_search`, `BeamSearchScorer`).

use reelbench_protocol::{EarlyStopping, Finish};

use super::processors::Processors;
use super::{Generated, Generation};

/// Sum of the beams that are mere copies of the first before anything was chosen.
const NOT_YET: f32 = -1e9;

/// A sequence that can still grow.
#[derive(Debug, Clone)]
struct Beam {
    tokens: Vec<u32>,
    /// Sum of its tokens' log-probabilities.
    sum: f32,
}

/// A token that a beam could grow by.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    beam: usize,
    token: u32,
    sum: f32,
}

/// A sequence that has ended, without its end-of-sequence token.
#[derive(Debug)]
struct Ended {
    tokens: Vec<u32>,
    score: f64,
    finish: Finish,
}

pub(super) struct BeamSearch<'a> {
    processors: Processors<'a>,
    generation: &'a Generation,
    beams: Vec<Beam>,
    /// At most as many as beams.
    ended: Vec<Ended>,
    done: bool,
}

impl<'a> BeamSearch<'a> {
    pub(super) fn new(processors: Processors<'a>) -> Self {
        let generation = processors.generation;
        let mut beams = vec![Beam { tokens: Vec::new(), sum: NOT_YET }; generation.num_beams];
        if let Some(first) = beams.first_mut() {
            first.sum = 0.0;
        }
        Self { processors, generation, beams, ended: Vec::new(), done: false }
    }

    pub(super) fn length(&self) -> usize {
        self.beams.first().map_or(0, |beam| beam.tokens.len())
    }

    fn goes_on(&self) -> bool {
        !self.done && self.length() < self.generation.max_new_tokens
    }

    pub(super) fn last_tokens(&self) -> Vec<u32> {
        let beams = if self.goes_on() { self.beams.as_slice() } else { &[] };
        beams.iter().filter_map(|beam| beam.tokens.last().copied()).collect()
    }

    pub(super) fn advance(&mut self, logits: Vec<Vec<f32>>) -> Vec<u32> {
        // The prompt is computed once, and every beam starts as a copy of it.
        let copies = if self.length() == 0 { self.beams.len() } else { 1 };
        let rows = logits.into_iter().flat_map(|row| std::iter::repeat_n(row, copies));
        let beams = self.beams.iter().zip(rows);
        let scores: Vec<Vec<f32>> = beams.map(|(beam, logits)| self.scores(logits, &beam.tokens)).collect();
        let mut parents = self.grow(&scores);
        if copies > 1 {
            parents.fill(0);
        }
        if self.goes_on() { parents } else { Vec::new() }
    }

    /// Log-probabilities of the tokens that may follow `tokens`.
    fn scores(&self, mut logits: Vec<f32>, tokens: &[u32]) -> Vec<f32> {
        let max = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f64 = logits.iter().map(|logit| f64::from(logit - max).exp()).sum();
        let log_sum = sum.ln() as f32;
        for logit in &mut logits {
            *logit = *logit - max - log_sum;
        }
        self.processors.apply(&mut logits, tokens);
        logits
    }

    /// Grows every beam by the best tokens, and ends those that an end-of-sequence token follows.
    /// Returns the beam that each new beam has grown from.
    fn grow(&mut self, scores: &[Vec<f32>]) -> Vec<u32> {
        let num_beams = self.beams.len();
        let length = self.length() + 1;
        let candidates = self.best_candidates(scores);
        let best_sum = candidates.first().map_or(f32::NEG_INFINITY, |candidate| candidate.sum);
        let mut grown = Vec::with_capacity(num_beams);
        let mut parents = Vec::with_capacity(num_beams);
        for (rank, candidate) in candidates.into_iter().enumerate() {
            let parent = &self.beams[candidate.beam];
            if self.generation.eos.contains(&candidate.token) {
                if rank < num_beams {
                    let ended = Ended {
                        tokens: parent.tokens.clone(),
                        score: self.score(candidate.sum, length),
                        finish: Finish::Eos,
                    };
                    self.end(ended);
                }
                continue;
            }
            let mut tokens = parent.tokens.clone();
            tokens.push(candidate.token);
            grown.push(Beam { tokens, sum: candidate.sum });
            parents.push(candidate.beam as u32);
            if grown.len() == num_beams {
                break;
            }
        }
        self.beams = grown;
        self.done = self.done || self.cannot_improve(best_sum, length);
        parents
    }

    /// The candidates with the highest sums, best first: enough that beams can go on growing even
    /// if every end-of-sequence token is among them.
    fn best_candidates(&self, scores: &[Vec<f32>]) -> Vec<Candidate> {
        let keep = self.beams.len() * (1 + self.generation.eos.len()).max(2);
        let mut candidates: Vec<Candidate> = Vec::new();
        for (beam, scores) in scores.iter().enumerate() {
            let sum = self.beams[beam].sum;
            candidates.extend((0..).zip(scores).map(|(token, score)| Candidate {
                beam,
                token,
                sum: sum + score,
            }));
        }
        let better = |a: &Candidate, b: &Candidate| b.sum.total_cmp(&a.sum);
        if candidates.len() > keep {
            candidates.select_nth_unstable_by(keep, better);
            candidates.truncate(keep);
        }
        candidates.sort_by(better);
        candidates
    }

    fn score(&self, sum: f32, length: usize) -> f64 {
        f64::from(sum) / (length as f64).powf(self.generation.length_penalty)
    }

    /// Keeps an ended sequence if it is among the best.
    fn end(&mut self, ended: Ended) {
        if self.ended.len() < self.beams.len() {
            self.ended.push(ended);
        } else if let Some(worst) = self.worst()
            && ended.score > self.ended[worst].score
        {
            self.ended.remove(worst);
            self.ended.push(ended);
        }
    }

    fn worst(&self) -> Option<usize> {
        (0..self.ended.len()).min_by(|&a, &b| self.ended[a].score.total_cmp(&self.ended[b].score))
    }

    /// Whether no beam can become better than the worst of the ended sequences, after a step that
    /// made sequences of `length` new tokens, the best with `best_sum`.
    fn cannot_improve(&self, best_sum: f32, length: usize) -> bool {
        let Some(worst) = self.worst().filter(|_| self.ended.len() == self.generation.num_beams) else {
            return false;
        };
        let attainable = match self.generation.early_stopping {
            EarlyStopping::True => return true,
            EarlyStopping::Never if self.generation.length_penalty > 0.0 => {
                self.score(best_sum, self.generation.max_new_tokens)
            }
            EarlyStopping::Never | EarlyStopping::False => self.score(best_sum, length),
        };
        self.ended[worst].score >= attainable
    }

    /// The best sequence of all.
    pub(super) fn finish(mut self) -> Generated {
        if !self.done {
            for Beam { tokens, sum } in self.beams.clone() {
                let score = self.score(sum, tokens.len());
                self.end(Ended { tokens, score, finish: Finish::Length });
            }
        }
        let best = self.ended.into_iter().max_by(|a, b| a.score.total_cmp(&b.score));
        let Ended { mut tokens, finish, .. } =
            best.unwrap_or(Ended { tokens: Vec::new(), score: 0.0, finish: Finish::Length });
        if finish == Finish::Eos {
            tokens.extend(self.generation.eos.first());
        }
        Generated { tokens, finish }
    }
}
