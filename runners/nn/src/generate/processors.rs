//! What is done to logits before a token is chosen.

use super::Generation;

/// The settings that change logits, in transformers' order.
pub(super) struct Processors<'a> {
    pub(super) generation: &'a Generation,
    prompt: &'a [u32],
}

impl<'a> Processors<'a> {
    pub(super) fn new(generation: &'a Generation, prompt: &'a [u32]) -> Self {
        Self { generation, prompt }
    }

    /// Changes the logits, or log-probabilities, that follow the new tokens `tokens`.
    pub(super) fn apply(&self, logits: &mut [f32], tokens: &[u32]) {
        let penalty = self.generation.repetition_penalty as f32;
        #[expect(clippy::float_cmp, reason = "exactly 1 is how a setting says that there is no penalty")]
        if penalty != 1.0 {
            self.penalize(logits, tokens, penalty);
        }
        if tokens.len() < self.generation.min_new_tokens {
            for &eos in &self.generation.eos {
                if let Some(logit) = logits.get_mut(eos as usize) {
                    *logit = f32::NEG_INFINITY;
                }
            }
        }
    }

    /// Keskar et al.: "CTRL", 2019. A token counts once, however often it was seen.
    fn penalize(&self, logits: &mut [f32], tokens: &[u32], penalty: f32) {
        let mut seen: Vec<u32> = self.prompt.iter().chain(tokens).copied().collect();
        seen.sort_unstable();
        seen.dedup();
        for token in seen {
            if let Some(logit) = logits.get_mut(token as usize) {
                *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
            }
        }
    }
}
