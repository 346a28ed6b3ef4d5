//! Tokens as vectors.

use candle_core::{Result, Tensor, bail};

/// Rows of `table`, of shape (vocabulary, hidden), for `tokens`: (tokens, hidden).
///
/// # Errors
/// When there are no tokens, or one is not in the vocabulary.
pub(crate) fn embed(table: &Tensor, tokens: &[u32]) -> Result<Tensor> {
    let vocabulary = table.dim(0)?;
    if tokens.is_empty() {
        bail!("the tokenizer makes no token of the text, so that there is nothing to begin with");
    }
    if let Some(token) = tokens.iter().find(|token| **token as usize >= vocabulary) {
        bail!("token {token} is not among the model's {vocabulary}; the tokenizer belongs to another model");
    }
    table.index_select(&Tensor::new(tokens, table.device())?, 0)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn tokens_are_rows_and_others_are_errors() {
        let table = Tensor::new(&[[0f32, 1.0], [2.0, 3.0], [4.0, 5.0]], &Device::Cpu).unwrap();
        let rows = embed(&table, &[2, 0]).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(rows, [[4.0, 5.0], [0.0, 1.0]]);
        assert!(embed(&table, &[3]).unwrap_err().to_string().contains("token 3 is not among the model's 3"));
        assert!(embed(&table, &[]).is_err());
    }
}
