//! What is on this machine already, without the network.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reelbench_catalog::CatalogEntry;
use reelbench_matrix::{Folders, HubModel, SHARD_INDEX, SINGLE_FILE, missing_weights, shards};

use crate::digest::Digest;
use crate::error::FetchError;
use crate::film::{digest, stored};
use crate::selection::{Part, QFORMER, part};
use crate::stored::{Check, Checked, State, StoredFile, StoredFilm, StoredModel};

/// A model in the hub's cache, with the hashes of its files checked where asked for: the names of blobs are hashes.
///
/// # Errors
/// When it is not there, or a file of it is missing or damaged.
pub fn find_model(model: &HubModel, cache: &Path, check: Check) -> Result<StoredModel, FetchError> {
    let missing =
        |missing: &str| FetchError::Missing { what: model.to_string(), missing: missing.to_owned() };
    let commit = model.cached_commit(cache);
    let commit = commit.filter(|commit| model.snapshot(cache, commit).is_dir());
    let commit = commit.ok_or_else(|| missing(&format!("its revision {}", model.revision())))?;
    let folder = model.snapshot(cache, &commit);
    if let Some(file) = missing_weights(&folder) {
        return Err(missing(&file));
    }
    let mut files = Vec::new();
    for path in names(model, &folder)? {
        files.push(inspect(&folder, path, check)?);
    }
    Ok(StoredModel { model: model.to_string(), commit, folder, files })
}

/// A film of the catalog; it is always hashed.
///
/// # Errors
/// When it is not there, or is not the film that the catalog means.
pub fn find_film(film: &CatalogEntry, folders: &Folders) -> Result<StoredFilm, FetchError> {
    let missing =
        || FetchError::Missing { what: format!("the film {}", film.id), missing: "its file".to_owned() };
    let path = reelbench_matrix::find_film(film, folders).ok_or_else(missing)?;
    let expected = digest(film)?;
    match expected.mismatch(&path).map_err(FetchError::file("read", &path))? {
        None => stored(film, path, State::Present),
        Some(found) => Err(FetchError::Damaged { path, expected: expected.as_str().to_owned(), found }),
    }
}

/// The files of a snapshot that its model needs.
fn names(model: &HubModel, folder: &Path) -> Result<BTreeSet<String>, FetchError> {
    let mut names = BTreeSet::new();
    for (folder, prefix) in
        [(folder.to_owned(), String::new()), (folder.join(QFORMER), format!("{QFORMER}/"))]
    {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries {
            let name = entry.map_err(FetchError::file("read", &folder))?.file_name();
            let path = format!("{prefix}{}", name.to_string_lossy());
            if part(&path) == Some(Part::Companion) {
                names.insert(path);
            }
        }
    }
    if folder.join(SINGLE_FILE).is_file() {
        names.insert(SINGLE_FILE.to_owned());
    } else {
        let index = folder.join(SHARD_INDEX);
        let text = fs::read(&index).map_err(FetchError::file("read", index))?;
        names
            .extend(shards(&text).map_err(|source| FetchError::ShardIndex { model: model.clone(), source })?);
        names.insert(SHARD_INDEX.to_owned());
    }
    Ok(names)
}

fn inspect(folder: &Path, path: String, check: Check) -> Result<StoredFile, FetchError> {
    let file = folder.join(&path);
    let bytes = fs::metadata(&file).map_err(FetchError::file("read", &file))?.len();
    let checked = match (check, blob_digest(&file, bytes)) {
        (Check::Hash, Some(digest)) => {
            if let Some(found) = digest.mismatch(&file).map_err(FetchError::file("read", &file))? {
                let expected = digest.as_str().to_owned();
                return Err(FetchError::Damaged { path: file, expected, found });
            }
            Checked::Hash
        }
        _ => Checked::Presence,
    };
    Ok(StoredFile { path, bytes, state: State::Present, checked })
}

/// The hash in the name of the blob that a link leads to; nothing for a file that was put there otherwise.
fn blob_digest(file: &Path, bytes: u64) -> Option<Digest> {
    let blob = fs::read_link(file).ok()?;
    let name = blob.file_name()?.to_str()?;
    Digest::sha256(name).or_else(|| Digest::git_blob(name, bytes))
}
