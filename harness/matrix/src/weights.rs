//! The words that name weights: a path, `hf:owner/name[@revision]`, `dummy:PRESET[?seed=N]`.

use std::path::{Path, PathBuf};

use reelbench_protocol::Weights;

use crate::folders::Folders;
use crate::hub::{HubModel, NotARepository, missing_weights};

/// Why a word names no weights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// A path to nothing.
    #[error("there is no file or folder `{0}`")]
    NoSuchFile(String),
    /// `hf:` with something else than a repository.
    #[error(transparent)]
    NotARepository(#[from] NotARepository),
    /// A model that was never fetched.
    #[error("`{model}` is not in the hub's cache at `{}`", cache.display())]
    NotInCache {
        /// The model.
        model: HubModel,
        /// The cache.
        cache: PathBuf,
    },
    /// A model that was fetched in part.
    #[error("`{model}` is only partly in the hub's cache: `{file}` is missing from `{}`", snapshot.display())]
    Incomplete {
        /// The model.
        model: HubModel,
        /// The folder of its commit.
        snapshot: PathBuf,
        /// A file of its weights.
        file: String,
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
            Self::NotInCache { model, .. } | Self::Incomplete { model, .. } => format!(
                "run `bench fetch` on a matrix that names it, or `hf download {} --revision {}`",
                model.repository(),
                model.revision()
            ),
            Self::NoCache => "set HF_HOME to the folder that holds the hub's cache".to_owned(),
            Self::NotAPreset(_) => "write dummy:PRESET or dummy:PRESET?seed=N".to_owned(),
        }
    }

    /// Whether fetching would put it right.
    pub(crate) fn is_fetchable(&self) -> bool {
        matches!(self, Self::NotInCache { .. } | Self::Incomplete { .. })
    }
}

/// Resolves a word; paths are relative to `base`. Nothing is read but the hub's references
/// and indexes of shards.
///
/// # Errors
/// [`WeightsError`], whose `help` says what to do.
pub fn resolve_weights(word: &str, base: &Path, folders: &Folders) -> Result<Weights, WeightsError> {
    if let Some(preset) = word.strip_prefix("dummy:") {
        return dummy(preset).ok_or_else(|| WeightsError::NotAPreset(word.to_owned()));
    }
    let path = if word.starts_with("hf:") { snapshot(&word.parse()?, folders)? } else { base.join(word) };
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

/// The folder of a fetched model's commit, with all of its weights.
fn snapshot(model: &HubModel, folders: &Folders) -> Result<PathBuf, WeightsError> {
    let cache = folders.hub.as_ref().ok_or(WeightsError::NoCache)?;
    let commit = model.cached_commit(cache);
    let snapshot = commit.map(|commit| model.snapshot(cache, &commit)).filter(|folder| folder.is_dir());
    let Some(snapshot) = snapshot else {
        return Err(WeightsError::NotInCache { model: model.clone(), cache: cache.clone() });
    };
    match missing_weights(&snapshot) {
        Some(file) => Err(WeightsError::Incomplete { model: model.clone(), snapshot, file }),
        None => Ok(snapshot),
    }
}
