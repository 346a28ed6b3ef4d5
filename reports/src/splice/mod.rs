//! Parts of a report between markers of another file, such as a README.
//!
//! A marker is a line of its own: `<!-- reelbench:end_to_end -->` begins the part of that name, and
//! `<!-- /reelbench:end_to_end -->` ends it. What stands between them is replaced; every other byte stays. In fenced
//! blocks of code there are no markers.

mod fences;
mod markers;

use std::path::{Path, PathBuf};

use reelbench_protocol::nearest;

use crate::error::ReportError;
use crate::files;
use crate::markdown::{self, Reader};
use crate::render::provenance;
use crate::report::{Report, Section};

use markers::Region;

/// A file with parts of a report in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spliced {
    /// The file.
    pub path: PathBuf,
    /// The parts in their order in the file, each with the line of its marker, counted from 1.
    pub parts: Vec<(String, usize)>,
    /// The first line of the file that changes, counted from 1; none where all is up to date.
    pub changed: Option<usize>,
    content: Vec<u8>,
}

/// Why a report cannot be put into a file.
#[derive(Debug, thiserror::Error)]
pub enum SpliceError {
    /// A file that cannot be read or written.
    #[error("{}: cannot be {doing}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// `read` or `written`.
        doing: &'static str,
        /// Why.
        source: std::io::Error,
    },
    /// A file without markers.
    #[error(
        "{}: no markers: put a line `<!-- reelbench:NAME -->` and below it a line `<!-- /reelbench:NAME -->` where a \
         part of the report is to stand; the parts: {}", path.display(), parts.join(", ")
    )]
    NoMarkers {
        /// The file.
        path: PathBuf,
        /// Every name.
        parts: Vec<String>,
    },
    /// A marker that does not fit.
    #[error("{}:{line}: {problem}", path.display())]
    Marker {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: MarkerProblem,
    },
    /// The report cannot be rendered.
    #[error(transparent)]
    Report(#[from] ReportError),
}

/// What is wrong with a marker.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerProblem {
    /// No part goes by its name.
    #[error("a report has no part `{name}`; {}", offer(near.as_deref(), parts))]
    Unknown {
        /// The name.
        name: String,
        /// The nearest of all names, if one is near.
        near: Option<String>,
        /// Every name.
        parts: Vec<String>,
    },
    /// It is not closed.
    #[error("`<!-- reelbench:{0} -->` is not closed: put a line `<!-- /reelbench:{0} -->` below it")]
    Unclosed(String),
    /// It closes what was not opened.
    #[error("`<!-- /reelbench:{0} -->` closes nothing: no line `<!-- reelbench:{0} -->` stands above it")]
    Unopened(String),
    /// It stands within another part, which would overwrite it.
    #[error("`{inner}` stands within `{outer}`, which begins in line {begins}: close that first")]
    Nested {
        /// The part within.
        inner: String,
        /// The part around it.
        outer: String,
        /// Its line, counted from 1.
        begins: usize,
    },
    /// The same part stands twice in the file.
    #[error("`{name}` stands twice, first in line {first}: take one of the two away")]
    Twice {
        /// The part.
        name: String,
        /// The line of its first marker, counted from 1.
        first: usize,
    },
}

fn offer(near: Option<&str>, parts: &[String]) -> String {
    let near = near.map(|near| format!("did you mean `{near}`? ")).unwrap_or_default();
    format!("{near}it has {}", parts.join(", "))
}

/// Every part of a report by its name: the verdict, the sections with their notes, and what it takes to make the run
/// again. Each is Markdown, without a line break at its end.
fn parts(report: &Report) -> Result<Vec<(&'static str, String)>, ReportError> {
    let mut parts = vec![("verdict", format!("**{}**", markdown::escape(&report.verdict.text)))];
    parts.extend(report.sections().map(|named| (named.name, section(named.section))));
    parts.push(("provenance", provenance(report)?.trim_end().to_owned()));
    Ok(parts)
}

fn section(section: &Section) -> String {
    let table = markdown::table(&section.table, Reader::Markdown);
    let notes = section.notes.iter().map(|note| markdown::escape(note));
    let blocks = std::iter::once(table.trim_end().to_owned()).chain(notes);
    blocks.filter(|block| !block.is_empty()).collect::<Vec<_>>().join("\n\n")
}

/// Reads files and puts the report's parts between their markers, in memory.
///
/// # Errors
/// When a file cannot be read, has no markers, or one that does not fit.
pub fn splice(report: &Report, paths: &[PathBuf]) -> Result<Vec<Spliced>, SpliceError> {
    let parts = parts(report)?;
    paths.iter().map(|path| splice_file(path, &parts)).collect()
}

fn splice_file(path: &Path, parts: &[(&'static str, String)]) -> Result<Spliced, SpliceError> {
    let text = std::fs::read(path).map_err(|source| SpliceError::File {
        path: path.to_owned(),
        doing: "read",
        source,
    })?;
    let marker = |(line, problem)| SpliceError::Marker { path: path.to_owned(), line, problem };
    let names = || parts.iter().map(|(name, _)| (*name).to_owned()).collect();
    let regions = markers::regions(&text).map_err(marker)?;
    if regions.is_empty() {
        return Err(SpliceError::NoMarkers { path: path.to_owned(), parts: names() });
    }
    let mut content = Vec::with_capacity(text.len());
    let mut copied = 0;
    for region in &regions {
        let known = parts.iter().find(|(name, _)| *name == region.name);
        let Some((_, part)) = known else {
            let near = nearest(&region.name, parts.iter().map(|(name, _)| *name)).map(str::to_owned);
            let problem = MarkerProblem::Unknown { name: region.name.clone(), near, parts: names() };
            return Err(marker((region.line, problem)));
        };
        content.extend(text.get(copied..region.inner.start).unwrap_or_default());
        content.extend(between_markers(region, part));
        copied = region.inner.end;
    }
    content.extend(text.get(copied..).unwrap_or_default());
    Ok(Spliced {
        path: path.to_owned(),
        parts: regions.into_iter().map(|region| (region.name, region.line)).collect(),
        changed: first_change(&text, &content),
        content,
    })
}

/// A part with a blank line on both sides, in the line ends of its marker; nothing for a part that is empty.
fn between_markers(region: &Region, part: &str) -> Vec<u8> {
    if part.is_empty() {
        return Vec::new();
    }
    let lines = format!("\n{part}\n\n");
    lines.replace('\n', region.line_end).into_bytes()
}

/// The first line that differs, counted from 1.
fn first_change(before: &[u8], after: &[u8]) -> Option<usize> {
    if before == after {
        return None;
    }
    let same = before.iter().zip(after).take_while(|(before, after)| before == after);
    Some(1 + same.filter(|(byte, _)| **byte == b'\n').count())
}

impl Spliced {
    /// Writes the file, as a whole or not at all. A file that is up to date is not touched.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self) -> Result<(), SpliceError> {
        if self.changed.is_none() {
            return Ok(());
        }
        files::replace(&self.path, &self.content).map_err(|source| SpliceError::File {
            path: self.path.clone(),
            doing: "written",
            source,
        })
    }

    /// The file with the report in it.
    pub fn content(&self) -> &[u8] {
        &self.content
    }
}
