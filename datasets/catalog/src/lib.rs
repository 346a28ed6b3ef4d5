//! Licensed films that a matrix can name.
//!
//! This crate holds the types and the text of `datasets/catalog.yaml`; reading YAML and finding the
//! files is the matrix's business.

mod dataset_path;
mod sha256;

pub use dataset_path::{DatasetPath, DatasetPathError};
pub use sha256::{Sha256, Sha256Error};

use serde::Deserialize;

/// The text of `datasets/catalog.yaml`.
pub const CATALOG_YAML: &str = include_str!("../../catalog.yaml");

/// The films of `datasets/catalog.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// In the order of the file.
    pub films: Vec<CatalogEntry>,
}

/// One film.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogEntry {
    /// The name a matrix uses.
    pub id: String,
    /// Where the work is published. The measured file may be made from it: only the hash says
    /// which file that is.
    pub url: String,
    /// Where exactly that file can be downloaded, if anywhere.
    #[serde(default)]
    pub download: Option<String>,
    /// Hash of the file that is measured.
    pub sha256: Sha256,
    /// SPDX name of the licence.
    pub licence: String,
    /// Whom to name, and what was changed.
    pub credit: String,
    /// Where the film lies below the datasets folder, if it comes with Reelbench.
    #[serde(default)]
    pub file: Option<DatasetPath>,
}

impl Catalog {
    /// The film of that name.
    pub fn get(&self, id: &str) -> Option<&CatalogEntry> {
        self.films.iter().find(|film| film.id == id)
    }

    /// Every name, in the order of the file.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.films.iter().map(|film| film.id.as_str())
    }
}
