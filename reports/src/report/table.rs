//! Tables as data: what a cell says, and not how it is marked up.

use serde::Serialize;

use crate::units;

/// A table of a report.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with one cell per column.
    pub rows: Vec<Vec<Cell>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// The side its cells stand on.
    pub align: Align,
    /// How its cells stand out.
    pub emphasis: Emphasis,
}

/// The side of a column that its cells stand on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

/// How cells stand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Emphasis {
    /// They do not.
    Plain,
    /// What a reader looks for first.
    Strong,
}

/// A cell of a table, in plain text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// What is added to it, without the column's emphasis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The number behind the words, in seconds, bytes or whatever the column counts: what the column sorts by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
}

impl Table {
    /// Takes out those of the named columns that say the same in every row, and gives the sentence that says it instead:
    /// `In every row: Video sintel.` A table of one row keeps its columns.
    pub(crate) fn take_constant(&mut self, titles: &[&str]) -> Option<String> {
        let (first, others) = self.rows.split_first().filter(|(_, others)| !others.is_empty())?;
        let is_constant = |index: usize| others.iter().all(|row| row.get(index) == first.get(index));
        let wanted = |column: &Column| titles.contains(&column.title.as_str());
        let constant: Vec<usize> = (0..self.columns.len())
            .filter(|&index| self.columns.get(index).is_some_and(wanted) && is_constant(index))
            .collect();
        let words =
            |&index: &usize| Some(format!("{} {}", self.columns.get(index)?.title, first.get(index)?.text));
        let words: Vec<String> = constant.iter().filter_map(words).collect();
        for &index in constant.iter().rev() {
            self.columns.remove(index);
            self.rows.iter_mut().for_each(|row| drop(row.remove(index)));
        }
        (!words.is_empty()).then(|| format!("In every row: {}.", words.join(", ")))
    }
}

impl Column {
    /// A column of words.
    pub(crate) fn left(title: impl Into<String>) -> Self {
        Self { title: title.into(), align: Align::Left, emphasis: Emphasis::Plain }
    }

    /// A column of numbers.
    pub(crate) fn right(title: impl Into<String>) -> Self {
        Self { align: Align::Right, ..Self::left(title) }
    }

    /// The same column, standing out.
    pub(crate) fn strong(self) -> Self {
        Self { emphasis: Emphasis::Strong, ..self }
    }
}

impl Cell {
    /// Stands where there is no value.
    pub const NONE: &'static str = "–";

    /// A cell without a value.
    pub(crate) fn none() -> Self {
        Self::from(Self::NONE)
    }

    /// A value that may be absent.
    pub(crate) fn optional(text: Option<impl Into<String>>) -> Self {
        text.map_or_else(Self::none, |text| Self::from(text.into()))
    }

    /// A number in the words of its unit.
    pub(crate) fn number(value: Option<f64>, words: impl FnOnce(f64) -> String) -> Self {
        value.map_or_else(Self::none, |value| Self { value: Some(value), ..Self::from(words(value)) })
    }

    /// How many there are of something.
    pub(crate) fn count(count: Option<u64>) -> Self {
        count.map_or_else(Self::none, |count| Self {
            value: Some(count as f64),
            ..Self::from(count.to_string())
        })
    }

    /// A size.
    pub(crate) fn bytes(bytes: Option<u64>) -> Self {
        bytes.map_or_else(Self::none, |bytes| Self {
            value: Some(bytes as f64),
            ..Self::from(units::bytes(bytes))
        })
    }

    /// The same cell with a note.
    pub(crate) fn with_note(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), note: None, value: None }
    }
}
