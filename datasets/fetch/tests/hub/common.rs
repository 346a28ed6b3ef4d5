//! What most tests need: a cache, and a fetcher that does not wait long.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use reelbench_fetch::{Check, Event, FetchError, Fetcher, Progress, RetryPolicy, StoredModel};
use reelbench_http::{Backoff, Secret};
use reelbench_matrix::HubModel;
use reelbench_testkit::http::{Play, Received, Server};
use reelbench_testkit::hub::{COMMIT, Repository, sha256};
use tempfile::TempDir;

pub(crate) const TOKEN: &str = "hf_local_4711";

/// Default bounds, but delays of milliseconds.
pub(crate) const QUICK: RetryPolicy = RetryPolicy {
    attempts: 4,
    backoff: Backoff { base: Duration::from_millis(2), cap: Duration::from_millis(10) },
    longest_wait: Duration::from_mins(5),
};

/// What a fetch tells, in lines.
#[derive(Default)]
pub(crate) struct Told(Mutex<Vec<String>>);

impl Progress for Told {
    fn event(&self, file: &str, event: &Event<'_>) {
        self.0.lock().unwrap().push(format!("{file}: {event:?}"));
    }
}

impl Told {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// A cache, a hub and what was told of fetching from it.
pub(crate) struct Place {
    pub(crate) folder: TempDir,
    pub(crate) server: Server,
    pub(crate) told: Told,
    token: Option<Secret>,
}

impl Place {
    /// With a hub that serves a repository.
    pub(crate) fn serving(repository: Repository) -> Self {
        Self::playing(move |_, request| repository.answer(request))
    }

    pub(crate) fn playing(script: impl Fn(usize, &Received) -> Play + Send + Sync + 'static) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            server: Server::start(script),
            told: Told::default(),
            token: None,
        }
    }

    pub(crate) fn with_token(self) -> Self {
        Self { token: Some(Secret::new(TOKEN).unwrap()), ..self }
    }

    pub(crate) fn cache(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn fetcher(&self) -> Fetcher {
        Fetcher::new(&self.server.url(), self.token.clone()).unwrap().with_policy(QUICK)
    }

    pub(crate) fn fetch(&self, word: &str) -> Result<StoredModel, FetchError> {
        self.fetch_checking(word, Check::Size)
    }

    pub(crate) fn fetch_checking(&self, word: &str, check: Check) -> Result<StoredModel, FetchError> {
        self.fetcher().model(&model(word), self.cache(), check, &self.told)
    }

    /// How often a file was asked for, by the end of its path.
    pub(crate) fn asked(&self, path: &str) -> usize {
        self.server.received().iter().filter(|request| request.target.ends_with(path)).count()
    }

    /// Where a large file's blob is.
    pub(crate) fn blob(&self, content: &[u8]) -> PathBuf {
        self.cache().join("models--o--small/blobs").join(sha256(content))
    }
}

pub(crate) fn model(word: &str) -> HubModel {
    word.parse().unwrap()
}

pub(crate) fn small() -> Repository {
    Repository::new("o/small").with_model()
}

/// The folder of the snapshot that [`small`] comes to.
pub(crate) fn snapshot(cache: &Path) -> PathBuf {
    cache.join("models--o--small/snapshots").join(COMMIT)
}

/// Everything below a folder, by its path, but for locks.
pub(crate) fn tree(folder: &Path) -> Vec<String> {
    let mut open = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.is_symlink() {
                open.push(path);
            } else {
                found.push(path.strip_prefix(folder).unwrap().display().to_string());
            }
        }
    }
    found.retain(|path| !path.starts_with(".locks"));
    found.sort();
    found
}
