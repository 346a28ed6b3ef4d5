//! What is wrong with a reference file, where, and what to do.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use reelbench_quality::BadNumber;
use thiserror::Error;

use crate::time::BadTimes;

/// A reference file that cannot be used.
#[derive(Debug, Error)]
#[error("{}{place}: {problem}", file.display())]
pub struct ReferenceError {
    /// The file.
    pub file: PathBuf,
    /// Where in it.
    pub place: Place,
    /// What is wrong there.
    #[source]
    pub problem: Problem,
}

/// Where in a file something is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The file as such.
    File,
    /// A line, counted from 1.
    Line(usize),
    /// An element of a JSON list, counted from 1.
    Entry(&'static str, usize),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File => Ok(()),
            Self::Line(line) => write!(formatter, ":{line}"),
            Self::Entry(list, entry) => write!(formatter, ", entry {entry} of `{list}`"),
        }
    }
}

/// What is wrong.
#[derive(Debug, Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("cannot be read ({0}): check the path and its rights")]
    Unreadable(#[source] io::Error),
    /// The file is too large to be a reference.
    #[error("has {0} bytes, more than a reference may have ({1}): is it the right file?")]
    TooLarge(u64, u64),
    /// The file is no text.
    #[error("is not UTF-8: save the file as UTF-8 text")]
    NotUtf8,
    /// JSON that does not say what it should.
    #[error("{0}; see datasets/REFERENCES.md for the format")]
    Json(String),
    /// A reference that says nothing.
    #[error("has no {0}: leave the reference out of the matrix, or fill the file")]
    Empty(&'static str),
    /// A line that is none of the format's.
    #[error("expected {expected}, found `{found}`")]
    Unexpected {
        /// What the format has here.
        expected: &'static str,
        /// What is there, cut short.
        found: String,
    },
    /// Times that are no stretch of a film.
    #[error("{0}")]
    Times(#[from] BadTimes),
    /// A box that is none.
    #[error("{0}")]
    Box(#[from] BadNumber),
    /// A scene without a frame.
    #[error(
        "a scene from frame {start} to {end}: the end is the first frame after the scene, and must be larger"
    )]
    EmptyScene {
        /// The first frame.
        start: u64,
        /// The first frame after it.
        end: u64,
    },
    /// What begins before the one before it ends.
    #[error("begins before the one before it ends: put them in order, without overlap")]
    Overlap,
    /// Something that is there twice.
    #[error("{0} is there twice: join the two, or remove one")]
    Twice(String),
    /// A reference to something that the file does not have.
    #[error("{0}, which the file does not have")]
    Unknown(String),
    /// A picture that no frame of the film is named for.
    #[error("image {0} tells no frame: give it `\"frame\": n`, counted from 0")]
    NoFrame(u64),
    /// A caption's reference without a place in the film.
    #[error("needs either `scene`, or `start_s` and `end_s`")]
    Nowhere,
    /// A header without a column that is needed.
    #[error("the header has no column `{0}`: export the scene list with PySceneDetect's `list-scenes`")]
    NoColumn(&'static str),
}

impl Problem {
    /// The problem with its file and place.
    pub(crate) fn at(self, file: &Path, place: Place) -> ReferenceError {
        ReferenceError { file: file.to_owned(), place, problem: self }
    }

    /// JSON that does not say what it should.
    pub(crate) fn json(error: &serde_json::Error) -> Self {
        // The message may quote a string of the file, however long.
        Self::Json(shortened(&error.to_string(), 200))
    }

    /// A line that is none of the format's.
    pub(crate) fn unexpected(expected: &'static str, found: &str) -> Self {
        Self::Unexpected { expected, found: shortened(found, 40) }
    }
}

/// The first characters of a text, fit to be shown in a line.
pub(crate) fn shortened(text: &str, most: usize) -> String {
    let mut shown: String = text
        .chars()
        .take(most)
        .flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_debug());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}
