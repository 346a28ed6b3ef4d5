//! One generation loop for every decoder: greedy search, sampling and beam search as transformers
//! 4.46 defines them (`generation/utils.py`, `generation/beam_search.py`), for one scene or several.

mod beam;
mod processors;
mod sampling;
mod single;

use candle_core::{DType, IndexOp, Tensor};
use reelbench_protocol::{EarlyStopping, Finish, Stage};

use crate::observe::StageObserver;
use beam::BeamSearch;
use processors::Processors;
pub use sampling::Sampling;
use single::SingleSearch;

/// How tokens are chosen. Names and meanings as in transformers.
#[derive(Debug, Clone, PartialEq)]
pub struct Generation {
    /// Beams; 1 is greedy, or sampling.
    pub num_beams: usize,
    /// New tokens at most.
    pub max_new_tokens: usize,
    /// New tokens before an end-of-sequence token is allowed.
    pub min_new_tokens: usize,
    /// Logits of tokens seen before are divided by it, or multiplied where negative.
    pub repetition_penalty: f64,
    /// Exponent of the length that a beam's score is divided by.
    pub length_penalty: f64,
    /// When beam search ends.
    pub early_stopping: EarlyStopping,
    /// Tokens are drawn, where this is given.
    pub sampling: Option<Sampling>,
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
            sampling: None,
            eos: Vec::new(),
        }
    }
}

/// A language model in the middle of its contexts, one for each prompt. The rows of a step continue
/// the contexts: those of the first come first, and a context has a row for each of its beams.
pub trait Decoder {
    /// Adds a context with one row, behind those that there are. Returns the logits after its last
    /// position, of shape (1, vocabulary).
    ///
    /// # Errors
    /// When the prompt, of shape (1, positions, hidden), cannot be computed.
    fn prefill(&mut self, prompt: &Tensor) -> candle_core::Result<Tensor>;

    /// Adds one token to each row. Returns the logits after it, of shape (rows, vocabulary).
    ///
    /// # Errors
    /// When there is not one token for each row, or it cannot be computed.
    fn step(&mut self, tokens: &[u32]) -> candle_core::Result<Tensor>;

    /// Makes row `i` a copy of row `rows[i]`, whose number may differ from that of the rows. Rows of
    /// one context stand together, contexts keep their order, and one without rows ends.
    ///
    /// # Errors
    /// When a row does not exist, or rows of different contexts are mixed.
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
#[derive(Debug, Clone, thiserror::Error)]
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
    #[error("{0}")]
    Model(String),
}

impl From<candle_core::Error> for GenerateError {
    fn from(error: candle_core::Error) -> Self {
        Self::Model(error.to_string())
    }
}

/// Generates from every prompt. A prompt up to its first choice is timed as `prefill`, one after the
/// other; all other tokens as `decode`, together: a prompt's first token is there when its `prefill`
/// ends. Prompts whose sequence has ended leave the steps, and none changes another's tokens.
///
/// # Errors
/// When the settings make no sense or the model fails.
pub fn generate(
    decoder: &mut dyn Decoder,
    prompts: &[Prompt],
    generation: &Generation,
    observer: &mut dyn StageObserver,
) -> Result<Vec<Generated>, GenerateError> {
    generation.check()?;
    let mut searches: Vec<Search<'_>> =
        prompts.iter().map(|prompt| Search::new(generation, prompt)).collect();
    let mut parents = Vec::with_capacity(searches.len());
    for (index, (search, prompt)) in searches.iter_mut().zip(prompts).enumerate() {
        parents.push(observer.time(Stage::Prefill, Some(index), || {
            let logits = decoder.prefill(&prompt.embeddings)?;
            search.advance(&logits, 0, 1)
        })?);
    }
    let scene = (prompts.len() == 1).then_some(0);
    observer.time(Stage::Decode, scene, || {
        let mut rows = vec![1; searches.len()];
        while let Some(selected) = regrouped(&mut rows, &parents) {
            // Greedy search of one scene never changes its row.
            if prompts.len() > 1 || selected != [0] {
                decoder.select_rows(&selected)?;
            }
            let tokens: Vec<u32> = searches.iter().flat_map(Search::last_tokens).collect();
            let logits = decoder.step(&tokens)?;
            let mut first = 0;
            for ((search, rows), parents) in searches.iter_mut().zip(&rows).zip(&mut parents) {
                *parents = if *rows == 0 { Vec::new() } else { search.advance(&logits, first, *rows)? };
                first += rows;
            }
        }
        Ok::<_, GenerateError>(())
    })?;
    Ok(searches.into_iter().map(Search::finish).collect())
}

/// The rows that go on, given how many each search had and which of its own each new one continues;
/// `None` where no search goes on.
fn regrouped(rows: &mut [usize], parents: &[Vec<u32>]) -> Option<Vec<u32>> {
    let mut first = 0;
    let mut selected = Vec::new();
    for (rows, parents) in rows.iter_mut().zip(parents) {
        selected.extend(parents.iter().map(|parent| first + parent));
        first += *rows as u32;
        *rows = parents.len();
    }
    (!selected.is_empty()).then_some(selected)
}

/// One prompt's choice of tokens.
enum Search<'a> {
    Single(SingleSearch<'a>),
    Beams(BeamSearch<'a>),
}

impl<'a> Search<'a> {
    fn new(generation: &'a Generation, prompt: &'a Prompt) -> Self {
        let processors = Processors::new(generation, &prompt.tokens);
        if generation.num_beams == 1 {
            Self::Single(SingleSearch::new(processors))
        } else {
            Self::Beams(BeamSearch::new(processors))
        }
    }

    /// Chooses from `rows` rows of logits from `first` on. Returns which of them each of its next
    /// rows continues: none once it has ended.
    fn advance(&mut self, logits: &Tensor, first: usize, rows: usize) -> Result<Vec<u32>, GenerateError> {
        let length = match self {
            Self::Single(search) => search.length(),
            Self::Beams(search) => search.length(),
        };
        let logits = (first..first + rows).map(|index| row(logits, index, length));
        let logits = logits.collect::<Result<Vec<_>, _>>()?;
        Ok(match self {
            Self::Single(search) => search.advance(logits),
            Self::Beams(search) => search.advance(logits),
        })
    }

    /// The tokens that the next step adds; none once it has ended.
    fn last_tokens(&self) -> Vec<u32> {
        match self {
            Self::Single(search) => search.last_tokens(),
            Self::Beams(search) => search.last_tokens(),
        }
    }

    fn finish(self) -> Generated {
        match self {
            Self::Single(search) => search.finish(),
            Self::Beams(search) => search.finish(),
        }
    }
}

/// One row of the logits that follow `length` new tokens.
fn row(logits: &Tensor, row: usize, length: usize) -> Result<Vec<f32>, GenerateError> {
    let logits: Vec<f32> = logits.i(row)?.to_dtype(DType::F32)?.to_vec1()?;
    if logits.iter().any(|logit| logit.is_nan()) {
        return Err(GenerateError::NotNumbers(length));
    }
    Ok(logits)
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
            let value = self.min_new_tokens.to_string();
            return wrong("min_new_tokens", value, "ask for at most max_new_tokens");
        }
        if !(self.repetition_penalty > 0.0 && self.repetition_penalty.is_finite()) {
            let value = self.repetition_penalty.to_string();
            return wrong("repetition_penalty", value, "use a positive number, 1 for none");
        }
        if !self.length_penalty.is_finite() {
            return wrong("length_penalty", self.length_penalty.to_string(), "use a number, 1 for the mean");
        }
        let Some(Sampling { temperature, top_p, .. }) = self.sampling else { return Ok(()) };
        if self.num_beams > 1 {
            return wrong("num_beams", self.num_beams.to_string(), "sampling draws one sequence; use 1");
        }
        if !(temperature > 0.0 && temperature.is_finite()) {
            return wrong("temperature", temperature.to_string(), "use a positive number");
        }
        if !(top_p > 0.0 && top_p <= 1.0) {
            return wrong("top_p", top_p.to_string(), "use a probability above 0, 1 for every token");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
