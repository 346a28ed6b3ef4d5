//! `--only EXPR`: which cells of a plan are meant.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use std::str::FromStr;

use reelbench_protocol::{CellId, CellKind, Dtype, EarlyStopping, Family, PlannedCell, Quantization, Work};

use crate::knob::Knob;
use crate::setting::SettingName;
use crate::words::{Closed, offer};

/// Terms between commas or spaces, all of which a cell must meet. `key=value` wants a value, where `*` stands for any part
/// of it and `|` stands between alternatives; `key!=value` wants any other. A cell without such a value, as a stage-1 cell has
/// no model, does not have the value: `=` leaves it out, `!=` does not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Term {
    key: SelectKey,
    wants: Wants,
    patterns: Vec<String>,
}

/// What a term wants of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wants {
    OneOf,
    NoneOf,
}

/// Why a text selects nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// No term at all.
    #[error("the selection is empty: write terms such as `video=sintel,use_cache=true`")]
    Empty,
    /// Not `key=value`.
    #[error("`{0}` is not a term: write key=value or key!=value, such as `model=llava*|phi*`")]
    NotATerm(String),
    /// A key that no cell has.
    #[error("unknown key `{key}`: {help}")]
    UnknownKey {
        /// The key.
        key: String,
        /// The nearest, and all of them.
        help: String,
    },
    /// A value that no cell can have.
    #[error("`{key}` cannot be `{value}`: {help}")]
    ImpossibleValue {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The nearest, and all of them.
        help: String,
    },
}

/// A value of a cell that can be selected by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SelectKey {
    Id,
    Kind,
    Video,
    Model,
    Family,
    Weights,
    Setting(SettingName),
    Knob(Knob),
}

impl Selection {
    /// Whether a cell meets every term.
    pub fn matches(&self, cell: &PlannedCell) -> bool {
        self.terms.iter().all(|term| term.is_met(cell))
    }

    /// Every key that cells can be selected by.
    pub fn keys() -> Vec<&'static str> {
        SelectKey::all().map(SelectKey::as_str).collect()
    }
}

/// The cells meant, in their order, with the stage-1 cells whose scenes they caption and of whose
/// findings they tell.
pub fn with_dependencies(cells: &[PlannedCell], selection: &Selection) -> Vec<PlannedCell> {
    let meant: Vec<bool> = cells.iter().map(|cell| selection.matches(cell)).collect();
    let pairs = || cells.iter().zip(&meant);
    let needed: HashSet<&CellId> =
        pairs().filter(|(_, meant)| **meant).filter_map(|(cell, _)| cell.stage1_from.as_ref()).collect();
    pairs()
        .filter(|(cell, meant)| **meant || needed.contains(&cell.id))
        .map(|(cell, _)| cell.clone())
        .collect()
}

impl FromStr for Selection {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let words = text.split(|c: char| c == ',' || c.is_whitespace()).filter(|word| !word.is_empty());
        let terms = words.map(Term::from_str).collect::<Result<Vec<_>, _>>()?;
        if terms.is_empty() { Err(SelectionError::Empty) } else { Ok(Self { terms }) }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, term) in self.terms.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            let sign = match term.wants {
                Wants::OneOf => "=",
                Wants::NoneOf => "!=",
            };
            write!(f, "{comma}{}{sign}{}", term.key.as_str(), term.patterns.join("|"))?;
        }
        Ok(())
    }
}

impl FromStr for Term {
    type Err = SelectionError;

    fn from_str(text: &str) -> Result<Self, SelectionError> {
        let (name, patterns) = text
            .split_once('=')
            .filter(|(_, patterns)| patterns.split('|').all(|pattern| !pattern.is_empty()))
            .ok_or_else(|| SelectionError::NotATerm(text.to_owned()))?;
        let (name, wants) = match name.strip_suffix('!') {
            Some(name) => (name, Wants::NoneOf),
            None => (name, Wants::OneOf),
        };
        if name.is_empty() {
            return Err(SelectionError::NotATerm(text.to_owned()));
        }
        let key = SelectKey::all().find(|key| key.as_str() == name).ok_or_else(|| {
            let help = offer(name, "valid keys", &Selection::keys());
            SelectionError::UnknownKey { key: name.to_owned(), help }
        })?;
        let patterns = patterns.split('|').map(|pattern| key.pattern(pattern)).collect::<Result<_, _>>()?;
        Ok(Self { key, wants, patterns })
    }
}

impl Term {
    fn is_met(&self, cell: &PlannedCell) -> bool {
        let is_one_of = self
            .key
            .value(cell)
            .is_some_and(|value| self.patterns.iter().any(|pattern| glob(pattern, &value)));
        match self.wants {
            Wants::OneOf => is_one_of,
            Wants::NoneOf => !is_one_of,
        }
    }
}

impl SelectKey {
    fn all() -> impl Iterator<Item = Self> {
        let before = [Self::Id, Self::Kind, Self::Video, Self::Model, Self::Family, Self::Weights];
        let knobs = Knob::ALL.iter().copied().map(Self::Knob);
        before.into_iter().chain(SettingName::ALL.map(Self::Setting)).chain(knobs)
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Kind => "kind",
            Self::Video => "video",
            Self::Model => "model",
            Self::Family => "family",
            Self::Weights => "weights",
            Self::Setting(name) => name.as_str(),
            Self::Knob(knob) => knob.name(),
        }
    }

    /// A pattern in the words of the values, if any can fit it.
    fn pattern(self, text: &str) -> Result<String, SelectionError> {
        let pattern = self.alias(text).unwrap_or(text);
        match self.words() {
            Some(words) if !words.iter().any(|word| glob(pattern, word)) => {
                Err(SelectionError::ImpossibleValue {
                    key: self.as_str(),
                    value: pattern.to_owned(),
                    help: offer(pattern, "valid words", &words),
                })
            }
            _ => Ok(pattern.to_owned()),
        }
    }

    /// The word that an alias stands for.
    fn alias(self, text: &str) -> Option<&'static str> {
        match self {
            Self::Knob(knob) => knob.shape().word_of(text),
            _ => None,
        }
    }

    /// The words that the value can be, where they are few.
    fn words(self) -> Option<Vec<&'static str>> {
        Some(match self {
            Self::Kind => CellKind::words(),
            Self::Family => Family::words(),
            Self::Setting(SettingName::UseCache) => vec!["true", "false"],
            Self::Setting(SettingName::Quantization) => Quantization::words(),
            Self::Setting(SettingName::Dtype) => Dtype::words(),
            Self::Setting(SettingName::EarlyStopping) => {
                EarlyStopping::ALL.iter().map(|choice| choice.as_str()).collect()
            }
            Self::Knob(knob) => return knob.shape().every_text(),
            _ => return None,
        })
    }

    /// The value that a cell has, as it would be written in a matrix.
    fn value(self, cell: &PlannedCell) -> Option<Cow<'_, str>> {
        let caption = match &cell.spec.work {
            Work::Caption(caption) => Some(caption),
            Work::Stage1(_) => None,
        };
        Some(match self {
            Self::Id => cell.id.as_str().into(),
            Self::Kind => cell.spec.kind().as_str().into(),
            Self::Video => cell.spec.video.id.as_str().into(),
            Self::Model => caption?.model.as_str().into(),
            Self::Family => caption?.family.as_str().into(),
            Self::Weights => caption?.weights.to_string().into(),
            Self::Setting(name) => name.of(&caption?.settings)?.to_string().into(),
            Self::Knob(knob) => knob.of(&cell.spec)?.to_string().into(),
        })
    }
}

/// Whether a text is what a pattern says, where `*` stands for any part of it.
fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|start| text.strip_prefix(start)) else { return false };
    let Some(end) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_part() {
        for (pattern, text, expected) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("a*", "ab", true),
            ("*b", "ab", true),
            ("*", "", true),
            ("a*a", "a", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("*ab*", "aab", true),
            ("**", "x", true),
        ] {
            assert_eq!(glob(pattern, text), expected, "{pattern} {text}");
        }
    }

    proptest! {
        /// The definition of a glob, by recursion.
        #[test]
        fn globs_agree_with_their_definition(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            fn defined(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|skip| defined(rest, &text[skip..])),
                    Some((byte, rest)) => text.first() == Some(byte) && defined(rest, &text[1..]),
                }
            }
            prop_assert_eq!(glob(&pattern, &text), defined(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let error = |text: &str| text.parse::<Selection>().unwrap_err().to_string();
        assert!(error(" , ").starts_with("the selection is empty"));
        assert!(error("video").starts_with("`video` is not a term"));
        assert!(error("video=").starts_with("`video=` is not a term"));
        assert!(error("vidoe=a").starts_with("unknown key `vidoe`: did you mean `video`?"));
        assert!(
            error("family=lava-next")
                .starts_with("`family` cannot be `lava-next`: did you mean `llava-next`?")
        );
        assert!(error("use_cache=yes").contains("true, false"));
        for text in ["model=a|", "=a", "!=a", "model!", "model=a||b"] {
            assert_eq!(error(text), SelectionError::NotATerm(text.to_owned()).to_string());
        }
        assert!(error("family=phi3-v|lava-next").starts_with("`family` cannot be `lava-next`"));
        assert!(error("famly!=phi3-v").starts_with("unknown key `famly`: did you mean `family`?"));
    }

    #[test]
    fn a_selection_prints_as_it_is_read() {
        let selection: Selection = "video=a*|b  kind!=stage1,num_beams=1".parse().unwrap();
        assert_eq!(selection.to_string(), "video=a*|b,kind!=stage1,num_beams=1");
        assert_eq!(selection.to_string().parse(), Ok(selection));
    }
}
