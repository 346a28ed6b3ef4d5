//! The references of a run's films: copies in its directory, so that scores can be computed again from it alone.
//!
//! `references/VIDEO/KIND.ENDING`, in the formats of `datasets/REFERENCES.md`.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use reelbench_protocol::VideoId;
use reelbench_references::{FilmReferences, ReferenceKind};

use crate::error::ReportError;

/// Folder of the references in a run directory.
pub(crate) const REFERENCES_FOLDER: &str = "references";

/// The reference files of films.
pub type ReferenceFiles = BTreeMap<VideoId, BTreeMap<ReferenceKind, PathBuf>>;

/// What is known of a run's films.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct References(BTreeMap<VideoId, FilmReferences>);

impl References {
    /// Reads the references of a run directory; none where it has none.
    ///
    /// # Errors
    /// When a file cannot be read or understood, or is none that a run keeps.
    pub fn load(dir: &Path) -> Result<Self, ReportError> {
        let mut films: BTreeMap<VideoId, FilmReferences> = BTreeMap::new();
        for (video, files) in kept(dir)? {
            let film = films.entry(video).or_default();
            for (kind, path) in files {
                film.read(kind, &path).map_err(Box::new)?;
            }
        }
        Ok(Self(films))
    }

    /// Whether nothing is known of any film.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is known of a film.
    pub fn get(&self, video: &VideoId) -> Option<&FilmReferences> {
        self.0.get(video)
    }
}

/// The files that a run directory keeps.
fn kept(dir: &Path) -> Result<ReferenceFiles, ReportError> {
    let mut files = ReferenceFiles::new();
    let folder = dir.join(REFERENCES_FOLDER);
    if !folder.is_dir() {
        return Ok(files);
    }
    for film in entries(&folder)? {
        let unexpected = |path: &Path| ReportError::UnexpectedReference(path.to_owned());
        let name = film.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        let video: VideoId = name.filter(|_| film.is_dir()).ok_or_else(|| unexpected(&film))?;
        let of_film = files.entry(video).or_default();
        for path in entries(&film)? {
            let kind = ReferenceKind::of_file(&path).ok_or_else(|| unexpected(&path))?;
            if of_film.insert(kind, path.clone()).is_some() {
                return Err(unexpected(&path));
            }
        }
    }
    Ok(files)
}

/// What lies in a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ReportError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()
    };
    let mut paths = read().map_err(|source| ReportError::Read { path: folder.to_owned(), source })?;
    paths.sort();
    Ok(paths)
}

/// Keeps copies of reference files in a run directory, in place of those it has.
///
/// # Errors
/// When a file cannot be read, or the directory not be written.
pub fn keep_references(dir: &Path, files: &ReferenceFiles) -> Result<(), ReportError> {
    let folder = dir.join(REFERENCES_FOLDER);
    let part = dir.join(format!("{REFERENCES_FOLDER}.part"));
    let written = |path: &Path, result: io::Result<()>| {
        result.map_err(|source| ReportError::Write { path: path.to_owned(), source })
    };
    written(&part, remove(&part))?;
    for (video, of_film) in files {
        let film = part.join(video.as_str());
        written(&film, fs::create_dir_all(&film))?;
        for (kind, path) in of_film {
            let copy = film.join(kind.file_name(path));
            fs::copy(path, copy).map_err(|source| ReportError::Read { path: path.clone(), source })?;
        }
    }
    written(&folder, remove(&folder))?;
    if files.values().any(|of_film| !of_film.is_empty()) {
        written(&folder, fs::rename(&part, &folder))?;
    }
    Ok(())
}

/// Removes a folder that may be absent.
fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
