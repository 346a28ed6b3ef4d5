//! A path that cannot leave the datasets folder.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

/// A relative path without `..`: it stays inside the folder it is joined to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct DatasetPath(PathBuf);

/// A path that could leave the datasets folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` could leave the datasets folder: write a relative path without `..`")]
pub struct DatasetPathError(pub String);

impl DatasetPath {
    /// The path, relative to the datasets folder.
    pub fn as_path(&self) -> &Path {
        &self.0
    }
}

impl TryFrom<String> for DatasetPath {
    type Error = DatasetPathError;
    fn try_from(text: String) -> Result<Self, DatasetPathError> {
        let path = PathBuf::from(&text);
        let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        if inside && !text.is_empty() { Ok(Self(path)) } else { Err(DatasetPathError(text)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_below_the_folder_are_accepted() {
        let path = DatasetPath::try_from("clips/a.mp4".to_owned()).unwrap();
        assert_eq!(path.as_path(), Path::new("clips/a.mp4"));
        for text in ["", "/etc/passwd", "../a.mp4", "clips/../../a.mp4", "./a.mp4"] {
            assert_eq!(DatasetPath::try_from(text.to_owned()), Err(DatasetPathError(text.to_owned())));
        }
    }
}
