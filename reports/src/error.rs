//! What can go wrong between a run directory and its report.

use std::io;
use std::path::PathBuf;

use reelbench_protocol::ManifestError;
use reelbench_references::ReferenceError;

use crate::lookups::DeadEnd;

/// Why a run directory cannot be read, or its report not be written.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A file of the run directory, or a template, cannot be read.
    #[error("{path}: cannot be read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory that is none of a run.
    #[error("{0}: no run, since it has no manifest.json: give the directory that a run was written to")]
    NotRun(PathBuf),
    /// A file cannot be written.
    #[error(
        "{path}: cannot be written: {source}; the journal holds all that was measured: `bench report` writes the rest again"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A reference that cannot be used.
    #[error("{0}")]
    Reference(#[from] Box<ReferenceError>),
    /// A run whose outputs are to be scored, and that has nothing to score them against.
    #[error(
        "{0}: the run keeps no references: name them in the matrix (`reference` of a video) and give it with --matrix"
    )]
    NoReferences(PathBuf),
    /// Something among the references that no run keeps there.
    #[error(
        "{0}: not expected among the references: each film has a folder of its id, with at most one file named transcript, scenes, captions, objects and sounds"
    )]
    UnexpectedReference(PathBuf),
    /// A file of an earlier report cannot be removed.
    #[error("{path}: belongs to an earlier report, and cannot be removed: {source}")]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The manifest is not what it should be, or the run directory of a format that is not read.
    #[error("{path}: {source}")]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// A line of the journal is not an event.
    #[error("{path}, line {line}: not an event of a journal: {source}")]
    Event {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
    /// An event that cannot follow those before it.
    #[error("{path}, line {line}: {problem}")]
    Order {
        /// The journal.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: OrderProblem,
    },
    /// A template that is wrong, or that asks for what the report does not have.
    #[error("template {name}: {}", template_words(source, dead_end.as_ref()))]
    Template {
        /// The template's file name.
        name: String,
        /// Why, and in which line.
        source: minijinja::Error,
        /// The name that does not exist, as far as it can be told.
        dead_end: Option<DeadEnd>,
    },
    /// A template whose name does not say what its text is called.
    #[error(
        "template {}: its name says nothing of what its text is called: name it after that with .j2 behind, such as \
         page.html.j2, or say --output FILE", .0.display()
    )]
    TemplateName(PathBuf),
    /// A template's text would take the place of something that is not made from a template.
    #[error("{}: {what} and is not overwritten; give the text another name with --output FILE", path.display())]
    Occupied {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// A value that has no JSON.
    #[error("cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// Test cases that have no XML.
    #[error("cannot be written as XML: {0}")]
    JUnit(#[source] quick_junit::SerializeError),
    /// A table that polars refuses.
    #[error("tables: {0}")]
    Tables(#[from] polars::error::PolarsError),
}

/// Why an event cannot stand where it stands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderProblem {
    /// Something came before the run began.
    #[error("the journal does not begin with `started`")]
    NotStarted,
    /// The plan is written once.
    #[error("the run is planned a second time")]
    PlannedTwice,
    /// Nothing follows the end but a run that goes on.
    #[error("the run is finished, and what follows does not begin with `started`")]
    Finished,
    /// A repeat that `bench` would not have believed.
    #[error("the repeat of cell {cell} cannot be: {problem}; the file was changed by something else")]
    ImpossibleRepeat {
        /// The cell.
        cell: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// Ids are unique.
    #[error("cell {0} is planned twice")]
    DuplicateCell(String),
    /// Only planned cells are run.
    #[error("cell {0} is not in the plan")]
    UnknownCell(String),
}

/// A template error in one line, with its place.
fn template_words(error: &minijinja::Error, dead_end: Option<&DeadEnd>) -> String {
    let place = error.line().map(|line| format!("line {line}: ")).unwrap_or_default();
    if let Some(dead_end) = dead_end {
        return format!("{place}{dead_end}");
    }
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("{place}{}{detail}", error.kind())
}
