//! Films of the catalog.

use std::fs;
use std::path::{Path, PathBuf};

use reelbench_catalog::CatalogEntry;
use reelbench_matrix::{Folders, cached_path, find_film};
use reqwest::Url;

use crate::digest::Digest;
use crate::download::Item;
use crate::error::FetchError;
use crate::fetcher::Fetcher;
use crate::progress::Progress;
use crate::stored::{Check, State, StoredFilm};

/// What names the folder of films.
const CACHE_VARIABLE: &str = "XDG_CACHE_HOME";

impl Fetcher {
    /// Sees to it that a film of the catalog is on this machine, and right: films are always hashed.
    ///
    /// # Errors
    /// When it cannot be downloaded or is not the film that the catalog means.
    pub fn film(
        &self,
        film: &CatalogEntry,
        folders: &Folders,
        progress: &dyn Progress,
    ) -> Result<StoredFilm, FetchError> {
        let found = find_film(film, folders);
        if let Some(path) = &found
            && digest(film)?.mismatch(path).map_err(FetchError::file("read", path))?.is_none()
        {
            return stored(film, path.clone(), State::Present);
        }
        let folder = FetchError::NoFolder { what: "films", variable: CACHE_VARIABLE };
        let target = cached_path(film, folders).ok_or(folder)?;
        let item = item(film, &target)?;
        let (state, _) = self.client.provide(&item, Check::Hash, progress)?;
        stored(film, target, state)
    }
}

fn item(film: &CatalogEntry, target: &Path) -> Result<Item<'static>, FetchError> {
    let Some(address) = &film.download else {
        return Err(FetchError::NoDownload {
            film: film.id.clone(),
            sha256: film.sha256.to_string(),
            target: target.to_owned(),
            page: film.url.clone(),
        });
    };
    let url = Url::parse(address).map_err(|error| FetchError::Catalog {
        film: film.id.clone(),
        reason: format!("`download` is no URL: {error}"),
    })?;
    let name = format!("{}.lock", film.sha256);
    let locks = target.parent().unwrap_or(Path::new(".")).join(".locks");
    Ok(Item {
        name: format!("film {}", film.id),
        url,
        token: None,
        target: target.to_owned(),
        lock: locks.join(name),
        bytes: None,
        digest: digest(film)?,
        variable: CACHE_VARIABLE,
    })
}

pub(crate) fn digest(film: &CatalogEntry) -> Result<Digest, FetchError> {
    Digest::sha256(film.sha256.as_str()).ok_or_else(|| FetchError::Catalog {
        film: film.id.clone(),
        reason: "`sha256` is no SHA-256".to_owned(),
    })
}

/// A film whose hash was found right.
pub(crate) fn stored(film: &CatalogEntry, path: PathBuf, state: State) -> Result<StoredFilm, FetchError> {
    let bytes = fs::metadata(&path).map_err(FetchError::file("read", &path))?.len();
    Ok(StoredFilm { film: film.id.clone(), path, bytes, sha256: film.sha256.to_string(), state })
}
