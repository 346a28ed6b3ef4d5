//! From tokens to text.

use tokenizers::Tokenizer;

use crate::error::AsrError;

/// A vocabulary.
#[derive(Debug)]
pub(crate) enum Vocabulary {
    /// A checkpoint's.
    Checkpoint(Box<Tokenizer>),
    /// One printable character per token, for weights that have nothing to say.
    Printable,
}

impl Vocabulary {
    /// The text of the tokens below `end_of_text`; the others have no text.
    pub(crate) fn text(&self, tokens: &[u32], end_of_text: u32) -> Result<String, AsrError> {
        let tokens: Vec<u32> = tokens.iter().copied().filter(|&token| token < end_of_text).collect();
        match self {
            Self::Checkpoint(tokenizer) => {
                tokenizer.decode(&tokens, true).map_err(|error| AsrError::Text { reason: error.to_string() })
            }
            Self::Printable => Ok(tokens.into_iter().map(printable).collect()),
        }
    }
}

/// One of the 95 printable characters of ASCII.
fn printable(token: u32) -> char {
    char::from(b' ' + (token % 95) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dummy_text_has_a_character_per_text_token() {
        let text = Vocabulary::Printable.text(&[33, 0, 94, 95, 50_000, 50_400], 50_256).unwrap();
        assert_eq!(text, "A ~ >");
    }
}
