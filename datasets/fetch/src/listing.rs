//! What the hub says a repository holds.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use reelbench_matrix::{SINGLE_FILE, is_commit};
use serde::Deserialize;

use crate::digest::Digest;
use crate::selection::{Part, part};

/// Most bytes of a list; those of the largest repositories have a few.
pub(crate) const MOST_BYTES: u64 = 32 << 20;

/// A file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HubFile {
    /// Relative, and inside the folder it is joined to.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) digest: Digest,
}

/// The files of a model at one commit, as far as they matter here.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) commit: String,
    companions: Vec<HubFile>,
    tensors: BTreeMap<String, HubFile>,
    index: Option<HubFile>,
}

/// Where a model's tensors are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Tensors<'a> {
    Single(&'a HubFile),
    Sharded {
        index: &'a HubFile,
    },
    /// Only under names that nothing here opens.
    Elsewhere(Vec<String>),
}

/// The hub's answer: `ModelInfo` with `files_metadata` of `huggingface_hub` 0.36.
#[derive(Deserialize)]
struct Answer {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    #[serde(rename = "blobId")]
    blob_id: Option<String>,
    lfs: Option<Large>,
}

#[derive(Deserialize)]
struct Large {
    sha256: String,
    size: u64,
}

impl Listing {
    /// Reads the hub's answer.
    ///
    /// # Errors
    /// What is wrong with it, also where a path could lead out of the folder it is joined to.
    pub(crate) fn parse(answer: &[u8]) -> Result<Self, String> {
        if answer.len() as u64 > MOST_BYTES {
            return Err(format!("it is longer than {} MiB", MOST_BYTES >> 20));
        }
        let Answer { sha, siblings } = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
        if !is_commit(&sha) {
            return Err(format!("`{}` is no commit", sha.escape_debug()));
        }
        let mut listing = Self { commit: sha, companions: Vec::new(), tensors: BTreeMap::new(), index: None };
        for sibling in siblings {
            if !stays_inside(&sibling.rfilename) {
                let path = sibling.rfilename.escape_debug();
                return Err(format!("the path `{path}` leads out of the repository's folder"));
            }
            match part(&sibling.rfilename) {
                Some(Part::Companion) => listing.companions.push(sibling.file()?),
                Some(Part::Index) => listing.index = Some(sibling.file()?),
                Some(Part::Tensors) => {
                    let file = sibling.file()?;
                    listing.tensors.insert(file.path.clone(), file);
                }
                None => {}
            }
        }
        Ok(listing)
    }

    /// Configurations and tokenizers.
    pub(crate) fn companions(&self) -> &[HubFile] {
        &self.companions
    }

    /// Where the tensors are; one file goes before shards, as it does where a model is opened.
    pub(crate) fn tensors(&self) -> Tensors<'_> {
        match (self.tensors.get(SINGLE_FILE), &self.index) {
            (Some(single), _) => Tensors::Single(single),
            (None, Some(index)) => Tensors::Sharded { index },
            (None, None) => Tensors::Elsewhere(self.tensors.keys().cloned().collect()),
        }
    }

    /// A shard by its name.
    pub(crate) fn shard(&self, name: &str) -> Option<&HubFile> {
        self.tensors.get(name)
    }
}

impl Sibling {
    fn file(self) -> Result<HubFile, String> {
        let Self { rfilename: path, size, blob_id, lfs } = self;
        let (bytes, digest) = match lfs {
            Some(Large { sha256, size }) => (Some(size), Digest::sha256(&sha256)),
            None => (size, blob_id.zip(size).and_then(|(id, bytes)| Digest::git_blob(&id, bytes))),
        };
        match (bytes, digest) {
            (Some(bytes), Some(digest)) => Ok(HubFile { path, bytes, digest }),
            _ => Err(format!("`{path}` has no size or no hash, so it cannot be verified")),
        }
    }
}

fn stays_inside(path: &str) -> bool {
    let normal = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
    normal && !path.is_empty() && !path.contains(['\\', '\0'])
}

#[cfg(test)]
mod tests {
    use reelbench_matrix::SHARD_INDEX;

    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn parse(siblings: &str) -> Result<Listing, String> {
        Listing::parse(format!(r#"{{"sha": "{COMMIT}", "siblings": [{siblings}]}}"#).as_bytes())
    }

    fn small(path: &str) -> String {
        format!(r#"{{"rfilename": "{path}", "size": 2, "blobId": "{COMMIT}"}}"#)
    }

    #[test]
    fn sizes_and_hashes_are_those_of_the_contents() {
        let pointer =
            r#"{"size": 7, "sha256": "HASH", "pointerSize": 134}"#.replace("HASH", &"ab".repeat(32));
        let large = format!(
            r#"{{"rfilename": "model.safetensors", "size": 7, "blobId": "{COMMIT}", "lfs": {pointer}}}"#
        );
        let listing = parse(&format!("{large}, {}", small("config.json"))).unwrap();
        let Tensors::Single(file) = listing.tensors() else { panic!("{listing:?}") };
        assert_eq!((file.bytes, file.digest.as_str()), (7, "ab".repeat(32).as_str()));
        assert_eq!(listing.companions()[0].digest, Digest::git_blob(COMMIT, 2).unwrap());
    }

    #[test]
    fn shards_are_found_by_their_index_and_other_names_are_told() {
        let listing = parse(&[SHARD_INDEX, "model-1.safetensors"].map(small).join(",")).unwrap();
        assert!(matches!(listing.tensors(), Tensors::Sharded { index } if index.path == SHARD_INDEX));
        assert!(
            listing.shard("model-1.safetensors").is_some() && listing.shard("model-2.safetensors").is_none()
        );
        let listing = parse(&["yolov8n.safetensors", "pytorch_model.bin"].map(small).join(",")).unwrap();
        assert_eq!(listing.tensors(), Tensors::Elsewhere(vec!["yolov8n.safetensors".to_owned()]));
    }

    #[test]
    fn a_list_that_cannot_be_trusted_is_refused() {
        for path in ["../config.json", "/etc/passwd", "a/../../b.json", "", "./x", "a\\\\b"] {
            let error = parse(&small(path)).unwrap_err();
            assert!(error.contains("leads out"), "{path}: {error}");
        }
        let unverifiable = r#"{"rfilename": "config.json", "size": 2}"#;
        assert!(parse(unverifiable).unwrap_err().contains("cannot be verified"));
        let blob = r#"{"rfilename": "config.json", "size": 2, "blobId": "../../x"}"#;
        assert!(parse(blob).unwrap_err().contains("cannot be verified"));
        assert!(parse(r#"{"rfilename": "README.md"}"#).is_ok(), "what is not wanted is no matter");
        assert!(Listing::parse(br#"{"sha": "../../x", "siblings": []}"#).unwrap_err().contains("no commit"));
        assert!(Listing::parse(b"<html>").is_err());
    }
}
