//! Models, from the hub into its cache.

use std::fs;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread;

use reelbench_http::Secret;
use reelbench_matrix::{HubModel, is_commit, shards};

use crate::client::{Client, Get, read_whole};
use crate::download::Item;
use crate::endpoint::Endpoint;
use crate::error::{FetchError, HttpError, Token};
use crate::listing::{HubFile, Listing, MOST_BYTES, Tensors};
use crate::partial::partial_path;
use crate::progress::{Event, Progress};
use crate::retry::RetryPolicy;
use crate::snapshot::Snapshot;
use crate::space;
use crate::stored::{Check, StoredFile, StoredModel};

/// Files of a model that are under way at once.
const AT_ONCE: usize = 4;

/// What names the folder of the hub's cache.
const CACHE_VARIABLE: &str = "HF_HOME";

/// Downloads from the hub and from where films are published.
#[derive(Debug)]
pub struct Fetcher {
    pub(crate) client: Client,
    endpoint: Endpoint,
}

impl Fetcher {
    /// For the hub at `HF_ENDPOINT`, else the public one, with the token in `HF_TOKEN`, if any.
    ///
    /// # Errors
    /// When either cannot be used.
    pub fn from_env() -> Result<Self, FetchError> {
        Self::with_endpoint(Endpoint::from_env()?)
    }

    /// For the hub at an address.
    ///
    /// # Errors
    /// When the address is no plain URL, or the token would go there unprotected.
    pub fn new(address: &str, token: Option<Secret>) -> Result<Self, FetchError> {
        Self::with_endpoint(Endpoint::new(address, token)?)
    }

    fn with_endpoint(endpoint: Endpoint) -> Result<Self, FetchError> {
        Ok(Self { client: Client::new(&endpoint)?, endpoint })
    }

    /// The same, trying as often as `policy` says.
    #[must_use]
    pub fn with_policy(mut self, policy: RetryPolicy) -> Self {
        self.client.policy = policy;
        self
    }

    /// Sees to it that all that a model needs is in the cache, and right.
    ///
    /// # Errors
    /// When something is missing or wrong at the hub, cannot be downloaded, or cannot be written. The snapshot is then
    /// as it was; files that came whole are kept, and found by the next call.
    pub fn model(
        &self,
        model: &HubModel,
        cache: &Path,
        check: Check,
        progress: &dyn Progress,
    ) -> Result<StoredModel, FetchError> {
        let listing = self.listing(model, progress)?;
        let shelf = Shelf {
            fetcher: self,
            snapshot: Snapshot { cache, model, commit: &listing.commit },
            check,
            progress,
        };
        let mut files: Vec<&HubFile> = listing.companions().iter().collect();
        let mut stored = Vec::new();
        let index = match listing.tensors() {
            Tensors::Single(file) => {
                files.push(file);
                None
            }
            Tensors::Sharded { index } => {
                // First, as it says which shards there are.
                stored.push(shelf.provide(index)?);
                files.extend(shelf.shards(index, &listing)?);
                Some(index)
            }
            Tensors::Elsewhere(offered) => {
                return Err(FetchError::NoTensors { model: model.clone(), offered });
            }
        };
        shelf.require_space(&files)?;
        stored.extend(shelf.provide_all(&files)?);
        stored.sort_by(|one, other| one.path.cmp(&other.path));
        shelf.snapshot.publish(files.into_iter().chain(index))?;
        let folder = shelf.snapshot.folder();
        Ok(StoredModel { model: model.to_string(), commit: listing.commit.clone(), folder, files: stored })
    }

    fn listing(&self, model: &HubModel, progress: &dyn Progress) -> Result<Listing, FetchError> {
        let name = format!("{model}: list of files");
        let token = self.endpoint.token.as_ref();
        let get = Get { url: self.endpoint.listing(model), token, from: 0 };
        let attempt = || read_whole(self.client.get(&get)?, MOST_BYTES, token);
        let answer = self.client.policy.run(
            attempt,
            |error| error,
            |delay, fault| progress.event(&name, &Event::Waiting { delay, fault }),
        );
        let answer = answer.map_err(|error| self.explained(model, model.to_string(), error))?;
        let unusable = |reason| FetchError::Listing { model: model.clone(), reason };
        let listing = Listing::parse(&answer).map_err(unusable)?;
        if is_commit(model.revision()) && listing.commit != model.revision() {
            return Err(unusable(format!("it is of another commit, {}", listing.commit)));
        }
        Ok(listing)
    }

    /// What a refusal of the hub means for a model.
    fn explained(&self, model: &HubModel, what: String, error: HttpError) -> FetchError {
        match error {
            HttpError::Refused { status: status @ (401 | 403), .. } => FetchError::Locked {
                model: model.clone(),
                status,
                page: self.endpoint.page(model).to_string(),
                token: if self.endpoint.token.is_some() { Token::Sent } else { Token::Unset },
            },
            HttpError::Refused { status: 404, code, message } => FetchError::NotOnHub {
                model: model.clone(),
                what: match code.as_str() {
                    "RepoNotFound" => "repository",
                    "EntryNotFound" => "file",
                    "RevisionNotFound" => "revision",
                    _ => "repository or revision",
                },
                message,
            },
            source => FetchError::Http { what, source },
        }
    }
}

/// The files of one model on their way into the cache.
struct Shelf<'a> {
    fetcher: &'a Fetcher,
    snapshot: Snapshot<'a>,
    check: Check,
    progress: &'a dyn Progress,
}

impl Shelf<'_> {
    fn item(&self, file: &HubFile) -> Item<'_> {
        let Snapshot { model, commit, .. } = self.snapshot;
        Item {
            name: format!("{model}: {}", file.path),
            url: self.fetcher.endpoint.file(model, commit, &file.path),
            token: self.fetcher.endpoint.token.as_ref(),
            target: self.snapshot.blobs().join(file.digest.as_str()),
            lock: self.snapshot.lock(&file.digest),
            bytes: Some(file.bytes),
            digest: file.digest.clone(),
            variable: CACHE_VARIABLE,
        }
    }

    fn provide(&self, file: &HubFile) -> Result<StoredFile, FetchError> {
        let item = self.item(file);
        let (state, checked) =
            self.fetcher.client.provide(&item, self.check, self.progress).map_err(|error| match error {
                FetchError::Http { what, source } => {
                    self.fetcher.explained(self.snapshot.model, what, source)
                }
                other => other,
            })?;
        Ok(StoredFile { path: file.path.clone(), bytes: file.bytes, state, checked })
    }

    /// The shards that an index names, which is here already.
    fn shards<'l>(&self, index: &HubFile, listing: &'l Listing) -> Result<Vec<&'l HubFile>, FetchError> {
        let model = self.snapshot.model;
        let path = self.snapshot.blobs().join(index.digest.as_str());
        let text = fs::read(&path).map_err(FetchError::file("read", path))?;
        let names =
            shards(&text).map_err(|source| FetchError::ShardIndex { model: model.clone(), source })?;
        let shard = |name: String| match listing.shard(&name) {
            Some(file) => Ok(file),
            None => Err(FetchError::NoShard { model: model.clone(), shard: name }),
        };
        names.into_iter().map(shard).collect()
    }

    /// Makes sure that all that is still to come fits.
    fn require_space(&self, files: &[&HubFile]) -> Result<(), FetchError> {
        let blobs = self.snapshot.blobs();
        fs::create_dir_all(&blobs).map_err(FetchError::file("create", &blobs))?;
        let length = |path: &Path| fs::metadata(path).map_or(0, |metadata| metadata.len());
        let to_come = |file: &&HubFile| {
            let blob = blobs.join(file.digest.as_str());
            let here = length(&blob).max(length(&partial_path(&blob)));
            file.bytes.saturating_sub(here)
        };
        space::require(&blobs, files.iter().map(to_come).sum(), CACHE_VARIABLE)
    }

    /// Several at once; what goes wrong with one does not stop the others, as what has come is kept.
    fn provide_all(&self, files: &[&HubFile]) -> Result<Vec<StoredFile>, FetchError> {
        let queue = Mutex::new(files.iter());
        let done = Mutex::new(Vec::with_capacity(files.len()));
        let work = || {
            loop {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(file) = next else { return };
                let result = self.provide(file);
                done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
            }
        };
        thread::scope(|scope| {
            for _worker in 0..AT_ONCE.min(files.len()) {
                scope.spawn(work);
            }
        });
        done.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().collect()
    }
}
