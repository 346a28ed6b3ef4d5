//! What is said to the model.

use crate::VlmError;
use crate::text::TextLayout;

/// What stands for a picture in a prompt.
pub(crate) const IMAGE: &str = "<image>";

/// What Vicuna was trained to be told before a conversation.
const VICUNA_SYSTEM: &str = "A chat between a curious human and an artificial intelligence assistant. \
    The assistant gives helpful, detailed, and polite answers to the human's questions.";

/// The prompt for `frames` pictures: `given` as it is, or the model's own form around `question`.
///
/// # Errors
/// When it does not hold one `<image>` for every picture.
pub(crate) fn prompt(
    layout: TextLayout,
    frames: usize,
    question: &str,
    given: Option<&str>,
) -> Result<String, VlmError> {
    let images = format!("{IMAGE}\n").repeat(frames);
    let prompt = match (given, layout) {
        (Some(given), _) => given.to_owned(),
        (None, TextLayout::Mistral) => format!("[INST] {images}{question} [/INST]"),
        (None, TextLayout::Llama) => format!("{VICUNA_SYSTEM} USER: {images}{question} ASSISTANT:"),
    };
    let found = prompt.matches(IMAGE).count();
    if found == frames { Ok(prompt) } else { Err(VlmError::PromptImages { found, frames }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layout_has_its_own_form() {
        let mistral = prompt(TextLayout::Mistral, 2, "What?", None).unwrap();
        assert_eq!(mistral, "[INST] <image>\n<image>\nWhat? [/INST]");
        let vicuna = prompt(TextLayout::Llama, 1, "What?", None).unwrap();
        assert!(vicuna.ends_with("human's questions. USER: <image>\nWhat? ASSISTANT:"), "{vicuna}");
    }

    #[test]
    fn a_given_prompt_is_taken_as_it_is_if_it_shows_every_picture() {
        assert_eq!(prompt(TextLayout::Llama, 1, "", Some("<image> So?")).unwrap(), "<image> So?");
        let error = prompt(TextLayout::Llama, 2, "", Some("<image> So?")).unwrap_err();
        assert!(matches!(error, VlmError::PromptImages { found: 1, frames: 2 }));
        assert!(prompt(TextLayout::Mistral, 1, "What is <image>?", None).is_err());
    }
}
