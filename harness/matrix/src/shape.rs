//! What a value may look like, as data: the reader checks by it and the JSON schema is made from it.

use crate::words::Closed;

/// What a value may look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// `true` or `false`.
    Flag,
    /// `true`, `false` or a word.
    FlagOr(&'static str),
    /// A whole number.
    Count { least: u64, most: u64 },
    /// A whole number or a word.
    CountOr { least: u64, most: u64, word: &'static str },
    /// A number.
    Number { least: f64, most: f64 },
    /// A text; the pattern is for the schema, the type that the text is parsed into decides.
    Text { pattern: Option<&'static str>, such_as: Option<&'static str> },
    /// A word of a closed list. An alias is another word for one of them.
    Word {
        words: fn() -> Vec<&'static str>,
        aliases: &'static [(&'static str, &'static str)],
        /// Words with a meaning that this version does not give them.
        unavailable: &'static [&'static str],
    },
    /// Null or the other.
    OrNull(&'static Self),
    /// One value, or a list of different ones: an axis of the matrix.
    Axis(&'static Self),
    /// A list.
    List { of: &'static Self, least: usize },
    /// A map with known keys.
    Map(&'static Keys),
}

/// The keys of a map.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) known: &'static [Key],
    /// Keys that one may look for here, and what to do instead.
    pub(crate) elsewhere: &'static [(&'static str, &'static str)],
}

/// A key of a map.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// For the schema: meaning, unit, default.
    pub(crate) about: &'static str,
    pub(crate) shape: Shape,
    pub(crate) presence: Presence,
}

/// Whether a map needs a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
}

impl Key {
    pub(crate) const fn required(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, about, shape, presence: Presence::Required }
    }

    pub(crate) const fn optional(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, about, shape, presence: Presence::Optional }
    }
}

impl Keys {
    /// Keys that nobody looks for elsewhere.
    pub(crate) const fn new(known: &'static [Key]) -> Self {
        Self { known, elsewhere: &[] }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Key> {
        self.known.iter().find(|key| key.name == name)
    }

    pub(crate) fn names(&self) -> Vec<&'static str> {
        self.known.iter().map(|key| key.name).collect()
    }
}

impl Shape {
    /// Any text.
    pub(crate) const TEXT: Self = Self::Text { pattern: None, such_as: None };

    /// A text of a form.
    pub(crate) const fn pattern(pattern: &'static str) -> Self {
        Self::Text { pattern: Some(pattern), such_as: None }
    }

    /// A whole number of at least 1.
    pub(crate) const fn up_to(most: u64) -> Self {
        Self::Count { least: 1, most }
    }

    /// A word of a type.
    pub(crate) const fn word<T: Closed>() -> Self {
        Self::Word { words: T::words, aliases: &[], unavailable: &[] }
    }

    /// The word that `text` is, or stands for.
    pub(crate) fn word_of(&self, text: &str) -> Option<&'static str> {
        let Self::Word { words, aliases, .. } = self else { return None };
        let alias = aliases.iter().find(|(alias, _)| *alias == text);
        alias.map(|(_, word)| *word).or_else(|| words().into_iter().find(|word| *word == text))
    }

    /// Every text that one of its values can be, where they are few.
    pub(crate) fn every_text(&self) -> Option<Vec<&'static str>> {
        match self {
            Self::Flag => Some(vec!["true", "false"]),
            Self::FlagOr(word) => Some(vec!["true", "false", word]),
            Self::Word { words, .. } => Some(words()),
            _ => None,
        }
    }

    /// What is expected, to follow "must be".
    pub(crate) fn expected(&self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::FlagOr(word) => format!("true, false or {word}"),
            Self::Count { least, most } if least == most => least.to_string(),
            Self::Count { least, most } if *most == u64::MAX => format!("a whole number from {least}"),
            Self::Count { least, most } => format!("a whole number from {least} to {most}"),
            Self::CountOr { least, most, word } => {
                format!("{} or {word}", Self::Count { least: *least, most: *most }.expected())
            }
            Self::Number { least, most } => format!("a number from {least} to {most}"),
            Self::Text { such_as: Some(example), .. } => format!("a text such as `{example}`"),
            Self::Text { such_as: None, .. } => "a text".to_owned(),
            Self::Word { words, .. } => format!("one of {}", words().join(", ")),
            Self::OrNull(shape) => format!("null or {}", shape.expected()),
            Self::Axis(shape) => format!("{}, or a list of such values", shape.expected()),
            Self::List { .. } => "a list".to_owned(),
            Self::Map(keys) => format!("a map with keys among {}", keys.names().join(", ")),
        }
    }
}
