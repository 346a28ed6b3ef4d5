//! Keys that a runner inherits with its environment and may repeat.

use std::borrow::Cow;
use std::sync::LazyLock;

/// The variables that hold keys of services and of the hub. Runners need them, so they cannot be kept from them.
const VARIABLES: [&str; 3] = ["AZURE_OPENAI_API_KEY", "HF_TOKEN", "OPENAI_API_KEY"];

/// What stands in place of a key.
const MASK: &str = "[key]";

/// Shorter values are not keys, and would be found in any text.
const SHORTEST: usize = 8;

/// Keys of this process's environment, the longest first: one may be the beginning of another.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(|| keys(|name| std::env::var(name).ok()));

/// A runner's words without the keys of our environment.
pub(crate) fn masked(text: &str) -> String {
    without(text, &KEYS)
}

/// The same for what need not be text.
pub(crate) fn masked_bytes(bytes: &[u8]) -> Cow<'_, [u8]> {
    if KEYS.is_empty() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(masked(&String::from_utf8_lossy(bytes)).into_bytes())
}

fn keys(variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let values = VARIABLES.iter().filter_map(|name| variable(name));
    let mut keys: Vec<_> =
        values.map(|value| value.trim().to_owned()).filter(|key| key.len() >= SHORTEST).collect();
    keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
    keys
}

fn without(text: &str, keys: &[String]) -> String {
    keys.iter().fold(text.to_owned(), |text, key| text.replace(key, MASK))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_masked_the_longest_first_and_short_words_are_none() {
        let keys = keys(|name| match name {
            "HF_TOKEN" => Some(" hf_4711471147\n".to_owned()),
            "OPENAI_API_KEY" => Some("hf_47114711471147".to_owned()),
            _ => Some("none".to_owned()),
        });
        let said = without("none: hf_47114711471147, hf_4711471147", &keys);
        assert_eq!(said, "none: [key], [key]");
    }
}
