//! Replacing words and their ends where Python sees them begin and end.

use std::sync::LazyLock;

use regex::Regex;

use super::pattern;

/// Where a replaced piece of text may begin.
#[derive(Clone, Copy)]
pub(super) enum Start {
    OfWord,
    Anywhere,
}

/// The text with every occurrence of `piece` that ends a word replaced.
pub(super) fn replaced(text: &str, piece: &str, with: &str, start: Start) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = 0;
    for (place, _) in text.match_indices(piece) {
        let (before, after) = (&text[..place], &text[place + piece.len()..]);
        let starts = matches!(start, Start::Anywhere) || !before.chars().next_back().is_some_and(in_word);
        if starts && !after.chars().next().is_some_and(in_word) {
            result.push_str(&text[rest..place]);
            result.push_str(with);
            rest = place + piece.len();
        }
    }
    result.push_str(&text[rest..]);
    result
}

/// Whether Python counts a character to a word: letters, numbers of all kinds and `_`, but no combining marks, which
/// `regex` and Unicode's own definition count as well.
fn in_word(c: char) -> bool {
    static OTHER: LazyLock<Regex> = LazyLock::new(|| pattern(r"^[\p{L}\p{N}]"));
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    OTHER.is_match(c.encode_utf8(&mut [0; 4]))
}
