//! Downloads the models and films that a matrix needs, and verifies them.
//!
//! Models go into the hub's own cache (layout: [`HubModel`](reelbench_matrix::HubModel)), so that every program which
//! knows that cache shares them: blobs under their hash, a link per file in the commit's snapshot, the commit of a
//! branch or tag in `refs`. Only what a model here needs is downloaded: configurations, tokenizers, and safetensors,
//! in one file or in the shards that the index names; never pickles. Films go where the catalog looks for them.
//!
//! # How a file arrives
//! Under a lock that other programs honour too, into `NAME.incomplete`, hashed as it grows. A cut connection goes on
//! where it ended, within one call and across calls, and starts over where the server ignores the range. The file gets
//! its own name when its hash is the one that the hub lists (SHA-256 of large files, git's hash of small ones) or
//! that the catalog holds; a snapshot gets its links when all of its files are there. At no moment is there something
//! under a final name that is not whole.
//!
//! # What goes wrong
//! | fault | what is done |
//! |---|---|
//! | 408, 429, 5xx, broken connection, silence | tried again after a random delay, at least as long as `Retry-After` asks; attempts are counted anew whenever bytes have come |
//! | a wrong hash of a file that was resumed | downloaded once more from its beginning |
//! | a wrong hash, a path or name that leads out of the folder | an error, and nothing is kept |
//! | 401, 403 | an error that names `HF_TOKEN` and where to accept a licence |
//! | too little space | an error before anything is downloaded |
//!
//! # Secrets
//! `HF_TOKEN` goes into the header of requests to `HF_ENDPOINT` and is left out where a redirect leads to another host.
//! It stands in no error, no `Debug` output and no file, and goes over plain `http` to the own network only.
//!
//! # Why not `hf-hub`
//! Version 1.0.0 checks neither hash nor size of what it downloads over HTTP, begins anew after every cut, brings a
//! second `reqwest` (0.13) and the Xet stack, and chooses files by glob, not by what the index of shards names.

mod client;
mod digest;
mod download;
mod endpoint;
mod error;
mod fetcher;
mod film;
mod listing;
mod local;
mod partial;
mod progress;
mod retry;
mod selection;
mod snapshot;
mod space;
mod stored;

pub use error::{Fault, FetchError, HttpError, Token};
pub use fetcher::Fetcher;
pub use local::{find_film, find_model};
pub use progress::{Event, Progress};
pub use retry::RetryPolicy;
pub use stored::{Check, Checked, State, StoredFile, StoredFilm, StoredModel};
