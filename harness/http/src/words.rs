//! What may be said of an error.

use std::error::Error;

/// Most characters of a service's own words.
const MESSAGE_CHARS: usize = 300;

/// An error with its causes, from the outside in.
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.ends_with(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

/// A service's words, cut where they are too many for an error.
pub fn shortened(message: &str) -> String {
    match message.char_indices().nth(MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut_at_a_character() {
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ä".repeat(301)), format!("{}…", "ä".repeat(300)));
    }

    #[test]
    fn causes_follow_and_are_not_said_twice() {
        #[derive(Debug, thiserror::Error)]
        #[error("outside")]
        struct Outside(#[source] std::io::Error);
        let error = Outside(std::io::Error::other("inside"));
        assert_eq!(chain(&error), "outside: inside");
        assert_eq!(chain(&std::io::Error::other("alone")), "alone");
    }
}
