//! A run's directory: what stands where, and what must not be overwritten.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reelbench_protocol::{CellId, Manifest, ManifestError};

use crate::hash::hash_bytes;
use crate::time;

/// A directory that cannot hold a run.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// It is a run already.
    #[error("{} is a run already: go on with it by --resume {}, or choose another --out", .0.display(), .0.display())]
    IsRun(PathBuf),
    /// It holds something else.
    #[error("{} is not empty and not a run: choose another --out", .0.display())]
    NotEmpty(PathBuf),
    /// It is no run.
    #[error("{} is not a run: it has no manifest.json; begin one with --out", .0.display())]
    NotRun(PathBuf),
    /// Its manifest cannot be read.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ManifestError,
    },
    /// A file in it cannot be read or written.
    #[error("cannot {action} {} ({source})", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDirectory {
    root: PathBuf,
    run_id: String,
}

impl RunDirectory {
    /// Where a run is kept unless told otherwise: `PARENT/NAME-20260102T030405Z`.
    pub fn default_path(parent: &Path, name: &str, now: SystemTime) -> PathBuf {
        parent.join(format!("{name}-{}", time::compact_utc(now)))
    }

    /// Makes a directory for a new run, with the matrix as given. The run's id is the directory's name.
    /// It counts as a run once [`RunDirectory::write_manifest`] has been called.
    ///
    /// # Errors
    /// When it holds anything already, or cannot be written.
    pub fn create(root: &Path, matrix: &[u8]) -> Result<Self, DirectoryError> {
        let directory = Self::at(root)?;
        let mut entries = fs::read_dir(root).map_err(failed("read", root))?;
        if root.join(MANIFEST).exists() {
            return Err(DirectoryError::IsRun(root.to_owned()));
        }
        if entries.next().is_some() {
            return Err(DirectoryError::NotEmpty(root.to_owned()));
        }
        directory.prepare(matrix)?;
        Ok(directory)
    }

    /// Writes what stands in a run's directory before its manifest.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn prepare(&self, matrix: &[u8]) -> Result<(), DirectoryError> {
        self.write(MATRIX, matrix)?;
        let logs = self.root.join(LOGS);
        fs::create_dir_all(&logs).map_err(failed("make", &logs))
    }

    /// Has the run go on with another matrix. The one so far is kept beside it as `matrix-HASH.yaml`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn replace_matrix(&self, matrix: &[u8]) -> Result<(), DirectoryError> {
        let path = self.root.join(MATRIX);
        let before = fs::read(&path).map_err(failed("read", &path))?;
        self.write(&format!("matrix-{:.8}.yaml", hash_bytes(&before)), &before)?;
        self.write(MATRIX, matrix)
    }

    /// Opens a run to go on with it. There is no manifest where `bench` was killed before the run began; then
    /// [`RunDirectory::prepare`] has to be called again.
    ///
    /// # Errors
    /// When it is no run, or of another format.
    pub fn resume(root: &Path) -> Result<(Self, Option<Manifest>), DirectoryError> {
        match Self::open(root) {
            Ok((directory, manifest)) => Ok((directory, Some(manifest))),
            Err(DirectoryError::NotRun(_)) if is_unborn(root) => Ok((Self::at(root)?, None)),
            Err(error) => Err(error),
        }
    }

    /// Opens a run to read it.
    ///
    /// # Errors
    /// When it is no run, or of another format.
    pub fn open(root: &Path) -> Result<(Self, Manifest), DirectoryError> {
        let path = root.join(MANIFEST);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(DirectoryError::NotRun(root.to_owned()));
            }
            Err(source) => return Err(failed("read", &path)(source)),
        };
        let manifest = Manifest::from_json(&text)
            .map_err(|source| DirectoryError::Manifest { path: path.clone(), source })?;
        Ok((Self { run_id: manifest.run_id.clone(), ..Self::at(root)? }, manifest))
    }

    fn at(root: &Path) -> Result<Self, DirectoryError> {
        fs::create_dir_all(root).map_err(failed("make", root))?;
        // Frames and logs are written by other processes, whose current folder may differ.
        let root = root.canonicalize().map_err(failed("find", root))?;
        let run_id =
            root.file_name().map_or_else(|| "run".to_owned(), |name| name.to_string_lossy().into_owned());
        Ok(Self { root, run_id })
    }

    /// The directory, absolute.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// The run's id.
    pub fn run_id(&self) -> &str {
        &self.run_id
    }

    /// `journal.jsonl`.
    pub fn journal(&self) -> PathBuf {
        self.root.join("journal.jsonl")
    }

    /// Writes `manifest.json`, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_manifest(&self, manifest: &Manifest) -> Result<(), DirectoryError> {
        let path = self.root.join(MANIFEST);
        let mut text =
            serde_json::to_vec_pretty(manifest).map_err(|error| failed("write", &path)(error.into()))?;
        text.push(b'\n');
        self.write(MANIFEST, &text)
    }

    /// Writes a file under another name, waits until it is on disk, and renames it.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), DirectoryError> {
        let path = self.root.join(name);
        let temporary = self.root.join(part_of(name));
        let write = || {
            let mut file = File::create(&temporary)?;
            file.write_all(content)?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.root)?.sync_all()
        };
        write().map_err(failed("write", &path))
    }

    /// The log of the next runner process: the first `logs/N.log` that is not there yet.
    pub(crate) fn next_log(&self) -> Result<PathBuf, DirectoryError> {
        let logs = self.root.join(LOGS);
        fs::create_dir_all(&logs).map_err(failed("make", &logs))?;
        let count = fs::read_dir(&logs).map_err(failed("read", &logs))?.count();
        let numbered = (count + 1..).map(|number| logs.join(format!("{number}.log")));
        numbered
            .into_iter()
            .find(|log| !log.exists())
            .ok_or_else(|| failed("number a log in", &logs)(io::Error::from(io::ErrorKind::AlreadyExists)))
    }

    /// The folder for a cell's frames, made if need be.
    pub(crate) fn frames(&self, cell: &CellId) -> Result<PathBuf, DirectoryError> {
        let folder = self.root.join("frames").join(cell.as_str());
        fs::create_dir_all(&folder).map_err(failed("make", &folder))?;
        Ok(folder)
    }
}

const MANIFEST: &str = "manifest.json";
const MATRIX: &str = "matrix.yaml";
const LOGS: &str = "logs";

/// Whether a folder holds no more than what [`RunDirectory::create`] leaves when it is killed.
fn is_unborn(root: &Path) -> bool {
    let Ok(entries) = fs::read_dir(root) else { return false };
    let is_of_create =
        |name: &str| [MATRIX, LOGS].contains(&name) || is_part_of(name, MATRIX) || is_part_of(name, MANIFEST);
    entries.flatten().all(|entry| entry.file_name().to_str().is_some_and(is_of_create))
}

fn is_part_of(name: &str, file: &str) -> bool {
    name == part_of(file)
}

/// What a file is called until it is whole.
fn part_of(file: &str) -> String {
    format!(".{file}.part")
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
    let path = path.to_owned();
    move |source| DirectoryError::Io { action, path, source }
}

#[cfg(test)]
mod tests {
    use reelbench_protocol::{Environment, RUN_FORMAT_VERSION};

    use super::*;

    const GIVEN: &[u8] = b"version: 1\n";

    fn manifest(directory: &RunDirectory) -> Manifest {
        Manifest {
            format: RUN_FORMAT_VERSION,
            run_id: directory.run_id().to_owned(),
            name: "test".to_owned(),
            started: time::rfc3339(SystemTime::now()),
            finished: None,
            command: vec!["bench".to_owned()],
            folder: None,
            matrix_sha256: hash_bytes(GIVEN),
            git: None,
            session: None,
            bench_version: "0.1.0".to_owned(),
            runner: None,
            binaries: Vec::new(),
            environment: Environment::default(),
            inputs: Vec::new(),
            changes: Vec::new(),
            weights: Vec::new(),
        }
    }

    #[test]
    fn a_run_can_be_resumed_from_when_it_was_made() {
        let folder = tempfile::tempdir().unwrap();
        let root = RunDirectory::default_path(&folder.path().join("runs"), "seed", SystemTime::UNIX_EPOCH);
        assert!(root.ends_with("runs/seed-19700101T000000Z"));
        assert!(matches!(RunDirectory::resume(&root), Err(DirectoryError::NotRun(_))));
        let directory = RunDirectory::create(&root, GIVEN).unwrap();
        fs::write(root.join(".manifest.json.part"), "{").unwrap();
        assert_eq!(RunDirectory::resume(&root).unwrap(), (directory.clone(), None));
        let written = manifest(&directory);
        directory.write_manifest(&written).unwrap();
        assert_eq!(RunDirectory::resume(&root).unwrap(), (directory.clone(), Some(written)));
        assert!(matches!(RunDirectory::create(&root, GIVEN), Err(DirectoryError::IsRun(_))));
        assert_eq!(fs::read(root.join("matrix.yaml")).unwrap(), GIVEN);
        let names: Vec<_> = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{names:?}");
    }

    #[test]
    fn a_replaced_matrix_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(folder.path(), GIVEN).unwrap();
        directory.replace_matrix(b"version: 1\n# other\n").unwrap();
        let kept = folder.path().join(format!("matrix-{:.8}.yaml", hash_bytes(GIVEN)));
        assert_eq!(fs::read(kept).unwrap(), GIVEN);
        assert_eq!(fs::read(folder.path().join("matrix.yaml")).unwrap(), b"version: 1\n# other\n");
    }

    #[test]
    fn other_peoples_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("thesis.tex"), "").unwrap();
        let error = RunDirectory::create(folder.path(), GIVEN).unwrap_err();
        assert!(matches!(error, DirectoryError::NotEmpty(_)), "{error}");
        assert!(matches!(RunDirectory::resume(folder.path()), Err(DirectoryError::NotRun(_))));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_manifest_of_another_format_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(folder.path(), GIVEN).unwrap();
        directory.write_manifest(&Manifest { format: 9, ..manifest(&directory) }).unwrap();
        let error = RunDirectory::open(folder.path()).unwrap_err();
        let words = error.to_string();
        assert!(words.contains("manifest.json: run directory of format 9, but bench "), "{words}");
        assert!(words.ends_with("use bench 0.1.0 or a newer one"), "{words}");
    }

    #[test]
    fn logs_are_numbered() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(folder.path(), GIVEN).unwrap();
        let first = directory.next_log().unwrap();
        assert!(first.ends_with("logs/1.log"));
        fs::write(&first, "").unwrap();
        assert!(directory.next_log().unwrap().ends_with("logs/2.log"));
    }
}
