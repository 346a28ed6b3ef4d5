//! Models of the hub, and where its cache keeps them.
//!
//! Source of the layout: "Hub Local Cache" of the hub's documentation, as of `huggingface_hub` 0.36:
//! `models--OWNER--NAME/` holds `blobs/` by hash, `snapshots/COMMIT/` with a link per file, and `refs/` with the
//! commit of each branch and tag.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

/// The revision of a word that names none.
const MAIN: &str = "main";

/// Weights in one file.
pub const SINGLE_FILE: &str = "model.safetensors";
/// What says which shard holds which tensor of weights in several files.
pub const SHARD_INDEX: &str = "model.safetensors.index.json";

/// A model of the hub at a revision, as `hf:owner/name[@revision]` names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HubModel {
    owner: String,
    name: String,
    revision: String,
}

/// A word that names no model of the hub.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a repository of the hub")]
pub struct NotARepository(pub String);

impl FromStr for HubModel {
    type Err = NotARepository;
    fn from_str(word: &str) -> Result<Self, NotARepository> {
        let parts = || {
            let text = word.strip_prefix("hf:")?;
            let (repository, revision) = text.split_once('@').unwrap_or((text, MAIN));
            let (owner, name) = repository.split_once('/')?;
            let plain = is_plain(owner) && is_plain(name) && revision.split('/').all(is_plain);
            plain.then(|| Self { owner: owner.into(), name: name.into(), revision: revision.into() })
        };
        parts().ok_or_else(|| NotARepository(word.to_owned()))
    }
}

/// As a matrix names it; without the revision where it is `main`.
impl fmt::Display for HubModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hf:{}", self.repository())?;
        if self.revision == MAIN { Ok(()) } else { write!(f, "@{}", self.revision) }
    }
}

impl HubModel {
    /// `owner/name`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// Branch, tag or commit.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// Its folder's name in the cache, and in the cache's `.locks`.
    pub fn folder_name(&self) -> String {
        format!("models--{}--{}", self.owner, self.name)
    }

    /// Where the cache notes the commit of the revision; nowhere where the revision is a commit.
    pub fn reference(&self, cache: &Path) -> Option<PathBuf> {
        (!is_commit(&self.revision)).then(|| cache.join(self.folder_name()).join("refs").join(&self.revision))
    }

    /// The files of a commit.
    pub fn snapshot(&self, cache: &Path, commit: &str) -> PathBuf {
        cache.join(self.folder_name()).join("snapshots").join(commit)
    }

    /// The commit that the revision stands for, as far as the cache knows it.
    pub fn cached_commit(&self, cache: &Path) -> Option<String> {
        let Some(reference) = self.reference(cache) else { return Some(self.revision.clone()) };
        let text = std::fs::read_to_string(reference).unwrap_or_else(|_unknown| self.revision.clone());
        let commit = text.trim();
        is_plain(commit).then(|| commit.to_owned())
    }
}

/// Whether a part of a name cannot lead out of a folder.
fn is_plain(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}

/// Whether a revision is a whole commit, in lower-case digits as git prints it; such a one never moves.
pub fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// An index of shards that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ShardIndexError {
    /// Not the JSON of an index.
    #[error("{SHARD_INDEX} is no index of shards: {0}")]
    Json(#[from] serde_json::Error),
    /// A shard outside the folder, or one that is no safetensors file.
    #[error("{SHARD_INDEX} names the shard `{0}`, which is no plain name of a .safetensors file")]
    Shard(String),
    /// No shard at all.
    #[error("{SHARD_INDEX} names no shard")]
    Empty,
}

/// The shards that an index names, in order of their names.
///
/// # Errors
/// [`ShardIndexError`], also where a shard's name could lead out of its folder.
pub fn shards(index: &[u8]) -> Result<BTreeSet<String>, ShardIndexError> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let Index { weight_map } = serde_json::from_slice(index)?;
    let names: BTreeSet<String> = weight_map.into_values().collect();
    let usable =
        |name: &String| is_plain(name) && Path::new(name).extension().is_some_and(|end| end == "safetensors");
    match names.iter().find(|name| !usable(name)) {
        Some(name) => Err(ShardIndexError::Shard(name.clone())),
        None if names.is_empty() => Err(ShardIndexError::Empty),
        None => Ok(names),
    }
}

/// A file of weights that a snapshot lacks: an interrupted download, or one of another program that wanted only part.
pub fn missing_weights(snapshot: &Path) -> Option<String> {
    if snapshot.join(SINGLE_FILE).is_file() {
        return None;
    }
    let Ok(index) = std::fs::read(snapshot.join(SHARD_INDEX)) else { return Some(SINGLE_FILE.to_owned()) };
    // What is wrong with an index is told by whoever loads the model.
    shards(&index).ok()?.into_iter().find(|shard| !snapshot.join(shard).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn index(shards: &[&str]) -> Vec<u8> {
        let entries: Vec<String> =
            shards.iter().map(|shard| format!("\"{shard}.weight\": \"{shard}\"")).collect();
        format!("{{\"weight_map\": {{{}}}}}", entries.join(", ")).into_bytes()
    }

    #[test]
    fn words_come_back_as_they_were() {
        for word in ["hf:a/b", "hf:a/b@v1.0", "hf:a/b@refs/pr/1"] {
            assert_eq!(word.parse::<HubModel>().unwrap().to_string(), word);
        }
        assert_eq!("hf:a/b@main".parse::<HubModel>().unwrap().to_string(), "hf:a/b");
    }

    #[test]
    fn a_commit_needs_no_reference() {
        let cache = Path::new("/cache");
        let pinned: HubModel = format!("hf:a/b@{COMMIT}").parse().unwrap();
        assert_eq!(pinned.reference(cache), None);
        assert_eq!(pinned.cached_commit(cache).as_deref(), Some(COMMIT));
        assert!(!is_commit(&COMMIT.to_uppercase()) && !is_commit(&COMMIT[1..]));
        let branch: HubModel = "hf:a/b@refs/pr/1".parse().unwrap();
        assert_eq!(branch.reference(cache), Some("/cache/models--a--b/refs/refs/pr/1".into()));
    }

    #[test]
    fn an_index_names_its_shards() {
        let names = shards(&index(&["model-2.safetensors", "model-1.safetensors"])).unwrap();
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["model-1.safetensors", "model-2.safetensors"]);
        for hostile in ["../x.safetensors", "/x.safetensors", "a/b.safetensors", "model.bin", ".."] {
            let error = shards(&index(&[hostile])).unwrap_err();
            assert!(matches!(&error, ShardIndexError::Shard(name) if name == hostile), "{error}");
        }
        assert!(matches!(shards(&index(&[])), Err(ShardIndexError::Empty)));
        assert!(matches!(shards(b"[]"), Err(ShardIndexError::Json(_))));
    }

    #[test]
    fn a_snapshot_tells_what_it_lacks() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        assert_eq!(missing_weights(path).as_deref(), Some(SINGLE_FILE));
        std::fs::write(path.join(SHARD_INDEX), index(&["a.safetensors", "b.safetensors"])).unwrap();
        std::fs::write(path.join("a.safetensors"), "").unwrap();
        assert_eq!(missing_weights(path).as_deref(), Some("b.safetensors"));
        std::fs::write(path.join("b.safetensors"), "").unwrap();
        assert_eq!(missing_weights(path), None);
    }
}
