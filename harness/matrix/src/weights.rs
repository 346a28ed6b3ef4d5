//! The words that name weights: a path, `hf:owner/name[@revision]`, `dummy:PRESET[?seed=N]`.

use std::path::{Path, PathBuf};

use reelbench_protocol::Weights;

use crate::folders::Folders;

/// Why a word names no weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// A path to nothing.
    #[error("there is no file or folder `{0}`")]
    NoSuchFile(String),
    /// `hf:` with something else than a repository.
    #[error("`{0}` is not a repository of the hub")]
    NotARepository(String),
    /// A repository that was never fetched.
    #[error("`{word}` is not in the hub's cache at `{}`, and downloading is not available in this version", cache.display())]
    NotInCache {
        /// The word.
        word: String,
        /// The cache.
        cache: PathBuf,
        /// The repository, owner and name.
        repository: String,
        /// Branch, tag or commit.
        revision: String,
    },
    /// No cache to look in.
    #[error("the hub's cache is unknown, as neither HF_HUB_CACHE, HF_HOME nor HOME is set")]
    NoCache,
    /// `dummy:` with something else than a preset and a seed.
    #[error("`{0}` is not a preset with an optional seed")]
    NotAPreset(String),
}

impl WeightsError {
    /// What to do about it.
    pub fn help(&self) -> String {
        match self {
            Self::NoSuchFile(_) => "weights are a folder or file relative to the matrix, \
                                    hf:owner/name[@revision], or dummy:PRESET[?seed=N]"
                .to_owned(),
            Self::NotARepository(_) => "write hf:owner/name or hf:owner/name@revision".to_owned(),
            Self::NotInCache { repository, revision, .. } => {
                format!("fetch it with `hf download {repository} --revision {revision}`")
            }
            Self::NoCache => "set HF_HOME to the folder that holds the hub's cache".to_owned(),
            Self::NotAPreset(_) => "write dummy:PRESET or dummy:PRESET?seed=N".to_owned(),
        }
    }
}

/// Resolves a word; paths are relative to `base`. Nothing is read but the hub's references.
///
/// # Errors
/// [`WeightsError`], whose `help` says what to do.
pub fn resolve_weights(word: &str, base: &Path, folders: &Folders) -> Result<Weights, WeightsError> {
    if let Some(preset) = word.strip_prefix("dummy:") {
        return dummy(preset).ok_or_else(|| WeightsError::NotAPreset(word.to_owned()));
    }
    let path = match word.strip_prefix("hf:") {
        Some(repository) => snapshot(word, repository, folders)?,
        None => base.join(word),
    };
    match std::path::absolute(&path) {
        Ok(path) if !word.is_empty() && path.exists() => Ok(Weights::Local { path, name: word.to_owned() }),
        _ => Err(WeightsError::NoSuchFile(word.to_owned())),
    }
}

fn dummy(text: &str) -> Option<Weights> {
    let (preset, seed) = match text.split_once('?') {
        None => (text, 0),
        Some((preset, query)) => (preset, query.strip_prefix("seed=")?.parse().ok()?),
    };
    let named = !preset.is_empty() && preset.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
    named.then(|| Weights::Dummy { preset: preset.to_owned(), seed })
}

/// The folder of a fetched repository: `models--owner--name/snapshots/COMMIT`, where the commit of
/// a branch or tag stands in `refs/` (layout of `huggingface_hub`'s cache).
fn snapshot(word: &str, text: &str, folders: &Folders) -> Result<PathBuf, WeightsError> {
    let (repository, revision) = text.split_once('@').unwrap_or((text, "main"));
    let (owner, name) = repository
        .split_once('/')
        .filter(|(owner, name)| is_plain(owner) && is_plain(name) && revision.split('/').all(is_plain))
        .ok_or_else(|| WeightsError::NotARepository(word.to_owned()))?;
    let cache = folders.hub.as_ref().ok_or(WeightsError::NoCache)?;
    let home = cache.join(format!("models--{owner}--{name}"));
    let commit =
        std::fs::read_to_string(home.join("refs").join(revision)).unwrap_or_else(|_| revision.to_owned());
    let commit = commit.trim();
    let folder = home.join("snapshots").join(commit);
    if is_plain(commit) && folder.is_dir() {
        return Ok(folder);
    }
    Err(WeightsError::NotInCache {
        word: word.to_owned(),
        cache: cache.clone(),
        repository: repository.to_owned(),
        revision: revision.to_owned(),
    })
}

/// Whether a part of a name cannot lead out of a folder.
fn is_plain(part: &str) -> bool {
    !matches!(part, "" | "." | "..") && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
}
