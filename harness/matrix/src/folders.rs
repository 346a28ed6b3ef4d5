//! Folders outside the matrix in which its words are looked up.

use std::path::PathBuf;

/// Folders outside the matrix in which its words are looked up.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folders {
    /// The hub's cache: `HF_HUB_CACHE`, else `HF_HOME/hub`, else `huggingface/hub` in the user's
    /// cache folder.
    pub hub: Option<PathBuf>,
    /// The folder of films that come with Reelbench: `REELBENCH_DATASETS`, else the one of the
    /// repository that this crate was built in.
    pub datasets: PathBuf,
    /// Films of the catalog by hash: `reelbench/datasets` in the user's cache folder.
    pub films: Option<PathBuf>,
}

impl Folders {
    /// The folders that the environment names.
    pub fn from_env() -> Self {
        Self::from_variables(|name| {
            std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        let hub = variable("HF_HUB_CACHE")
            .or_else(|| variable("HF_HOME").map(|home| home.join("hub")))
            .or_else(|| cache.as_ref().map(|cache| cache.join("huggingface/hub")));
        let datasets = variable("REELBENCH_DATASETS")
            .unwrap_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../datasets")));
        Self { hub, datasets, films: cache.map(|cache| cache.join("reelbench/datasets")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(variables: &[(&str, &str)]) -> Folders {
        Folders::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    fn the_narrowest_variable_wins() {
        let hub = |variables: &[(&str, &str)]| folders(variables).hub;
        assert_eq!(hub(&[("HF_HUB_CACHE", "/a"), ("HF_HOME", "/b"), ("HOME", "/c")]), Some("/a".into()));
        assert_eq!(hub(&[("HF_HOME", "/b"), ("HOME", "/c")]), Some("/b/hub".into()));
        assert_eq!(hub(&[("XDG_CACHE_HOME", "/x"), ("HOME", "/c")]), Some("/x/huggingface/hub".into()));
        assert_eq!(hub(&[("HOME", "/c")]), Some("/c/.cache/huggingface/hub".into()));
        assert_eq!(hub(&[]), None);
    }

    #[test]
    fn films_are_kept_in_the_users_cache() {
        assert_eq!(folders(&[("HOME", "/c")]).films, Some("/c/.cache/reelbench/datasets".into()));
        assert_eq!(folders(&[("REELBENCH_DATASETS", "/d")]).datasets, PathBuf::from("/d"));
    }
}
