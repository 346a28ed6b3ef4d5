//! A YAML text as values with places. `serde_yaml` says what the values are.

use std::fmt;
use std::rc::Rc;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::layout::{self, Layout, Places};
use crate::problem::{Place, Problem};

/// A value and its place.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) data: Data,
}

/// A value. Maps keep their order, and keys that stand twice.
#[derive(Debug)]
pub(crate) enum Data {
    Null,
    Flag(bool),
    Whole(i128),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: Node,
    pub(crate) value: Node,
}

/// Reads a text.
///
/// # Errors
/// Where it is not YAML, or YAML of a kind that has no use in a matrix: tags, several documents,
/// aliases that multiply, deep nesting.
pub(crate) fn parse(text: &str) -> Result<Node, Problem> {
    let empty = || {
        Problem::error("the matrix is empty")
            .help("begin with `version: 1`, `name` and `videos`; `bench schema` describes every key")
    };
    let layout = layout::read(text)?.ok_or_else(empty)?;
    let deserializer = serde_yaml::Deserializer::from_str(text);
    layout.deserialize(deserializer).map_err(|error| {
        let place = error.location().map(|location| Places::new(text).of_byte(location.index()));
        Problem::error(format!("not valid YAML: {error}")).at(place)
    })
}

impl Node {
    /// The value of a key of a map; the first where it stands twice.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        self.entries().iter().find(|entry| entry.key.text() == Some(key)).map(|entry| &entry.value)
    }

    /// The entries of a map; none for anything else.
    pub(crate) fn entries(&self) -> &[Entry] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// Whether it is a map.
    pub(crate) fn is_map(&self) -> bool {
        matches!(self.data, Data::Map(_))
    }

    /// The elements of a list; none for anything else.
    pub(crate) fn list(&self) -> &[Self] {
        match &self.data {
            Data::List(elements) => elements,
            _ => &[],
        }
    }

    /// The elements of a list, or the one value that stands in its place; none for null.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.data {
            Data::List(elements) => elements,
            Data::Null => &[],
            _ => std::slice::from_ref(self),
        }
    }

    /// The text, if it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, whole or not, if it is one.
    pub(crate) fn number(&self) -> Option<f64> {
        match self.data {
            Data::Whole(whole) => Some(whole as f64),
            Data::Number(number) => Some(number),
            _ => None,
        }
    }
}

impl fmt::Display for Node {
    /// What was found, for a message about what was expected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.data {
            Data::Null => f.write_str("nothing"),
            Data::Flag(flag) => write!(f, "`{flag}`"),
            Data::Whole(whole) => write!(f, "{whole}"),
            Data::Number(number) => write!(f, "{number:?}"),
            Data::Text(text) if text.chars().count() > 60 => {
                write!(f, "the text `{}…`", text.chars().take(60).collect::<String>().escape_debug())
            }
            Data::Text(text) => write!(f, "the text `{}`", text.escape_debug()),
            Data::List(_) => f.write_str("a list"),
            Data::Map(_) => f.write_str("a map"),
        }
    }
}

impl<'de> DeserializeSeed<'de> for &Layout {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        let data = deserializer.deserialize_any(DataVisitor(&self.children))?;
        Ok(Node { place: self.place, data })
    }
}

/// Reads a value whose children have these places.
struct DataVisitor<'l>(&'l [Rc<Layout>]);

/// The two parsers do not see the same structure.
const DISAGREEMENT: &str = "this cannot be told apart reliably; write it in a plainer way";

impl<'de> Visitor<'de> for DataVisitor<'_> {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<Data, E> {
        Ok(Data::Flag(flag))
    }

    fn visit_i64<E: Error>(self, whole: i64) -> Result<Data, E> {
        Ok(Data::Whole(whole.into()))
    }

    fn visit_u64<E: Error>(self, whole: u64) -> Result<Data, E> {
        Ok(Data::Whole(whole.into()))
    }

    fn visit_i128<E: Error>(self, whole: i128) -> Result<Data, E> {
        Ok(Data::Whole(whole))
    }

    fn visit_u128<E: Error>(self, whole: u128) -> Result<Data, E> {
        Ok(Data::Number(whole as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Data, E> {
        Ok(Data::Number(number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Data, E> {
        Ok(Data::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Data, A::Error> {
        let mut list = Vec::with_capacity(self.0.len());
        for layout in self.0 {
            list.push(elements.next_element_seed(&**layout)?.ok_or_else(|| A::Error::custom(DISAGREEMENT))?);
        }
        match elements.next_element::<serde::de::IgnoredAny>()? {
            None => Ok(Data::List(list)),
            Some(_) => Err(A::Error::custom(DISAGREEMENT)),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let mut map = Vec::with_capacity(self.0.len() / 2);
        for pair in self.0.chunks(2) {
            let [key, value] = pair else { return Err(A::Error::custom(DISAGREEMENT)) };
            let key = entries.next_key_seed(&**key)?.ok_or_else(|| A::Error::custom(DISAGREEMENT))?;
            let mut value = entries.next_value_seed(&**value)?;
            // A value that is left out has no place of its own.
            if value.place.start == value.place.end {
                value.place = key.place;
            }
            map.push(Entry { key, value });
        }
        match entries.next_key::<serde::de::IgnoredAny>()? {
            None => Ok(Data::Map(map)),
            Some(_) => Err(A::Error::custom(DISAGREEMENT)),
        }
    }
}
