//! Tokens as vectors.

use candle_core::{Result, Tensor, bail};

/// Rows of `table`, of shape (vocabulary, hidden), for `tokens`: (tokens, hidden).
///
/// # Errors
/// When a token is not in the vocabulary.
pub(crate) fn embed(table: &Tensor, tokens: &[u32]) -> Result<Tensor> {
    let vocabulary = table.dim(0)?;
    if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
        bail!("token {token} is not among the model's {vocabulary}; the tokenizer belongs to another model");
    }
    table.index_select(&Tensor::new(tokens, table.device())?, 0)
}
