//! Why `bench` could not do what it was told.

use std::io;
use std::path::PathBuf;

use reelbench_exec::{DirectoryError, ExecError, JournalError, RunnerError};
use reelbench_fetch::FetchError;
use reelbench_matrix::{MatrixError, WeightsError};
use reelbench_protocol::{AsrEngine, Change, Failure};
use reelbench_reports::{ExportError, ReportError, SpliceError};

use crate::exit_code::Exit;

/// Why `bench` could not do what it was told.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    #[error(transparent)]
    Matrix(#[from] Box<MatrixError>),
    #[error("--only {expression} matches none of the {cells} cells; `bench plan` lists them")]
    NothingSelected { expression: String, cells: usize },
    #[error(
        "--offline: {cells} cells ask a service for their speech (engine {engine}); leave them out with --only, or drop --offline"
    )]
    NeedsNetwork { engine: AsrEngine, cells: usize },
    #[error("--weights {word}: {source}; {}", source.help())]
    Weights { word: String, source: Box<WeightsError> },
    #[error("no such file: {}", .0.display())]
    NoSuchFile(PathBuf),
    #[error("runner `{name}` was not found: {looked}")]
    NoRunner { name: String, looked: String },
    #[error(transparent)]
    Fetch(Box<FetchError>),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    Exec(#[from] ExecError),
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    #[error(transparent)]
    Report(#[from] ReportError),
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error(transparent)]
    Splice(#[from] SpliceError),
    #[error("{option} says something only with {with}")]
    Pointless { option: &'static str, with: &'static str },
    #[error(
        "{}; `bench report {} --splice FILE` brings the file up to date",
        places.iter().map(|(path, line)| format!("{}:{line}: not what the report says", path.display())).collect::<Vec<_>>().join("\n"),
        dir.display()
    )]
    Stale { places: Vec<(PathBuf, usize)>, dir: PathBuf },
    #[error("no run is left to show: give run directories, or folders with run directories in them")]
    NoRuns,
    #[error("{}: neither a run directory nor a folder of them", .0.display())]
    NotAFolder(PathBuf),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error(
        "{} cannot go on as it began:\n{}\nput that back, or begin a new run with --out; --accept-changes goes on all the \
         same, and the report says what changed",
        directory.display(),
        changes.iter().map(|change| format!("  {change}")).collect::<Vec<_>>().join("\n")
    )]
    Changed { directory: PathBuf, changes: Vec<Change> },
    #[error(
        "the session of {} cannot go on as it began:\n{}\nput that back, or begin a new session with --out",
        directory.display(),
        changes.iter().map(|change| format!("  {change}")).collect::<Vec<_>>().join("\n")
    )]
    SessionChanged { directory: PathBuf, changes: Vec<Change> },
    #[error("NOT COMPARABLE: {0}; --accept-differences compares all the same")]
    NotComparable(String),
    #[error(
        "{} is no run directory: give two of them, or --matrix to measure two runners", .0.display()
    )]
    NeitherRunNorMatrix(PathBuf),
    #[error(
        "{}: names no reference for any film of {}; `reference` of a video is described in datasets/REFERENCES.md",
        matrix.display(), dir.display()
    )]
    NoReferenceOfRun { matrix: PathBuf, dir: PathBuf },
    #[error(
        "runner `{0}` does not offer to be slowed down, so a self-test of it is not possible: see `slowdown` in PROTOCOL.md"
    )]
    NoSlowdown(String),
    #[error("interrupted, so nothing is judged yet; go on with: {0}")]
    SessionInterrupted(String),
    #[error(
        "the session's time (run.run_timeout in the matrix) is up, so nothing is judged yet; go on with: {0}"
    )]
    SessionOutOfTime(String),
    #[error("{}: cannot be written ({source})", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Probe(Failure),
    #[error("cannot listen for interrupts ({0})")]
    Signals(#[source] io::Error),
    #[error("cannot write to standard output ({0})")]
    Output(#[source] io::Error),
}

impl BenchError {
    /// The exit code that stands for this error.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Matrix(_)
            | Self::NothingSelected { .. }
            | Self::NeedsNetwork { .. }
            | Self::Weights { .. }
            | Self::NeitherRunNorMatrix(_)
            | Self::NoReferenceOfRun { .. }
            | Self::NoSlowdown(_)
            | Self::Pointless { .. }
            | Self::NotAFolder(_)
            | Self::NoSuchFile(_) => Exit::Invalid,
            Self::Runner(RunnerError::Stopped) | Self::SessionInterrupted(_) => Exit::Interrupted,
            Self::SessionOutOfTime(_) => Exit::CellsNotOk,
            _ => Exit::Error,
        }
    }
}

impl From<MatrixError> for BenchError {
    fn from(error: MatrixError) -> Self {
        Self::Matrix(Box::new(error))
    }
}

impl From<FetchError> for BenchError {
    fn from(error: FetchError) -> Self {
        Self::Fetch(Box::new(error))
    }
}
