//! Which token may come next.
//!
//! Source of the rules: `SuppressTokensLogitsProcessor`, `SuppressTokensAtBeginLogitsProcessor` and
//! `WhisperTimeStampLogitsProcessor` of transformers 4.46.3 (`logits_process.py`), in this order.

use reelbench_nn::vector;

use crate::config::GenerationConfig;

/// Whether times are predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Timestamps {
    /// Text between timestamps; long audio is moved through by them.
    #[default]
    On,
    /// Text only; long audio is moved through in windows of 30 s.
    Off,
}

/// How many tokens a window gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Length {
    /// As many as come before the end of text.
    UntilEndOfText,
    /// This many, without an end of text.
    Exactly(usize),
}

/// The rules of one transcription.
#[derive(Debug)]
pub(crate) struct TokenRules {
    never: Vec<u32>,
    not_first: Vec<u32>,
    timestamps: Timestamps,
    end_of_text: u32,
    no_timestamps: u32,
    max_initial_timestamp_index: Option<u32>,
}

impl TokenRules {
    pub(crate) fn new(config: &GenerationConfig, timestamps: Timestamps, length: Length) -> Self {
        let mut never = config.suppress_tokens.clone().unwrap_or_default();
        if let Length::Exactly(_) = length {
            never.push(config.eos_token_id);
        }
        Self {
            never,
            not_first: config.begin_suppress_tokens.clone().unwrap_or_default(),
            timestamps,
            end_of_text: config.eos_token_id,
            no_timestamps: config.no_timestamps_token_id,
            max_initial_timestamp_index: config.max_initial_timestamp_index,
        }
    }

    /// Sets the logit of every token that must not follow `tokens`, the ones after the prompt, to −∞.
    /// `logits` may be shifted by a constant, as log-probabilities are.
    pub(crate) fn apply(&self, logits: &mut [f32], tokens: &[u32]) {
        if tokens.is_empty() {
            suppress(logits, &self.not_first);
        }
        suppress(logits, &self.never);
        if self.timestamps == Timestamps::On {
            self.apply_timestamp_rules(logits, tokens);
        }
    }

    fn apply_timestamp_rules(&self, logits: &mut [f32], tokens: &[u32]) {
        let begin = self.no_timestamps + 1;
        suppress(logits, &[self.no_timestamps]);
        let is_timestamp = |token: &u32| *token >= begin;
        let last_is_timestamp = tokens.last().is_some_and(is_timestamp);
        // With fewer than two tokens, the one before counts as a timestamp.
        let penultimate_is_timestamp = tokens.iter().rev().nth(1).is_none_or(is_timestamp);
        if last_is_timestamp && penultimate_is_timestamp {
            forbid(&mut logits[begin as usize..]);
        } else if last_is_timestamp {
            forbid(&mut logits[..self.end_of_text as usize]);
        }
        if let Some(&latest) = tokens.iter().rev().find(|token| is_timestamp(token)) {
            // The end of one segment may be the start of the next; otherwise time moves on.
            let ends_segment = last_is_timestamp && !penultimate_is_timestamp;
            let earliest = if ends_segment { latest } else { latest + 1 } as usize;
            let until = earliest.min(logits.len());
            forbid(&mut logits[begin as usize..until]);
        }
        if tokens.is_empty() {
            forbid(&mut logits[..begin as usize]);
            if let Some(index) = self.max_initial_timestamp_index {
                let first_too_late = ((begin + index) as usize + 1).min(logits.len());
                forbid(&mut logits[first_too_late..]);
            }
        }
        let (text, times) = logits.split_at_mut(begin as usize);
        if vector::log_sum_exp(times) > vector::max(text) {
            forbid(text);
        }
    }
}

fn forbid(logits: &mut [f32]) {
    logits.fill(f32::NEG_INFINITY);
}

fn suppress(logits: &mut [f32], tokens: &[u32]) {
    for &token in tokens {
        if let Some(logit) = logits.get_mut(token as usize) {
            *logit = f32::NEG_INFINITY;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Text 0..=5, end of text 6, start 7, no timestamps 8, timestamps 9..=14.
    const BEGIN: u32 = 9;
    const SIZE: usize = 15;

    fn rules(timestamps: Timestamps, length: Length) -> TokenRules {
        let config = GenerationConfig {
            decoder_start_token_id: 7,
            eos_token_id: 6,
            no_timestamps_token_id: 8,
            max_length: 448,
            suppress_tokens: Some(vec![2, 7]),
            begin_suppress_tokens: Some(vec![6]),
            max_initial_timestamp_index: Some(2),
            is_multilingual: false,
            lang_to_id: BTreeMap::new(),
            task_to_id: BTreeMap::new(),
        };
        TokenRules::new(&config, timestamps, length)
    }

    /// The tokens allowed after `tokens` where text is far more likely than time.
    fn allowed(tokens: &[u32]) -> Vec<u32> {
        let mut logits = [0.0; SIZE];
        logits[..BEGIN as usize].fill(10.0);
        rules(Timestamps::On, Length::UntilEndOfText).apply(&mut logits, tokens);
        (0..SIZE as u32).filter(|&token| logits[token as usize] > f32::NEG_INFINITY).collect()
    }

    #[test]
    fn the_first_token_is_an_early_timestamp() {
        assert_eq!(allowed(&[]), [9, 10, 11]);
    }

    #[test]
    fn after_the_first_timestamp_comes_text_or_the_end_and_not_a_second_timestamp() {
        assert_eq!(allowed(&[9]), [0, 1, 3, 4, 5, 6]);
    }

    #[test]
    fn after_text_comes_text_or_a_later_timestamp() {
        assert_eq!(allowed(&[10, 0]), [0, 1, 3, 4, 5, 6, 11, 12, 13, 14]);
    }

    #[test]
    fn after_a_closing_timestamp_comes_one_as_late_or_the_end() {
        assert_eq!(allowed(&[9, 0, 12]), [6, 12, 13, 14]);
    }

    #[test]
    fn after_a_pair_of_timestamps_comes_text_or_the_end() {
        assert_eq!(allowed(&[9, 0, 12, 12]), [0, 1, 3, 4, 5, 6]);
    }

    #[test]
    fn nothing_is_later_than_the_last_timestamp() {
        assert_eq!(allowed(&[9, 0, 14, 14, 1]), [0, 1, 3, 4, 5, 6]);
    }

    #[test]
    fn timestamps_win_when_together_they_are_likelier_than_any_text() {
        let mut logits = [0.0; SIZE];
        logits[3] = 1.0;
        // Four timestamps are left: log 4 > 1.
        rules(Timestamps::On, Length::UntilEndOfText).apply(&mut logits, &[10, 0]);
        assert!(logits[..BEGIN as usize].iter().all(|&logit| logit < f32::MIN));
        let mut logits = [0.0; SIZE];
        logits[3] = 1.5;
        rules(Timestamps::On, Length::UntilEndOfText).apply(&mut logits, &[10, 0]);
        assert!(logits[3] > f32::NEG_INFINITY);
    }

    #[test]
    fn without_timestamps_only_the_lists_count() {
        let mut logits = [0.0; SIZE];
        rules(Timestamps::Off, Length::UntilEndOfText).apply(&mut logits, &[]);
        let forbidden: Vec<usize> = (0..SIZE).filter(|&i| logits[i] < f32::MIN).collect();
        assert_eq!(forbidden, [2, 6, 7]);
    }

    #[test]
    fn an_exact_length_has_no_end_of_text() {
        let mut logits = [0.0; SIZE];
        rules(Timestamps::Off, Length::Exactly(3)).apply(&mut logits, &[0]);
        assert!(logits[6] < f32::MIN);
    }
}
