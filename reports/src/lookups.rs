//! What a template asked for, so that a name that does not exist can be told from those that do.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr, ValueKind};
use reelbench_protocol::nearest;

/// More names than these are not listed.
const LISTED: usize = 40;

/// The data of a template, and the lookups in it that led nowhere.
#[derive(Debug, Default, Clone)]
pub(crate) struct Lookups(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    /// The last name or number that was not there.
    missing: Option<DeadEnd>,
    /// The last value that was neither map nor list.
    leaf: Option<DeadEnd>,
}

/// A lookup that led nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeadEnd {
    /// A map that does not have the key.
    NoKey {
        /// The map, as a template would write it; empty for the names of the report itself.
        map: String,
        /// What was asked of it.
        key: String,
        /// What it has.
        keys: Vec<String>,
    },
    /// A list without such an entry.
    NoEntry {
        /// The list, as a template would write it.
        list: String,
        /// What was asked of it.
        entry: String,
        /// How many entries it has.
        entries: usize,
    },
    /// A value that has no names within it.
    Leaf {
        /// The value, as a template would write it.
        value: String,
        /// The name it has in the map around it.
        name: String,
        /// What it is: `none`, `string`, …
        kind: String,
    },
}

impl Lookups {
    /// The data, every lookup in which is noted here.
    pub(crate) fn watch(&self, data: Value) -> Value {
        Value::from_object(Watched { path: String::new(), data, lookups: self.clone() })
    }

    /// The lookup that a line of a template made an error of.
    pub(crate) fn dead_end(&self, line: &str) -> Option<DeadEnd> {
        let seen = self.seen();
        let candidates = [seen.missing.as_ref(), seen.leaf.as_ref()];
        candidates.into_iter().flatten().find(|dead_end| dead_end.stands_in(line)).cloned()
    }

    /// What a panic elsewhere left behind can still be read.
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeadEnd {
    /// Whether a line of a template asks for it.
    fn stands_in(&self, line: &str) -> bool {
        match self {
            Self::NoKey { key, .. } => line.contains(key.as_str()),
            Self::NoEntry { entry, .. } => line.contains(entry.as_str()),
            Self::Leaf { name, .. } => [".", "["].iter().any(|end| line.contains(&format!("{name}{end}"))),
        }
    }
}

impl fmt::Display for DeadEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey { map, key, keys } => {
                match map.as_str() {
                    "" => write!(f, "there is no `{key}`")?,
                    map => write!(f, "`{map}` has no `{key}`")?,
                }
                if let Some(near) = nearest(key, keys.iter().map(String::as_str)) {
                    write!(f, "; did you mean `{near}`?")?;
                } else {
                    f.write_str(";")?;
                }
                let rest = keys.len().saturating_sub(LISTED);
                let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
                let listed = keys.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
                match (map.as_str(), listed.as_str()) {
                    (_, "") => f.write_str(" it is empty"),
                    ("", listed) => write!(f, " there are {listed}{more}"),
                    (_, listed) => write!(f, " it has {listed}{more}"),
                }
            }
            Self::NoEntry { list, entry, entries } => write!(
                f,
                "`{list}` is a list of {entries} and has no `{entry}`; take its entries one by one: \
                 {{% for entry in {list} %}}"
            ),
            Self::Leaf { value, kind, .. } if kind == "none" => {
                write!(f, "`{value}` is none here and has nothing in it; ask first: {{% if {value} %}}")
            }
            Self::Leaf { value, kind, .. } => write!(f, "`{value}` is a {kind} and has nothing in it"),
        }
    }
}

/// A map or a list that notes what is asked of it.
#[derive(Debug)]
struct Watched {
    /// As a template would write it.
    path: String,
    data: Value,
    lookups: Lookups,
}

impl Watched {
    fn path_of(&self, key: &Value) -> String {
        let name = key.to_string();
        let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        match key.kind() {
            ValueKind::String if self.path.is_empty() => name,
            ValueKind::String if is_plain => format!("{}.{name}", self.path),
            ValueKind::String => format!("{}[\"{name}\"]", self.path),
            _ => format!("{}[{name}]", self.path),
        }
    }

    fn dead_end(&self, key: &Value) -> DeadEnd {
        if self.data.kind() == ValueKind::Map {
            let mut keys: Vec<String> =
                self.data.try_iter().into_iter().flatten().map(|key| key.to_string()).collect();
            keys.sort_unstable();
            DeadEnd::NoKey { map: self.path.clone(), key: key.to_string(), keys }
        } else {
            let entries = self.data.len().unwrap_or(0);
            DeadEnd::NoEntry { list: self.path.clone(), entry: key.to_string(), entries }
        }
    }
}

impl Object for Watched {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        if self.data.kind() == ValueKind::Map { ObjectRepr::Map } else { ObjectRepr::Seq }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = self.data.get_item(key).ok().filter(|value| !value.is_undefined());
        let Some(value) = found else {
            self.lookups.seen().missing = Some(self.dead_end(key));
            return None;
        };
        let path = self.path_of(key);
        match value.kind() {
            ValueKind::Map | ValueKind::Seq => {
                Some(Value::from_object(Self { path, data: value, lookups: self.lookups.clone() }))
            }
            kind => {
                let leaf = DeadEnd::Leaf { value: path, name: key.to_string(), kind: kind.to_string() };
                self.lookups.seen().leaf = Some(leaf);
                Some(value)
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match self.data.kind() {
            ValueKind::Map => Enumerator::Values(self.data.try_iter().into_iter().flatten().collect()),
            _ => Enumerator::Seq(self.data.len().unwrap_or(0)),
        }
    }
}
