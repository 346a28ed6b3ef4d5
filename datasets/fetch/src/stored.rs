//! What is on this machine after a fetch.

use std::path::PathBuf;

use serde::Serialize;

/// How files that are on this machine already are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// By their size, where it is known.
    Size,
    /// By their hash.
    Hash,
}

/// How a file came to be on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It was there.
    Present,
    /// It was downloaded.
    Fetched,
    /// What was there was not right, and was replaced.
    Replaced,
}

/// What is known about a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// It is there.
    Presence,
    /// It is as large as its source says.
    Size,
    /// Its hash is right.
    Hash,
}

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredFile {
    /// Its name in the repository.
    pub path: String,
    /// Its size.
    pub bytes: u64,
    /// How it came here.
    pub state: State,
    /// What is known about it.
    pub checked: Checked,
}

/// A model in the hub's cache, all of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredModel {
    /// As a matrix names it.
    pub model: String,
    /// The commit that its revision stands for.
    pub commit: String,
    /// The folder of that commit.
    pub folder: PathBuf,
    /// Its files, in order of their names.
    pub files: Vec<StoredFile>,
}

/// A film of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StoredFilm {
    /// Its name in the catalog.
    pub film: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Its hash, which was computed from the file.
    pub sha256: String,
    /// How it came here.
    pub state: State,
}
