//! One generation loop for every decoder: greedy search and beam search as transformers 4.46
//! defines them (`generation/utils.py`, `generation/beam_search.py`).

mod beam;
mod processors;

use candle_core::{DType, IndexOp, Tensor};
use reelbench_protocol::{EarlyStopping, Finish, Stage};

use crate::kv_cache::CacheMode;
use crate::observe::StageObserver;
use processors::Processors;

/// How tokens are chosen. Names and meanings as in transformers.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Beams; 1 is greedy.
    pub num_beams: usize,
    /// New tokens at most.
    pub max_new_tokens: usize,
    /// New tokens before an end-of-sequence token is allowed.
    pub min_new_tokens: usize,
    /// Logits of tokens seen before are divided by it, or multiplied where negative.
    pub repetition_penalty: f32,
    /// Exponent of the length that a beam's score is divided by.
    pub length_penalty: f64,
    /// When beam search ends.
    pub early_stopping: EarlyStopping,
    /// Tokens that end a sequence. Without any, generation runs to `max_new_tokens`.
    pub eos: Vec<u32>,
}

impl Default for Generation {
    fn default() -> Self {
        Self {
            num_beams: 1,
            max_new_tokens: 256,
            min_new_tokens: 0,
            repetition_penalty: 1.0,
            length_penalty: 1.0,
            early_stopping: EarlyStopping::False,
            eos: Vec::new(),
        }
    }
}

/// A language model in the middle of its context. Rows of the batch are beams.
pub trait Decoder {
    /// Starts over with a prompt of one row, given as `embeddings` of shape (1, positions, hidden).
    /// Returns the logits after its last position, of shape (1, vocabulary).
    ///
    /// # Errors
    /// When the prompt cannot be computed.
    fn prefill(&mut self, embeddings: &Tensor, cache: CacheMode) -> candle_core::Result<Tensor>;

    /// Adds one token to each row. Returns the logits after it, of shape (rows, vocabulary).
    ///
    /// # Errors
    /// When there is not one token for each row, or it cannot be computed.
    fn step(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor>;

    /// Makes row `i` a copy of row `rows[i]`, whose number may differ from that of the rows.
    ///
    /// # Errors
    /// When a row does not exist.
    fn select_rows(&mut self, rows: &[u32]) -> candle_core::Result<()>;
}

/// What a decoder starts from.
#[derive(Debug, Clone)]
pub struct Prompt {
    /// Embeddings of shape (1, positions, hidden).
    pub embeddings: Tensor,
    /// The tokens that `repetition_penalty` counts as seen; empty where only new ones count.
    pub tokens: Vec<u32>,
}

/// What was generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// New tokens, with the end-of-sequence token if there is one.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
}

/// A generation that cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    /// Settings that make no sense.
    #[error("`{setting}` is {value}; {remedy}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// Its value.
        value: String,
        /// What would do.
        remedy: &'static str,
    },
    /// The model gave logits that are not numbers.
    #[error(
        "the logits of new token {0} are not numbers; the weights or the type they are computed in do not hold"
    )]
    NotNumbers(usize),
    /// The model failed.
    #[error(transparent)]
    Model(#[from] candle_core::Error),
}

/// Generates from `prompt`. The prompt up to the first choice is timed as `prefill`, all other
/// tokens as `decode`: the first token is there when `prefill` ends.
///
/// # Errors
/// When the settings make no sense or the model fails.
pub fn generate(
    decoder: &mut dyn Decoder,
    prompt: &Prompt,
    generation: &Generation,
    cache: CacheMode,
    observer: &mut dyn StageObserver,
) -> Result<Generated, GenerateError> {
    generation.check()?;
    let processors = Processors::new(generation, &prompt.tokens);
    if generation.num_beams == 1 {
        greedy(decoder, prompt, &processors, cache, observer)
    } else {
        beam::search(decoder, prompt, &processors, cache, observer)
    }
}

impl Generation {
    fn check(&self) -> Result<(), GenerateError> {
        let wrong = |setting, value: String, remedy| Err(GenerateError::Setting { setting, value, remedy });
        if self.num_beams == 0 {
            return wrong("num_beams", "0".to_owned(), "use 1 for greedy search");
        }
        if self.max_new_tokens == 0 {
            return wrong("max_new_tokens", "0".to_owned(), "ask for at least 1 token");
        }
        if self.min_new_tokens > self.max_new_tokens {
            return wrong(
                "min_new_tokens",
                self.min_new_tokens.to_string(),
                "ask for at most max_new_tokens",
            );
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            return wrong(
                "repetition_penalty",
                self.repetition_penalty.to_string(),
                "use a positive number, 1 for none",
            );
        }
        if !self.length_penalty.is_finite() {
            return wrong("length_penalty", self.length_penalty.to_string(), "use a number, 1 for the mean");
        }
        Ok(())
    }
}

fn greedy(
    decoder: &mut dyn Decoder,
    prompt: &Prompt,
    processors: &Processors<'_>,
    cache: CacheMode,
    observer: &mut dyn StageObserver,
) -> Result<Generated, GenerateError> {
    let generation = processors.generation;
    let choose = |logits: Tensor, tokens: &[u32]| -> Result<u32, GenerateError> {
        let mut logits = row(&logits, 0, tokens.len())?;
        processors.apply(&mut logits, tokens);
        Ok(largest(&logits))
    };
    let mut tokens = Vec::with_capacity(generation.max_new_tokens);
    let first = observer.time(Stage::Prefill, || choose(decoder.prefill(&prompt.embeddings, cache)?, &[]))?;
    tokens.push(first);
    let finish = observer.time(Stage::Decode, || {
        let mut last = first;
        loop {
            if generation.eos.contains(&last) {
                return Ok::<_, GenerateError>(Finish::Eos);
            }
            if tokens.len() == generation.max_new_tokens {
                return Ok(Finish::Length);
            }
            last = choose(decoder.step(&[last])?, &tokens)?;
            tokens.push(last);
        }
    })?;
    Ok(Generated { tokens, finish })
}

/// One row of the logits that follow `length` new tokens.
fn row(logits: &Tensor, row: usize, length: usize) -> Result<Vec<f32>, GenerateError> {
    let logits: Vec<f32> = logits.i(row)?.to_dtype(DType::F32)?.to_vec1()?;
    if logits.iter().any(|logit| logit.is_nan()) {
        return Err(GenerateError::NotNumbers(length));
    }
    Ok(logits)
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

#[cfg(test)]
mod tests;
