//! What a run was made from: enough for a stranger to make it again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::RunnerInfo;

/// `manifest.json` of a run directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the run directory's files.
    pub format: u32,
    /// The run.
    pub run_id: String,
    /// The matrix's name.
    pub name: String,
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// End, RFC 3339 in UTC; absent while the run goes on.
    #[serde(default)]
    pub finished: Option<String>,
    /// The command line that started the run.
    pub command: Vec<String>,
    /// SHA-256 of the matrix as given.
    pub matrix_sha256: String,
    /// The revision `bench` was built from, where known.
    #[serde(default)]
    pub git: Option<GitRevision>,
    /// Version of `bench`.
    pub bench_version: String,
    /// The paired session that the run is one side of, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// The runner.
    #[serde(default)]
    pub runner: Option<RunnerInfo>,
    /// SHA-256 of the binaries, by name.
    pub binaries: Vec<FileHash>,
    /// The machine.
    pub environment: Environment,
    /// Videos, weight files and tokenizers.
    pub inputs: Vec<FileHash>,
    /// What was no longer what it had been when the run went on, and was accepted; the rest of the manifest says how it is now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// Something that was no longer what it had been when a run went on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// When the run went on, RFC 3339 in UTC.
    pub at: String,
    /// What it is: `matrix`, `/films/film.mp4 (film)`, `environment: cores`.
    pub what: String,
    /// Its hash or value so far; absent where it was not there.
    #[serde(default)]
    pub before: Option<String>,
    /// Its hash or value since then; absent where it is gone.
    #[serde(default)]
    pub now: Option<String>,
}

impl fmt::Display for Change {
    /// `device is not what it was: auto before, cuda:0 now`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = &self.what;
        match (&self.before, &self.now) {
            (Some(before), Some(now)) => write!(f, "{what} is not what it was: {before} before, {now} now"),
            (Some(before), None) => write!(f, "{what} is not what it was: {before} before, gone now"),
            (None, Some(now)) => write!(f, "{what} is not what it was: not there before, {now} now"),
            (None, None) => write!(f, "{what} is not what it was"),
        }
    }
}

/// Two runners measured in turns, each in a run of its own: repeat n of a cell on one side ran right beside repeat n on the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The same on both sides, and of no other session.
    pub id: String,
    /// Which side.
    pub arm: Arm,
}

/// A side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// What was.
    Base,
    /// What is to be judged.
    Head,
}
crate::words!(Arm { Base => "base", Head => "head" });

/// A revision of the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitRevision {
    /// The commit.
    pub commit: String,
    /// Whether the work tree had other changes.
    pub dirty: bool,
}

/// A file and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHash {
    /// What uses it: a video's id, a model's id, a binary's name.
    pub used_by: String,
    /// Where it was.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// The machine a run was made on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Environment {
    /// Processor.
    pub cpu: String,
    /// Instruction set extensions that matter here.
    pub cpu_features: Vec<String>,
    /// Logical processors.
    pub cores: u32,
    /// Frequency governor, where the kernel says.
    #[serde(default)]
    pub governor: Option<String>,
    /// Memory in bytes.
    pub memory_bytes: u64,
    /// Operating system and kernel.
    pub os: String,
    /// Accelerators.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// Environment variables that change how fast things run, such as `RAYON_NUM_THREADS`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}
