//! What dummy weights need besides weights.

use serde_json::{Map, Value, json};
use tokenizers::Tokenizer;

use crate::VlmError;

/// The first token that stands for no byte and no mark of Llama's.
pub(crate) const FIRST_FREE: u32 = 259;

/// A tokenizer made of bytes, in the form of Llama's: it begins with `<s>`, and knows the marks of
/// `own` besides.
///
/// # Errors
/// When one of them is below [`FIRST_FREE`].
pub(crate) fn tokenizer(own: &[(&str, u32)]) -> Result<Tokenizer, VlmError> {
    let special = [&[("<unk>", 0), ("<s>", 1), ("</s>", 2)], own].concat();
    let mut vocabulary: Map<String, Value> =
        special.iter().map(|(text, token)| ((*text).to_owned(), json!(token))).collect();
    vocabulary.extend((0..=255u8).map(|byte| (format!("<0x{byte:02X}>"), json!(u32::from(byte) + 3))));
    let added = special.iter().map(|(text, token)| {
        json!({
            "id": token, "content": text, "single_word": false, "lstrip": false, "rstrip": false,
            "normalized": false, "special": true,
        })
    });
    let added: Vec<Value> = added.collect();
    let begin = json!({"SpecialToken": {"id": "<s>", "type_id": 0}});
    let definition = json!({
        "version": "1.0",
        "added_tokens": added,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [begin, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [begin, {"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "Sequence", "decoders": [{"type": "ByteFallback"}, {"type": "Fuse"}]},
        "model": {
            "type": "BPE", "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true,
            "vocab": vocabulary, "merges": [],
        },
    });
    Tokenizer::from_bytes(definition.to_string()).map_err(VlmError::tokenizer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_comes_back_and_pictures_are_one_token() {
        let tokenizer = tokenizer(&[("<image>", 32_000)]).unwrap();
        let tokens = tokenizer.encode("<image>\nWhat, är?", true).unwrap();
        assert_eq!(tokens.get_ids()[..3], [1, 32_000, u32::from(b'\n') + 3]);
        assert_eq!(tokenizer.decode(tokens.get_ids(), true).unwrap(), "\nWhat, är?");
    }
}
