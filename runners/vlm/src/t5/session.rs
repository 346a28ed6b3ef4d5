//! T5 in the middle of its contexts.

use std::borrow::Cow;

use candle_core::{Result, Tensor, bail};
use reelbench_nn::{CacheMode, Decoder, KvCache, rows_by_context};

use super::layers::KeysValues;
use super::model::T5Model;

/// A T5 with its contexts: a prompt is for the encoder, which reads it once; what is decoded begins with
/// the start token.
#[derive(Debug)]
pub(crate) struct T5Session<'a> {
    model: &'a T5Model,
    caches: Vec<KvCache>,
    mode: CacheMode,
    contexts: Vec<Context>,
}

#[derive(Debug)]
struct Context {
    prompt: Prompt,
    /// The tokens of every row, from the start token on. All rows of all contexts are equally long.
    rows: Vec<Vec<u32>>,
}

/// What the decoder looks at.
#[derive(Debug)]
enum Prompt {
    /// What each of its layers makes of what the encoder says.
    Kept(Vec<KeysValues>),
    /// What the encoder says, where every step makes keys and values anew.
    Encoded(Tensor),
}

impl Prompt {
    fn keys_values(&self, model: &T5Model) -> Result<Cow<'_, [KeysValues]>> {
        Ok(match self {
            Self::Kept(keys_values) => Cow::Borrowed(keys_values),
            Self::Encoded(encoded) => Cow::Owned(model.keys_values(encoded)?),
        })
    }
}

impl<'a> T5Session<'a> {
    /// A session without contexts.
    pub(crate) fn new(model: &'a T5Model, mode: CacheMode) -> Self {
        Self { model, caches: model.caches(), mode, contexts: Vec::new() }
    }

    /// Positions of every row.
    fn length(&self) -> usize {
        self.contexts.iter().flat_map(|context| &context.rows).map(Vec::len).next().unwrap_or(1)
    }
}

impl Decoder for T5Session<'_> {
    fn prefill(&mut self, prompt: &Tensor) -> Result<Tensor> {
        if self.length() > 1 {
            bail!("a prompt came after the first step; rows would not be equally long");
        }
        let encoded = self.model.encode(prompt)?;
        let keys_values = self.model.keys_values(&encoded)?;
        let rows = vec![vec![self.model.start()]];
        let caches = (self.mode == CacheMode::On).then_some(self.caches.as_mut_slice());
        let logits = self.model.whole(&rows, &keys_values, caches)?;
        let prompt = match self.mode {
            CacheMode::On => Prompt::Kept(keys_values),
            CacheMode::Off => Prompt::Encoded(encoded),
        };
        self.contexts.push(Context { prompt, rows });
        Ok(logits)
    }

    fn step(&mut self, tokens: &[u32]) -> Result<Tensor> {
        let mut rows: Vec<&mut Vec<u32>> =
            self.contexts.iter_mut().flat_map(|context| &mut context.rows).collect();
        if rows.len() != tokens.len() {
            bail!("{} tokens for {} rows", tokens.len(), rows.len());
        }
        rows.iter_mut().zip(tokens).for_each(|(row, token)| row.push(*token));
        let prompts = self.contexts.iter().map(|context| context.prompt.keys_values(self.model));
        let prompts = prompts.collect::<Result<Vec<_>>>()?;
        let contexts = prompts.iter().map(|prompt| &**prompt).zip(&self.contexts);
        if self.mode == CacheMode::Off {
            let logits = contexts.map(|(prompt, context)| self.model.whole(&context.rows, prompt, None));
            return Tensor::cat(&logits.collect::<Result<Vec<_>>>()?, 0);
        }
        let prompts: Vec<_> = contexts.map(|(prompt, context)| (prompt, context.rows.len())).collect();
        let length = self.length();
        self.model.step(tokens, length, &prompts, &mut self.caches)
    }

    fn select_rows(&mut self, rows: &[u32]) -> Result<()> {
        let counts: Vec<usize> = self.contexts.iter().map(|context| context.rows.len()).collect();
        let rows = rows_by_context(&counts, rows)?;
        for (context, rows) in self.contexts.iter_mut().zip(&rows) {
            let selected = rows.iter().filter_map(|row| context.rows.get(*row as usize).cloned());
            context.rows = selected.collect();
        }
        self.contexts.retain(|context| !context.rows.is_empty());
        self.caches.iter_mut().try_for_each(|cache| cache.select_rows(&rows))
    }
}
