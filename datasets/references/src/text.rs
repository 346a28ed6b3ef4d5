//! Files as text.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde::de::DeserializeOwned;

use crate::error::{Place, Problem, ReferenceError};

/// Largest file that is read, in bytes. Boxes of every frame of a long film fit.
const LARGEST: u64 = 256 << 20;

/// Reads a file of text, without a byte-order mark.
pub(crate) fn read(path: &Path) -> Result<String, ReferenceError> {
    let whole = |problem: Problem| problem.at(path, Place::File);
    let file = fs::File::open(path).map_err(|error| whole(Problem::Unreadable(error)))?;
    let mut bytes = Vec::new();
    // The length is judged by what was read: pipes and such tell none.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|error| whole(Problem::Unreadable(error)))?;
    if bytes.len() as u64 > LARGEST {
        return Err(whole(Problem::TooLarge(bytes.len() as u64, LARGEST)));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + String::from_utf8_lossy(before).matches('\n').count();
        Problem::NotUtf8.at(path, Place::Line(line))
    })?;
    if text.starts_with('\u{feff}') {
        text.drain(..'\u{feff}'.len_utf8());
    }
    Ok(text)
}

/// Reads JSON text; an error has its line.
pub(crate) fn json<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ReferenceError> {
    serde_json::from_str(text).map_err(|error| {
        let place = Place::Line(error.line().max(1));
        Problem::json(&error).at(path, place)
    })
}

/// Lines with their numbers from 1, without the characters that end them.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// Whether a file's name ends so, in any case.
pub(crate) fn ends_with(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
