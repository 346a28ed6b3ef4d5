//! What can go wrong.

use std::io;
use std::path::PathBuf;

use reelbench_http::UnusableSecret;
use reelbench_matrix::{HubModel, ShardIndexError};

/// Why something could not be fetched or found.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// An endpoint that is no plain address.
    #[error("HF_ENDPOINT {reason}; write it as https://HOST")]
    Endpoint {
        /// What is wrong with it. It is not repeated: it may hold a secret.
        reason: String,
    },
    /// A token that cannot be sent.
    #[error("HF_TOKEN holds no token: {0}; set it again or unset it")]
    UnusableToken(#[from] UnusableSecret),
    /// A token that anyone on the way could read.
    #[error(
        "HF_TOKEN would go to {host} unprotected; use an https HF_ENDPOINT, or unset HF_TOKEN if none is needed"
    )]
    UnprotectedToken {
        /// Where the token would go.
        host: String,
    },
    /// An HTTP client that cannot start, mostly for want of the system's certificates.
    #[error("cannot start an HTTP client: {reason}")]
    Client {
        /// The client's words.
        reason: String,
    },
    /// A folder that nothing in the environment names.
    #[error("there is no folder to keep {what} in: set {variable}")]
    NoFolder {
        /// What is kept.
        what: &'static str,
        /// What would name one.
        variable: &'static str,
    },
    /// 401 or 403 from the hub.
    #[error(
        "{model}: the hub answered {status}: there is no such repository, or reading it needs a token; \
         accept its terms at {page} if it has any, and {}", token_advice(*token)
    )]
    Locked {
        /// The model.
        model: HubModel,
        /// The HTTP status.
        status: u16,
        /// The model's page.
        page: String,
        /// Whether a token was sent along.
        token: Token,
    },
    /// 404 from the hub.
    #[error("{model}: the hub has no such {what}; check the name{}", hub_said(message))]
    NotOnHub {
        /// The model.
        model: HubModel,
        /// `repository`, `revision` or `file`.
        what: &'static str,
        /// The hub's words.
        message: String,
    },
    /// Anything else that a server says or does.
    #[error("{what}: {source}")]
    Http {
        /// What was asked for.
        what: String,
        /// What came of it.
        source: HttpError,
    },
    /// A list of files that cannot be used.
    #[error("{model}: the hub's list of files cannot be used: {reason}; check HF_ENDPOINT")]
    Listing {
        /// The model.
        model: HubModel,
        /// What is wrong with it.
        reason: String,
    },
    /// An index of shards that cannot be used.
    #[error("{model}: {source}")]
    ShardIndex {
        /// The model.
        model: HubModel,
        /// What is wrong with it.
        source: ShardIndexError,
    },
    /// A shard that the index names and the repository lacks.
    #[error("{model}: its index names the shard `{shard}`, which the repository does not have")]
    NoShard {
        /// The model.
        model: HubModel,
        /// The shard.
        shard: String,
    },
    /// No weights that would be opened.
    #[error(
        "{model}: it has neither model.safetensors nor an index of shards{}; pickled weights are never opened",
        others(offered)
    )]
    NoTensors {
        /// The model.
        model: HubModel,
        /// Weights under other names.
        offered: Vec<String>,
    },
    /// A file that is not what it should be. Nothing of it is kept.
    #[error(
        "{what}: its hash is {found}, not {expected}: the download was deleted; try again, and do not trust this source if it happens again"
    )]
    WrongHash {
        /// The file.
        what: String,
        /// What it should be, as hexadecimal digits.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A file on this machine that is not what it should be.
    #[error("{} has the hash {found}, not {expected}: run `bench fetch` with --verify and without --offline to replace it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What it should be, as hexadecimal digits.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Too little space.
    #[error("{} has {free} bytes free, and {needed} are needed: make room, or point {variable} elsewhere", folder.display())]
    Space {
        /// Where to.
        folder: PathBuf,
        /// Bytes still to come.
        needed: u64,
        /// Bytes there are.
        free: u64,
        /// What names the folder.
        variable: &'static str,
    },
    /// An entry of the catalog that cannot be used.
    #[error("the film `{film}` of the catalog cannot be used: {reason}")]
    Catalog {
        /// Its name.
        film: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A film that can be downloaded nowhere.
    #[error(
        "the film `{film}` has no address to download it from: save the file with SHA-256 {sha256} as {}; \
         the work is published at {page}", target.display()
    )]
    NoDownload {
        /// Its name in the catalog.
        film: String,
        /// Its hash.
        sha256: String,
        /// Where to save it.
        target: PathBuf,
        /// Where the work is published.
        page: String,
    },
    /// Not on this machine, and the network was not to be used.
    #[error("{what} is not on this machine: {missing} is missing; run `bench fetch` without --offline")]
    Missing {
        /// The model or film.
        what: String,
        /// What is missing.
        missing: String,
    },
    /// A file or folder that cannot be read or written.
    #[error("cannot {action} {} ({source})", path.display())]
    File {
        /// `read`, `write` …
        action: &'static str,
        /// Which one.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl FetchError {
    /// Adds the file to an error of reading or writing it.
    pub(crate) fn file(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

/// Whether requests carried a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// The one in `HF_TOKEN`.
    Sent,
    /// There is none.
    Unset,
}

/// What a server said or did.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// A status that will not change by asking again.
    #[error("the server answered {status}{}", said(message))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The hub's name of what is wrong, from `X-Error-Code`; empty elsewhere.
        code: String,
        /// The server's words.
        message: String,
    },
    /// The same again and again.
    #[error(
        "given up after {attempts} attempts; what has come is kept, and the next call goes on from there; the last one: {last}"
    )]
    GivenUp {
        /// How many.
        attempts: u32,
        /// What happened last.
        last: Fault,
    },
    /// A request to wait longer than is sensible.
    #[error(
        "the server asks to wait {wait_s} s, more than the {longest_s} s that are waited here; try later"
    )]
    WaitTooLong {
        /// What it asks for.
        wait_s: u64,
        /// What is waited.
        longest_s: u64,
    },
}

/// What may be gone at the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 408, 429 or 5xx.
    #[error("the server answered {status}{}", said(message))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's words.
        message: String,
    },
    /// A connection refused, reset, closed or silent, a name that does not resolve, something that is not HTTP.
    #[error("{reason}")]
    Connection {
        /// What happened, from the outside in.
        reason: String,
    },
    /// An answer that ends before the file does.
    #[error("the answer ended after {bytes} of {expected} bytes")]
    CutOff {
        /// What has come so far.
        bytes: u64,
        /// The size of the file.
        expected: u64,
    },
    /// An answer that goes on after the file's end, or is another part of it than was asked for.
    #[error("the answer is not the part of the file that was asked for")]
    OtherPart,
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

fn hub_said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(" (the hub says: {message})") }
}

fn others(offered: &[String]) -> String {
    if offered.is_empty() { String::new() } else { format!(", only {}", offered.join(", ")) }
}

fn token_advice(token: Token) -> &'static str {
    match token {
        Token::Sent => "check that the token in HF_TOKEN is valid and may read it",
        Token::Unset => "set HF_TOKEN to a token that may read it",
    }
}
