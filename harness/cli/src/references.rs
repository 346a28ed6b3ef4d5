//! What a matrix knows of its films, for the run directory to keep.

use std::path::Path;

use reelbench_matrix::Matrix;
use reelbench_reports::{ReferenceFiles, keep_references};

use crate::error::BenchError;

/// The reference files of a matrix.
pub(crate) fn of_matrix(matrix: &Matrix) -> ReferenceFiles {
    let films = matrix.videos().iter().filter(|video| !video.reference.is_empty());
    films.map(|video| (video.spec.id.clone(), video.reference.clone())).collect()
}

/// Copies a matrix's reference files into a new run directory.
///
/// # Errors
/// When a file cannot be copied.
pub(crate) fn keep(dir: &Path, matrix: &Matrix) -> Result<(), BenchError> {
    Ok(keep_references(dir, &of_matrix(matrix))?)
}
