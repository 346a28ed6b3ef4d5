//! One request over the wire, and what it came to.

use std::io::{self, Read};
use std::time::Duration;

use reelbench_http::{Reach, Secret, chain, retry_after, shortened};
use reqwest::blocking::{Client as HttpClient, Response};
use reqwest::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue, RANGE};
use reqwest::{StatusCode, Url, redirect};

use crate::endpoint::Endpoint;
use crate::error::{Fault, FetchError, HttpError};
use crate::retry::{Gained, RetryPolicy, Setback};

/// Longest silence of a server, before its answer and within it.
const SILENCE: Duration = Duration::from_mins(1);
const CONNECT: Duration = Duration::from_secs(20);
const REDIRECTS: usize = 10;

/// What is asked for.
pub(crate) struct Get<'a> {
    pub(crate) url: Url,
    /// It is sent to the URL's own host alone: redirects to another one leave it out.
    pub(crate) token: Option<&'a Secret>,
    /// Bytes that are here already.
    pub(crate) from: u64,
}

/// The way to the hub and to films.
#[derive(Debug)]
pub(crate) struct Client {
    http: HttpClient,
    pub(crate) policy: RetryPolicy,
}

impl Client {
    /// Where the hub is asked over https, no redirect leads away from https either.
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, FetchError> {
        let builder = HttpClient::builder()
            .user_agent(concat!("reelbench/", env!("CARGO_PKG_VERSION")))
            .http1_only()
            .https_only(endpoint.is_https())
            .redirect(redirect::Policy::limited(REDIRECTS))
            .connect_timeout(CONNECT)
            .timeout(SILENCE);
        let builder = if endpoint.reach == Reach::Local { builder.no_proxy() } else { builder };
        let http = builder.build().map_err(|error| FetchError::Client { reason: chain(&error) })?;
        Ok(Self { http, policy: RetryPolicy::default() })
    }

    /// Asks, and judges the status. A range that the server cannot satisfy counts as an answer.
    pub(crate) fn get(&self, get: &Get<'_>) -> Result<Response, Setback<HttpError>> {
        // Ranges and sizes are those of the file itself.
        let identity = HeaderValue::from_static("identity");
        let mut request = self.http.get(get.url.clone()).header(ACCEPT_ENCODING, identity);
        // What cannot be sent was refused when it was read.
        if let Some(Ok(bearer)) = get.token.map(Secret::bearer) {
            request = request.header(AUTHORIZATION, bearer);
        }
        if get.from > 0 {
            request = request.header(RANGE, format!("bytes={}-", get.from));
        }
        let response = request.send().map_err(|error| Setback::Fault {
            fault: Fault::Connection { reason: quotable(&chain(&error.without_url()), get.token) },
            asked: None,
            gained: Gained::Nothing,
        })?;
        let status = response.status();
        if status.is_success() || (status == StatusCode::RANGE_NOT_SATISFIABLE && get.from > 0) {
            return Ok(response);
        }
        Err(refused(status, response.headers(), get.token))
    }
}

fn refused(status: StatusCode, headers: &HeaderMap, token: Option<&Secret>) -> Setback<HttpError> {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        quotable(value.unwrap_or_default(), token)
    };
    // What the hub says beside its status; `huggingface_hub` reads the same headers.
    let (code, message) = (text("x-error-code"), text("x-error-message"));
    match status.as_u16() {
        status @ (408 | 429 | 500..=599) => Setback::Fault {
            fault: Fault::Status { status, message },
            asked: retry_after(headers),
            gained: Gained::Nothing,
        },
        status => Setback::Final(HttpError::Refused { status, code, message }),
    }
}

/// Text from outside as it may stand in an error: without the token, and not too long.
fn quotable(text: &str, token: Option<&Secret>) -> String {
    match token {
        Some(token) => shortened(&token.redact(text)),
        None => shortened(text),
    }
}

/// What broke off while an answer was read.
pub(crate) fn broken(error: io::Error, token: Option<&Secret>) -> Fault {
    let reason = match error.downcast::<reqwest::Error>() {
        Ok(error) => chain(&error.without_url()),
        Err(error) => chain(&error),
    };
    Fault::Connection { reason: quotable(&reason, token) }
}

/// A whole answer of at most so many bytes; one byte more shows that there was more.
pub(crate) fn read_whole(
    response: Response,
    most: u64,
    token: Option<&Secret>,
) -> Result<Vec<u8>, Setback<HttpError>> {
    let mut body = Vec::new();
    match response.take(most + 1).read_to_end(&mut body) {
        Ok(_) => Ok(body),
        Err(error) => {
            Err(Setback::Fault { fault: broken(error, token), asked: None, gained: Gained::Nothing })
        }
    }
}
