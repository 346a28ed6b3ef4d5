//! What a matrix needs that can be fetched.

use std::path::Path;

use reelbench_catalog::CatalogEntry;

use crate::folders::Folders;
use crate::hub::HubModel;
use crate::matrix::Matrix;
use crate::problem::MatrixError;
use crate::read;

/// What a matrix needs that can be fetched, whether it is on this machine or not; nothing stands twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Needs {
    /// Models of the hub, in the order of the matrix.
    pub models: Vec<HubModel>,
    /// Films of the catalog, in the order of the matrix.
    pub films: Vec<CatalogEntry>,
}

impl Needs {
    pub(crate) fn add_model(&mut self, model: &HubModel) {
        if !self.models.contains(model) {
            self.models.push(model.clone());
        }
    }

    pub(crate) fn add_film(&mut self, film: &CatalogEntry) {
        if !self.films.contains(film) {
            self.films.push(film.clone());
        }
    }
}

impl Matrix {
    /// What the matrix in a file needs that can be fetched.
    ///
    /// # Errors
    /// Everything that is wrong with it but for what fetching would put right; or why the file cannot be read.
    pub fn needs(file: &Path, folders: &Folders) -> Result<Needs, MatrixError> {
        read::needs(&read::read_text(file)?, file, folders)
    }
}
