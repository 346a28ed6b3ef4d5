//! Films of the catalog and where they lie.

use std::path::{Path, PathBuf};

use reelbench_catalog::{CATALOG_YAML, Catalog, CatalogEntry};

use crate::folders::Folders;

/// The catalog cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("datasets/catalog.yaml is not valid: {0}")]
pub struct CatalogError(#[from] serde_yaml::Error);

/// The catalog that this build carries.
///
/// # Errors
/// When datasets/catalog.yaml was not valid at build time; a test keeps that from happening.
pub fn catalog() -> Result<Catalog, CatalogError> {
    Ok(serde_yaml::from_str(CATALOG_YAML)?)
}

/// Where a film of the catalog lies on this machine, if it does: in the datasets folder, else in
/// the user's cache under its hash.
pub fn find_film(film: &CatalogEntry, folders: &Folders) -> Option<PathBuf> {
    let shipped = film.file.as_ref().map(|file| folders.datasets.join(file.as_path()));
    let cached = cached_path(film, folders);
    shipped.into_iter().chain(cached).find(|path| path.is_file()).and_then(|path| path.canonicalize().ok())
}

/// What to do when a film of the catalog is not on this machine.
pub(crate) fn how_to_get(film: &CatalogEntry, folders: &Folders, matrix: &Path) -> String {
    if film.file.is_some() {
        return "it comes with Reelbench: set REELBENCH_DATASETS to the repository's `datasets` folder"
            .to_owned();
    }
    if film.download.is_some() {
        return format!("run `bench fetch {}`", matrix.display());
    }
    let target = cached_path(film, folders);
    let target = target.as_deref().unwrap_or(Path::new("$XDG_CACHE_HOME/reelbench/datasets/SHA256"));
    format!(
        "save the file with SHA-256 {} as `{}`; the work is published at {}",
        film.sha256,
        target.display(),
        film.url
    )
}

/// Where a fetched film of the catalog lies; nowhere without a cache folder.
pub fn cached_path(film: &CatalogEntry, folders: &Folders) -> Option<PathBuf> {
    folders.films.as_ref().map(|films| films.join(film.sha256.as_str()))
}
