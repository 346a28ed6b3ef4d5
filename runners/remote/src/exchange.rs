//! One request over the wire, and what it came to.

use std::io::{self, Read};
use std::time::Duration;

use reelbench_http::{Reach, chain, retry_after, shortened};
use reelbench_protocol::RemoteSpec;
use reqwest::blocking::multipart::{Form, Part};
use reqwest::blocking::{Client, Request, Response};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use reqwest::{StatusCode, redirect};

use crate::answer::{ErrorDetail, error_detail};
use crate::endpoint::{Access, Endpoint, Service};
use crate::error::{Fault, RemoteError, SetupError};
use crate::key::ApiKey;

/// Most bytes of an answer: a transcript of an hour is far below one megabyte.
const MOST_ANSWER_BYTES: u64 = 16 << 20;

/// What a service is asked to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `verbose_json`: text with the times of its segments.
    Verbose,
    /// `json`: text alone, all that some models offer.
    Plain,
}

/// A request that can be made again and again.
pub(crate) struct Prepared {
    request: Request,
    format: Format,
}

#[cfg(test)]
impl Prepared {
    /// Bytes of the whole form.
    pub(crate) fn body_len(&self) -> Option<usize> {
        self.request.body()?.as_bytes().map(<[u8]>::len)
    }
}

/// What a request came to.
pub(crate) enum Outcome {
    /// A body, most likely with a transcript.
    Answered(Vec<u8>),
    /// The rate is limited; `asked` is how long the service asks to wait.
    Limited { message: String, asked: Option<Duration> },
    /// It may be well next time.
    Faulty { fault: Fault, asked: Option<Duration> },
    /// The model does not offer [`Format::Verbose`].
    PlainOnly,
    /// It would be the same next time.
    Refused(RemoteError),
}

/// The way to a service.
#[derive(Debug)]
pub(crate) struct Channel {
    client: Client,
    service: Service,
    endpoint: Endpoint,
    model: String,
    timeout: Duration,
    key: Option<ApiKey>,
}

impl Channel {
    /// A client for the endpoint of `spec`; nothing is sent yet.
    pub(crate) fn new(service: Service, spec: &RemoteSpec, key: Option<ApiKey>) -> Result<Self, SetupError> {
        let access = if key.is_some() { Access::Keyed } else { Access::Open };
        let endpoint = Endpoint::new(service, spec, access)?;
        if spec.request_timeout_s == 0 {
            return Err(SetupError::Zero { setting: "request_timeout_s" });
        }
        let timeout = Duration::from_secs(spec.request_timeout_s.into());
        let builder = Client::builder()
            .user_agent(concat!("reelbench/", env!("CARGO_PKG_VERSION")))
            // One connection per worker, whatever other crates turn on in the HTTP client.
            .http1_only()
            .redirect(redirect::Policy::none());
        let builder = if endpoint.reach == Reach::Local { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| SetupError::Client { reason: chain(&error) })?;
        Ok(Self { client, service, endpoint, model: spec.model.clone(), timeout, key })
    }

    /// The request that sends a WAV file. Its body is shared by all attempts.
    pub(crate) fn prepare(&self, wav: Vec<u8>, format: Format) -> Result<Prepared, RemoteError> {
        let unbuilt = |reason: String| RemoteError::Request { reason };
        let file = Part::bytes(wav).file_name("scene.wav").mime_str("audio/wav");
        let file = file.map_err(|error| unbuilt(chain(&error)))?;
        let form = Form::new().part("file", file).text("model", self.model.clone()).text("temperature", "0");
        let form = match format {
            Format::Verbose => {
                form.text("response_format", "verbose_json").text("timestamp_granularities[]", "segment")
            }
            Format::Plain => form.text("response_format", "json"),
        };
        let content_type = format!("multipart/form-data; boundary={}", form.boundary());
        // In memory rather than streamed: an answer that comes before the whole form is sent is still read.
        let mut body = Vec::new();
        form.into_reader().read_to_end(&mut body).map_err(|error| unbuilt(error.to_string()))?;
        let mut request = self
            .client
            .post(self.endpoint.url.clone())
            .timeout(self.timeout)
            .header(CONTENT_TYPE, content_type)
            .header(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            let value = key.header(self.service).map_err(|error| unbuilt(error.to_string()))?;
            request = request.header(self.service.key_header(), value);
        }
        let request = request.body(body).build().map_err(|error| unbuilt(chain(&error.without_url())))?;
        Ok(Prepared { request, format })
    }

    /// Sends a request and reads the whole answer.
    pub(crate) fn exchange(&self, prepared: &Prepared) -> Outcome {
        let Some(request) = prepared.request.try_clone() else {
            let reason = "its body cannot be sent twice".to_owned();
            return Outcome::Refused(RemoteError::Request { reason });
        };
        match self.client.execute(request) {
            Ok(response) => self.receive(response, prepared.format),
            Err(error) => Outcome::Faulty { fault: self.broken(error), asked: None },
        }
    }

    fn receive(&self, response: Response, format: Format) -> Outcome {
        let status = response.status();
        let asked = retry_after(response.headers());
        let body = match read(response) {
            Ok(body) => body,
            Err(error) if status.is_success() => {
                return Outcome::Faulty { fault: self.unread(error), asked };
            }
            // The status says enough.
            Err(_unread) => Vec::new(),
        };
        if status.is_success() {
            return if body.len() as u64 > MOST_ANSWER_BYTES {
                let reason = format!("it is longer than {} MB", MOST_ANSWER_BYTES >> 20);
                Outcome::Refused(RemoteError::NotTranscript { reason })
            } else {
                Outcome::Answered(body)
            };
        }
        self.judge(status, asked, &error_detail(&body), format)
    }

    fn judge(
        &self,
        status: StatusCode,
        asked: Option<Duration>,
        detail: &ErrorDetail,
        format: Format,
    ) -> Outcome {
        let message = self.quotable(&detail.message);
        let code = status.as_u16();
        match code {
            300..=399 => Outcome::Refused(RemoteError::Redirected { status: code }),
            401 | 403 => Outcome::Refused(RemoteError::Unauthorized {
                status: code,
                variable: self.service.key_variable(),
                message: if code == 401 { String::new() } else { message },
            }),
            // Also a 429, but no wait helps.
            429 if detail.code == "insufficient_quota" => {
                Outcome::Refused(RemoteError::Refused { status: code, message })
            }
            429 => Outcome::Limited { message, asked },
            408 | 409 | 500..=599 => {
                Outcome::Faulty { fault: Fault::Status { status: code, message }, asked }
            }
            400 | 422 if format == Format::Verbose && is_about_format(detail) => Outcome::PlainOnly,
            _ => Outcome::Refused(RemoteError::Refused { status: code, message }),
        }
    }

    /// A service's text as it may stand in an error: without the key, and not too long.
    pub(crate) fn quotable(&self, text: &str) -> String {
        match &self.key {
            Some(key) => shortened(&key.redact(text)),
            None => shortened(text),
        }
    }

    fn unread(&self, error: io::Error) -> Fault {
        match error.downcast::<reqwest::Error>() {
            Ok(error) => self.broken(error),
            Err(error) => Fault::Connection { reason: chain(&error) },
        }
    }

    fn broken(&self, error: reqwest::Error) -> Fault {
        if error.is_timeout() {
            return Fault::Timeout { after_s: self.timeout.as_secs() };
        }
        Fault::Connection { reason: self.quotable(&chain(&error.without_url())) }
    }
}

/// At most one byte more than an answer may have, so that its end shows whether there was more.
fn read(response: Response) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    response.take(MOST_ANSWER_BYTES + 1).read_to_end(&mut body)?;
    Ok(body)
}

fn is_about_format(detail: &ErrorDetail) -> bool {
    let named = |word| detail.param.contains(word) || detail.message.contains(word);
    named("response_format") || named("verbose_json") || named("timestamp_granularities")
}
