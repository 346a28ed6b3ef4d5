//! Whisper's text normalizers, which take out of a comparison what two right transcripts may write differently.
//!
//! The rules are those of `openai/whisper` (`normalizers/basic.py` and `normalizers/english.py`, as of v20240930) with
//! their order and oddities; [`english`] leaves out the table of British spellings, so "colour" is not "color".

mod contractions;
mod decimal;
mod number_words;
mod numbers;
mod words;

use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization::UnicodeNormalization as _;

/// What becomes of accents and other marks on letters in [`basic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diacritics {
    /// They stay: `café`. Compatibility forms are composed (NFKC).
    Keep,
    /// They go: `cafe`, `strasse` for `straße`.
    Remove,
}

/// A pattern that is part of the program.
#[expect(clippy::expect_used, reason = "the patterns are constants, and the tests compile every one")]
pub(crate) fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a pattern that compiles")
}

/// Replaces every match of a pattern of this module.
pub(crate) fn replace(pattern: &Regex, text: &str, with: &str) -> String {
    pattern.replace_all(text, with).into_owned()
}

/// Whisper's normalizer for every language: lower case, no words in brackets, no punctuation or symbols, single spaces.
/// Spaces at the ends stay, as they do there.
pub fn basic(text: &str, diacritics: Diacritics) -> String {
    static SYMBOLS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[\p{M}\p{S}\p{P}]"));
    let text = without_asides(&lower(text));
    let text = match diacritics {
        Diacritics::Keep => replace(&SYMBOLS, &text.nfkc().collect::<String>(), " "),
        Diacritics::Remove => replace(&SYMBOLS, &without_diacritics(&text), " "),
    };
    single_spaces(&text.to_lowercase())
}

/// Whisper's normalizer for English: beyond [`basic`], contractions are written out, fillers dropped, and spelled numbers,
/// amounts of money and percentages written in digits.
pub fn english(text: &str) -> String {
    static THOUSANDS: LazyLock<Regex> = LazyLock::new(|| pattern(r"(\d),(\d)"));
    static FULL_STOPS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\.([^0-9]|$)"));
    // What numbers are written with stays for now.
    static SYMBOLS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[[\p{M}\p{S}\p{P}]--[.%$¢€£]]"));
    static LOOSE_PREFIXES: LazyLock<Regex> = LazyLock::new(|| pattern(r"[.$¢€£]([^0-9])"));
    static LOOSE_PERCENTS: LazyLock<Regex> = LazyLock::new(|| pattern(r"([^0-9])%"));

    let text = contractions::written_out(&without_asides(&lower(text)));
    let text = replace(&THOUSANDS, &text, "$1$2");
    let text = replace(&FULL_STOPS, &text, " $1");
    let text = replace(&SYMBOLS, &without_diacritics(&text), " ");
    let text = numbers::in_digits(&text);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = replace(&LOOSE_PREFIXES, &text, " $1");
    single_spaces(&replace(&LOOSE_PERCENTS, &text, "$1 "))
}

/// Lower case. The four separators among the control characters, which are white space to Python alone, become spaces.
fn lower(text: &str) -> String {
    text.to_lowercase().replace(|c: char| ('\u{1c}'..='\u{1f}').contains(&c), " ")
}

/// Without what stands in brackets: sounds and speakers.
fn without_asides(text: &str) -> String {
    static BRACKETS: LazyLock<Regex> = LazyLock::new(|| pattern(r"[<\[][^>\]]*[>\]]"));
    static PARENTHESES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\([^)]+?\)"));
    replace(&PARENTHESES, &replace(&BRACKETS, text, ""), "")
}

/// Compatibility-decomposed, without marks above and below letters, and with plain letters for those that do not decompose.
fn without_diacritics(text: &str) -> String {
    static MARKS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\p{Mn}"));
    let mut plain = String::with_capacity(text.len());
    for letter in text.nfkd() {
        match letter {
            'œ' => plain.push_str("oe"),
            'Œ' => plain.push_str("OE"),
            'æ' => plain.push_str("ae"),
            'Æ' => plain.push_str("AE"),
            'ß' => plain.push_str("ss"),
            'ẞ' => plain.push_str("SS"),
            'þ' | 'Þ' => plain.push_str("th"),
            'ø' => plain.push('o'),
            'Ø' => plain.push('O'),
            'đ' | 'ð' => plain.push('d'),
            'Đ' | 'Ð' => plain.push('D'),
            'ł' => plain.push('l'),
            'Ł' => plain.push('L'),
            other => plain.push(other),
        }
    }
    replace(&MARKS, &plain, "")
}

fn single_spaces(text: &str) -> String {
    static SPACES: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+"));
    replace(&SPACES, text, " ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_has_a_normal_form(text in "(\\PC|[0-9.$%',]|one |million |point |\\s){0,80}") {
            let english = english(&text);
            prop_assert!(!english.contains("  "), "{english:?}");
            let plain = basic(&text, Diacritics::Remove);
            prop_assert!(!plain.contains("  ") && !plain.contains(','), "{plain:?}");
        }

        #[test]
        fn long_numbers_are_no_trouble(digits in "[0-9]{1,5000}", word in "million|decillionth|hundred|percent") {
            let normal = english(&format!("{digits} {word}"));
            prop_assert!(normal.len() + 1 >= digits.trim_start_matches('0').len());
        }
    }
}
