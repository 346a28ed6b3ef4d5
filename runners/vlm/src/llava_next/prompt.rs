//! What is said to the model.

use crate::VlmError;

/// What stands for a picture in a prompt.
pub(crate) const IMAGE: &str = "<image>";

/// What is put around a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PromptForm {
    Mistral,
    Vicuna,
}

/// What Vicuna was trained to be told before a conversation.
const VICUNA_SYSTEM: &str = "A chat between a curious human and an artificial intelligence assistant. \
    The assistant gives helpful, detailed, and polite answers to the human's questions.";

/// The prompt for `frames` pictures: `given` as it is, or the model's own form around `question`.
///
/// # Errors
/// When it does not hold one `<image>` for every picture.
pub(crate) fn prompt(
    form: PromptForm,
    frames: usize,
    question: &str,
    given: Option<&str>,
) -> Result<String, VlmError> {
    let images = format!("{IMAGE}\n").repeat(frames);
    let prompt = match (given, form) {
        (Some(given), _) => given.to_owned(),
        (None, PromptForm::Mistral) => format!("[INST] {images}{question} [/INST]"),
        (None, PromptForm::Vicuna) => format!("{VICUNA_SYSTEM} USER: {images}{question} ASSISTANT:"),
    };
    let found = prompt.matches(IMAGE).count();
    if found == frames { Ok(prompt) } else { Err(VlmError::PromptImages { found, frames }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_model_has_its_own_form() {
        let mistral = prompt(PromptForm::Mistral, 2, "What?", None).unwrap();
        assert_eq!(mistral, "[INST] <image>\n<image>\nWhat? [/INST]");
        let vicuna = prompt(PromptForm::Vicuna, 1, "What?", None).unwrap();
        assert!(vicuna.ends_with("human's questions. USER: <image>\nWhat? ASSISTANT:"), "{vicuna}");
    }

    #[test]
    fn a_given_prompt_is_taken_as_it_is_if_it_shows_every_picture() {
        assert_eq!(prompt(PromptForm::Vicuna, 1, "", Some("<image> So?")).unwrap(), "<image> So?");
        let error = prompt(PromptForm::Vicuna, 2, "", Some("<image> So?")).unwrap_err();
        assert!(matches!(error, VlmError::PromptImages { found: 1, frames: 2 }));
        assert!(prompt(PromptForm::Mistral, 1, "What is <image>?", None).is_err());
    }
}
