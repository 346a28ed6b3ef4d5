//! What is wrong with a matrix, and where.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// A stretch of the matrix's text, within one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// Counted from 1.
    pub line: u32,
    /// In characters, counted from 1.
    pub column: u32,
    /// Byte offset of the first character.
    pub start: usize,
    /// Byte offset after the last character.
    pub end: usize,
}

/// A value and where it stands; a default stands nowhere.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Located<T> {
    pub(crate) value: T,
    pub(crate) place: Option<Place>,
}

impl<T> Located<T> {
    /// A value that the matrix does not spell out.
    pub(crate) fn default_value(value: T) -> Self {
        Self { value, place: None }
    }
}

/// How much a problem matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The matrix cannot be run.
    Error,
    /// It can, but something in it has no effect.
    Warning,
}

/// One thing that is wrong, its place and its remedy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How much it matters.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// Where; absent when it concerns the file as a whole or an option of the command line.
    pub place: Option<Place>,
    /// What to do, or what would do.
    pub help: Option<String>,
    /// Where the thing stands that this one collides with.
    pub first: Option<Place>,
}

impl Problem {
    /// An error without a place yet.
    pub(crate) fn error(message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), place: None, help: None, first: None }
    }

    /// A warning without a place yet.
    pub(crate) fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The problem on one line: `FILE:LINE:COLUMN: message; first on line N; help`, with `warning: `
    /// before the message of a warning.
    pub fn in_file<'a>(&'a self, file: &'a Path) -> impl fmt::Display + 'a {
        fmt::from_fn(move |f| {
            write!(f, "{}:", file.display())?;
            if let Some(Place { line, column, .. }) = self.place {
                write!(f, "{line}:{column}:")?;
            }
            let warning = if self.severity == Severity::Warning { "warning: " } else { "" };
            write!(f, " {warning}{self}")?;
            if let Some(first) = self.first {
                write!(f, "; first on line {}", first.line)?;
            }
            match &self.help {
                None => Ok(()),
                Some(help) => write!(f, "; {help}"),
            }
        })
    }

    pub(crate) fn at(self, place: impl Into<Option<Place>>) -> Self {
        Self { place: place.into(), ..self }
    }

    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    pub(crate) fn first(self, place: impl Into<Option<Place>>) -> Self {
        Self { first: place.into(), ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Problem {}

impl miette::Diagnostic for Problem {
    fn severity(&self) -> Option<miette::Severity> {
        Some(match self.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let here = label(self.place?, "here");
        let first = self.first.map(|place| label(place, "first here"));
        Some(Box::new(std::iter::once(here).chain(first)))
    }
}

fn label(place: Place, text: &str) -> miette::LabeledSpan {
    let length = place.end.saturating_sub(place.start);
    miette::LabeledSpan::new(Some(text.to_owned()), place.start, length)
}

/// Everything that is wrong with a matrix.
///
/// `Display` gives each as [`Problem::in_file`] does, one a line, without a final line break. For
/// people, [`MatrixReport`] points into the text; for programs, it serialises.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatrixError {
    /// The matrix.
    pub file: PathBuf,
    /// At least one, in the order of the text.
    pub problems: Vec<Problem>,
    /// The text that the places point into.
    #[serde(skip)]
    text: String,
}

impl MatrixError {
    pub(crate) fn new(file: &Path, text: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place.map(|place| place.start));
        Self { file: file.to_owned(), problems, text: text.to_owned() }
    }
}

impl fmt::Display for MatrixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}", problem.in_file(&self.file))?;
        }
        Ok(())
    }
}

impl std::error::Error for MatrixError {}

/// The same problems for a terminal: a headline, then each with its piece of the text. Render it
/// with miette's handlers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MatrixReport {
    error: MatrixError,
    source: miette::NamedSource<String>,
}

impl From<MatrixError> for MatrixReport {
    fn from(error: MatrixError) -> Self {
        let source = miette::NamedSource::new(error.file.display().to_string(), error.text.clone());
        Self { error, source }
    }
}

impl fmt::Display for MatrixReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.error.file.display();
        match self.error.problems.len() {
            1 => write!(f, "{file} has 1 problem"),
            count => write!(f, "{file} has {count} problems"),
        }
    }
}

impl std::error::Error for MatrixReport {}

impl miette::Diagnostic for MatrixReport {
    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.source)
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.error.problems.iter().map(|problem| problem as &dyn miette::Diagnostic)))
    }
}
