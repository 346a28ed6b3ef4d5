//! One sequence at a time: the likeliest token, or one that is drawn.

use reelbench_protocol::Finish;

use super::Generated;
use super::processors::Processors;
use super::sampling::Draw;

pub(super) struct SingleSearch<'a> {
    processors: Processors<'a>,
    draw: Option<Draw>,
    tokens: Vec<u32>,
    finish: Option<Finish>,
}

impl<'a> SingleSearch<'a> {
    pub(super) fn new(processors: Processors<'a>) -> Self {
        let draw = processors.generation.sampling.map(Draw::new);
        Self { processors, draw, tokens: Vec::new(), finish: None }
    }

    pub(super) fn length(&self) -> usize {
        self.tokens.len()
    }

    pub(super) fn last_tokens(&self) -> Vec<u32> {
        let goes_on = self.finish.is_none();
        self.tokens.last().copied().filter(|_| goes_on).into_iter().collect()
    }

    pub(super) fn advance(&mut self, logits: Vec<Vec<f32>>) -> Vec<u32> {
        let Some(mut logits) = logits.into_iter().next() else { return Vec::new() };
        self.processors.apply(&mut logits, &self.tokens);
        let token = match &mut self.draw {
            Some(draw) => draw.token(&logits),
            None => largest(&logits),
        };
        self.tokens.push(token);
        let generation = self.processors.generation;
        if generation.eos.contains(&token) {
            self.finish = Some(Finish::Eos);
        } else if self.tokens.len() == generation.max_new_tokens {
            self.finish = Some(Finish::Length);
        }
        if self.finish.is_some() { Vec::new() } else { vec![0] }
    }

    pub(super) fn finish(self) -> Generated {
        Generated { tokens: self.tokens, finish: self.finish.unwrap_or(Finish::Length) }
    }
}

/// The first of the largest values.
fn largest(logits: &[f32]) -> u32 {
    let mut best = (0, f32::NEG_INFINITY);
    for (token, &logit) in (0..).zip(logits) {
        if logit > best.1 {
            best = (token, logit);
        }
    }
    best.0
}
