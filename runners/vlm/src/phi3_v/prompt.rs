//! What is said to the model.

use crate::VlmError;

/// Marks of the form, each a token of its own.
pub(super) const MARKS: [&str; 3] = ["<|user|>", "<|end|>", "<|assistant|>"];

/// What a mark for a picture begins and ends with; its number, counted from 1, is between.
const IMAGE: [&str; 2] = ["<|image_", "|>"];

/// The prompt for `frames` pictures: `given` as it is, or the model's own form around `question`.
pub(super) fn prompt(frames: usize, question: &str, given: Option<&str>) -> String {
    let [begin, end] = IMAGE;
    let [user, end_of_turn, assistant] = MARKS;
    given.map_or_else(
        || {
            let images: Vec<String> = (1..=frames).map(|number| format!("{begin}{number}{end}\n")).collect();
            format!("{user}\n{}{question}{end_of_turn}\n{assistant}\n", images.concat())
        },
        str::to_owned,
    )
}

/// What stands before, between and after the pictures of a prompt for `frames` of them.
///
/// The published processor lets marks repeat and change places, and then shows the wrong pictures in
/// them; here that is an error.
///
/// # Errors
/// When the marks are not those of pictures 1 to `frames`, in order.
pub(super) fn chunks(prompt: &str, frames: usize) -> Result<Vec<&str>, VlmError> {
    let (mut chunks, mut marks) = (Vec::new(), Vec::new());
    let (mut begin, mut from) = (0, 0);
    while let Some(found) = prompt[from..].find(IMAGE[0]) {
        let mark = from + found;
        match number(&prompt[mark..]) {
            Some(number) => {
                chunks.push(&prompt[begin..mark]);
                marks.push(number);
                begin = mark + IMAGE[0].len() + number.len() + IMAGE[1].len();
                from = begin;
            }
            None => from = mark + IMAGE[0].len(),
        }
    }
    chunks.push(&prompt[begin..]);
    if marks.len() == frames && marks.iter().zip(1..).all(|(mark, number)| mark.parse() == Ok(number)) {
        return Ok(chunks);
    }
    let [begin, end] = IMAGE;
    let marks: Vec<String> = marks.iter().map(|number| format!("{begin}{number}{end}")).collect();
    let found = if marks.is_empty() { "no picture".to_owned() } else { marks.join(", ") };
    Err(VlmError::PromptMarks { found, frames })
}

/// The number in the mark that a text begins with, if it is one.
fn number(mark: &str) -> Option<&str> {
    let rest = mark.strip_prefix(IMAGE[0])?;
    let digits = rest.find(|other: char| !other.is_ascii_digit())?;
    (digits > 0 && rest[digits..].starts_with(IMAGE[1])).then_some(&rest[..digits])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_shows_every_picture_before_the_question() {
        let prompt = prompt(2, "What?", None);
        assert_eq!(prompt, "<|user|>\n<|image_1|>\n<|image_2|>\nWhat?<|end|>\n<|assistant|>\n");
        assert_eq!(chunks(&prompt, 2).unwrap(), ["<|user|>\n", "\n", "\nWhat?<|end|>\n<|assistant|>\n"]);
    }

    #[test]
    fn marks_may_stand_anywhere_and_what_only_looks_like_one_is_text() {
        let given = "<|image_1|><|image_|><|image_x|> <|image_<|image_2|>";
        assert_eq!(prompt(2, "", Some(given)), given);
        assert_eq!(chunks(given, 2).unwrap(), ["", "<|image_|><|image_x|> <|image_", ""]);
    }

    #[test]
    fn missing_repeated_and_misplaced_pictures_are_errors_that_tell_what_was_found() {
        for (given, frames, found) in [
            ("no mark", 1, "no picture"),
            ("<|image_1|>", 2, "<|image_1|>"),
            ("<|image_2|> <|image_1|>", 2, "<|image_2|>, <|image_1|>"),
            ("<|image_1|> <|image_1|>", 2, "<|image_1|>, <|image_1|>"),
            ("<|image_1|> <|image_2|>", 1, "<|image_1|>, <|image_2|>"),
            ("<|image_0|>", 1, "<|image_0|>"),
            ("<|image_99999999999999999999999|>", 1, "<|image_99999999999999999999999|>"),
        ] {
            let error = chunks(given, frames).unwrap_err().to_string();
            assert!(error.contains(&format!("shows {found};")), "{error}");
        }
    }
}
