//! Free space.

use std::path::Path;

use crate::error::FetchError;

/// Makes sure that `needed` bytes fit into a folder that exists; `variable` is what names the folder.
///
/// # Errors
/// When they do not. A file system that does not tell its free space is taken to have enough.
pub(crate) fn require(folder: &Path, needed: u64, variable: &'static str) -> Result<(), FetchError> {
    let Ok(space) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if needed <= free {
        return Ok(());
    }
    Err(FetchError::Space { folder: folder.to_owned(), needed, free, variable })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_there_is_does_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        require(folder.path(), 0, "HF_HOME").unwrap();
        let error = require(folder.path(), u64::MAX, "HF_HOME").unwrap_err().to_string();
        assert!(error.contains("HF_HOME") && error.contains(&u64::MAX.to_string()), "{error}");
    }
}
