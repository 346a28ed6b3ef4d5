//! What a run was made from: enough for a stranger to make it again.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{RUN_FORMAT_VERSION, RunnerInfo};

/// The oldest run directories that are still read.
const OLDEST_FORMAT: u32 = 1;

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
    /// The folder it was started in, from which the paths in it are meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
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
    /// Videos, and every file that weights, configurations and tokenizers are read from.
    pub inputs: Vec<FileHash>,
    /// What was no longer what it had been when the run went on, and was accepted; the rest of the manifest says how it is now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// Where the cells' weights came from.
    #[serde(default)]
    pub weights: Vec<WeightsSource>,
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

/// Where weights came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum WeightsSource {
    /// A file or a folder; its files are among the manifest's inputs, under this name.
    Files {
        /// As the matrix names it.
        name: String,
        /// Where it was.
        path: PathBuf,
    },
    /// A model of the hub, as the cache had it; its files are among the manifest's inputs, under this name.
    Hub {
        /// As the matrix names it: `hf:owner/name[@revision]`.
        name: String,
        /// The commit that the revision stood for.
        commit: String,
    },
    /// Random weights; they have no files.
    Dummy {
        /// Of which architecture and size.
        preset: String,
        /// What they were drawn from.
        seed: u64,
    },
}

impl fmt::Display for WeightsSource {
    /// `hf:openai/whisper-tiny.en, commit 87c7…`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files { name, path } => write!(f, "{name}, read from {}", path.display()),
            Self::Hub { name, commit } => write!(f, "{name}, commit {commit}"),
            Self::Dummy { preset, seed } => {
                write!(f, "dummy:{preset}, random numbers drawn from seed {seed}")
            }
        }
    }
}

/// A manifest that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not a manifest, or one that lacks something.
    #[error("not a run's manifest: {0}")]
    Json(#[from] serde_json::Error),
    /// Of another format.
    #[error(transparent)]
    Format(#[from] FormatError),
}

/// A run directory of a format that is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// It was written by a newer version.
    #[error(
        "run directory of format {found}, but bench {} reads formats up to {RUN_FORMAT_VERSION}: use {}",
        env!("CARGO_PKG_VERSION"),
        made_by.as_ref().map_or("the bench that made the run".to_owned(), |version| format!("bench {version} or a newer one"))
    )]
    Newer {
        /// Its format.
        found: u32,
        /// The version of `bench` that wrote it, where it says.
        made_by: Option<String>,
    },
    /// No version ever wrote it.
    #[error("run directory of format {0}, which no bench has written: the file is damaged")]
    Unheard(u32),
}

impl Manifest {
    /// Reads a manifest. Its format is looked at first, since the other keys of another format may differ.
    ///
    /// # Errors
    /// When it is of a format that is not read, or no manifest.
    pub fn from_json(json: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            format: u32,
            bench_version: Option<String>,
        }
        let Version { format, bench_version } = serde_json::from_slice(json)?;
        check_format(format, bench_version.as_deref())?;
        Ok(serde_json::from_slice(json)?)
    }
}

/// Checks that a run directory of format `found`, written by version `made_by` of `bench`, can be read.
///
/// # Errors
/// When it cannot.
pub fn check_format(found: u32, made_by: Option<&str>) -> Result<(), FormatError> {
    if (OLDEST_FORMAT..=RUN_FORMAT_VERSION).contains(&found) {
        Ok(())
    } else if found > RUN_FORMAT_VERSION {
        Err(FormatError::Newer { found, made_by: made_by.map(str::to_owned) })
    } else {
        Err(FormatError::Unheard(found))
    }
}

/// Two runners measured in turns, each in a run of its own: repeat n of a cell on one side ran right beside repeat n on the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The same on both sides, and of no other session.
    pub id: String,
    /// Which side.
    pub arm: Arm,
    /// How the runner of this side was slowed down on purpose, in the words of [`SLOWDOWN_VARIABLE`](crate::SLOWDOWN_VARIABLE).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slowdown: Option<String>,
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
    /// The FFmpeg that the runner decodes with, where it says.
    #[serde(default)]
    pub ffmpeg: Option<String>,
    /// Accelerators.
    #[serde(default)]
    pub gpus: Vec<String>,
    /// Environment variables that change how fast things run, such as `RAYON_NUM_THREADS`.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest as the first version wrote it, before some keys were added.
    const FIRST: &str = r#"{
        "format": 1, "run_id": "r", "name": "n", "started": "2026-01-02T03:04:05Z", "command": ["bench", "m.yaml"],
        "matrix_sha256": "ab", "bench_version": "0.1.0", "binaries": [], "inputs": [],
        "environment": {"cpu": "c", "cpu_features": [], "cores": 2, "memory_bytes": 8, "os": "Linux"}
    }"#;

    #[test]
    fn a_manifest_without_the_newer_keys_is_read() {
        let manifest = Manifest::from_json(FIRST.as_bytes()).unwrap();
        assert_eq!(
            (manifest.folder, manifest.weights, manifest.environment.ffmpeg),
            (None, Vec::new(), None)
        );
        assert_eq!(manifest.environment.cores, 2);
    }

    #[test]
    fn a_newer_manifest_names_the_version_that_reads_it_whatever_else_it_holds() {
        let words = |json: &str| Manifest::from_json(json.as_bytes()).unwrap_err().to_string();
        let reads = format!("bench {} reads formats up to 1", env!("CARGO_PKG_VERSION"));
        assert_eq!(
            words(r#"{"format": 7, "bench_version": "3.1.0", "machine": {}}"#),
            format!("run directory of format 7, but {reads}: use bench 3.1.0 or a newer one")
        );
        assert_eq!(
            words(r#"{"format": 7}"#),
            format!("run directory of format 7, but {reads}: use the bench that made the run")
        );
        assert!(words(r#"{"format": 0}"#).contains("no bench has written"));
        assert!(words(r#"{"format": 1}"#).contains("not a run's manifest: missing field"));
    }

    #[test]
    fn weights_say_where_they_came_from() {
        let commit = "c0".repeat(20);
        for (source, json) in [
            (
                WeightsSource::Hub { name: "hf:a/b".into(), commit: commit.clone() },
                format!(r#"{{"kind":"hub","name":"hf:a/b","commit":"{commit}"}}"#),
            ),
            (
                WeightsSource::Dummy { preset: "whisper-tiny".into(), seed: 3 },
                r#"{"kind":"dummy","preset":"whisper-tiny","seed":3}"#.to_owned(),
            ),
        ] {
            assert_eq!(serde_json::to_string(&source).unwrap(), json);
            assert_eq!(serde_json::from_str::<WeightsSource>(&json).unwrap(), source);
        }
    }
}
