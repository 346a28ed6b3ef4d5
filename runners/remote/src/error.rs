//! What can go wrong before the first request, and with one piece.

use reelbench_protocol::{Failure, FailureKind, Stage};

use crate::remote::MAX_CONCURRENCY;

/// A service that cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No key where nothing is given without one.
    #[error("the environment variable {variable} is not set; it must hold the key of {host}")]
    MissingKey {
        /// The variable.
        variable: &'static str,
        /// Who asks for it.
        host: String,
    },
    /// A key that cannot be sent.
    #[error("{variable} holds no key: a key is printable ASCII without spaces; set it again")]
    UnusableKey {
        /// The variable.
        variable: &'static str,
    },
    /// A key that anyone on the way could read.
    #[error(
        "the key in {variable} would go to {host} unprotected; use an `https` endpoint, or unset the variable if none is needed"
    )]
    UnprotectedKey {
        /// The variable.
        variable: &'static str,
        /// Where the key would go.
        host: String,
    },
    /// An endpoint that is no URL.
    #[error("`asr.endpoint` is no URL: {reason}; use one like https://api.openai.com/v1")]
    NotUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// A URL of another kind.
    #[error("`asr.endpoint` must begin with https:// or http://")]
    Scheme,
    /// A secret in a file.
    #[error("`asr.endpoint` holds a user or password; leave them out, keys are taken from the environment")]
    UserInfo,
    /// More than a base URL.
    #[error("`asr.endpoint` ends in `?` or `#` and more; leave that out, the rest is added to each request")]
    Query,
    /// A model without a usable name.
    #[error("`asr.model` names no model or deployment")]
    Model,
    /// A version without a name.
    #[error("`asr.api_version` is empty; leave it out to use the one that is known here")]
    ApiVersionEmpty,
    /// A version where there is none.
    #[error("`asr.api_version` is for `engine: azure` alone; leave it out")]
    ApiVersionUnused,
    /// A setting that must be at least 1.
    #[error("`asr.{setting}` is 0; use 1 or more")]
    Zero {
        /// Its name.
        setting: &'static str,
    },
    /// A number of workers out of range.
    #[error("`asr.concurrency` is {concurrency}; use 1 to {MAX_CONCURRENCY}")]
    Concurrency {
        /// What was asked.
        concurrency: u32,
    },
    /// An HTTP client that cannot start, mostly for want of the system's certificates.
    #[error("cannot start an HTTP client: {reason}")]
    Client {
        /// The client's words.
        reason: String,
    },
}

/// A piece that could not be transcribed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// More sound than a service takes.
    #[error(
        "{seconds} s of sound are more than the {most_seconds} s that a request holds; use `per: scene`, or a lower scene threshold where one scene is that long"
    )]
    TooLong {
        /// Its length, in whole seconds.
        seconds: u64,
        /// What a request holds, in whole seconds.
        most_seconds: u64,
    },
    /// A request that cannot be built.
    #[error("cannot build the request: {reason}")]
    Request {
        /// The HTTP client's words.
        reason: String,
    },
    /// 401 or 403.
    #[error("the service answered {status}, as to a wrong or missing key{}; check {variable}", said(message))]
    Unauthorized {
        /// The HTTP status.
        status: u16,
        /// The variable that holds the key.
        variable: &'static str,
        /// The service's words; empty for 401, where services repeat parts of the key.
        message: String,
    },
    /// Any other status that will not change by asking again.
    #[error("the service refused the request with {status}{}", said(message))]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The service's words.
        message: String,
    },
    /// A redirect, which would carry the key elsewhere.
    #[error(
        "the service answered with a redirect ({status}), which is not followed; set `asr.endpoint` to its final address"
    )]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// A request to wait longer than is sensible.
    #[error(
        "the service asks to wait {wait_s} s, more than the {longest_s} s that are waited here; try later"
    )]
    WaitTooLong {
        /// What it asks for.
        wait_s: u64,
        /// What is waited.
        longest_s: u64,
    },
    /// Nothing but 429.
    #[error(
        "the service limited the rate {limits} times{}; set `requests_per_minute` or lower `concurrency`",
        said(message)
    )]
    StillLimited {
        /// How often.
        limits: u32,
        /// The service's words.
        message: String,
    },
    /// The same again and again.
    #[error("given up after {attempts} attempts; the last one: {last}")]
    GivenUp {
        /// How many.
        attempts: u32,
        /// What happened last.
        last: Fault,
    },
    /// An answer that is no transcript.
    #[error("the answer is no transcript: {reason}; check that `asr.endpoint` is a transcription service")]
    NotTranscript {
        /// What is wrong with it.
        reason: String,
    },
}

/// What may be gone at the next attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// 408, 409 or 5xx.
    #[error("the service answered {status}{}", said(message))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The service's words.
        message: String,
    },
    /// No whole answer in time.
    #[error("no answer within {after_s} s; raise `request_timeout_s` if the service needs longer")]
    Timeout {
        /// The time a request has.
        after_s: u64,
    },
    /// A connection refused, reset or closed, a name that does not resolve, something that is not HTTP.
    #[error("{reason}")]
    Connection {
        /// What happened, from the outside in.
        reason: String,
    },
    /// JSON that ends too early.
    #[error("the answer ends in the middle")]
    CutOff,
}

fn said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
}

impl From<SetupError> for Failure {
    fn from(error: SetupError) -> Self {
        Self::new(FailureKind::Unsupported, error).in_stage(Stage::Asr)
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        let kind = match error {
            RemoteError::TooLong { .. } => FailureKind::Unsupported,
            _ => FailureKind::Service,
        };
        Self::new(kind, error).in_stage(Stage::Asr)
    }
}
