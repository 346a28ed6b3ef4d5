//! Speech to text over HTTP: `OpenAI`-compatible services and Azure `OpenAI`.
//!
//! ```no_run
//! use reelbench_protocol::RemoteSpec;
//! use reelbench_remote::{Concurrency, Piece, RemoteAsr, Service};
//!
//! # fn main() -> Result<(), reelbench_remote::SetupError> {
//! let spec = RemoteSpec {
//!     endpoint: "https://api.openai.com/v1".to_owned(),
//!     model: "whisper-1".to_owned(),
//!     requests_per_minute: Some(50),
//!     request_timeout_s: 60,
//!     api_version: None,
//! };
//! let asr = RemoteAsr::new(Service::Openai, &spec)?; // the key is in OPENAI_API_KEY
//! let origin = std::time::Instant::now();
//! let clock = || origin.elapsed().as_nanos() as u64;
//! let second_of_silence = vec![0.0; 16_000];
//! let pieces = [Piece { scene: Some(0), start_s: 12.5, samples: &second_of_silence }];
//! let heard = asr.transcribe(&pieces, Concurrency::new(4)?, &clock, &mut |_| ());
//! # let _ = heard;
//! # Ok(())
//! # }
//! ```
//!
//! # What a request is
//! `POST {endpoint}/audio/transcriptions` with `Authorization: Bearer` (`OpenAI`), or
//! `POST {endpoint}/openai/deployments/{model}/audio/transcriptions?api-version=…` with `api-key` (Azure): a form
//! of the sound as 16 kHz mono WAV, the model, temperature 0 and `verbose_json` with times of segments. A service
//! that refuses `verbose_json` for its model is asked for plain `json` from then on; its text is then one segment.
//!
//! # What goes wrong
//! | fault | what is done |
//! |---|---|
//! | 429 | every worker waits as long as `retry-after-ms` or `Retry-After` says, or backs off; a quota used up fails at once |
//! | 408, 409, 5xx, broken connection, cut-off answer, time-out | tried again after a random delay, see [`RetryPolicy`] |
//! | a wait of more than five minutes asked for | the piece fails |
//! | 401, 403 | the piece fails and names the key's variable |
//! | redirect, other 4xx, an answer that is no transcript | the piece fails with the service's own words |
//!
//! A piece that fails stops no other piece.
//!
//! # Secrets
//! Keys come from the environment and go into one request header. They stand in no error, no `Debug` output and no
//! file; an endpoint with a user or password in it is refused, a redirect is never followed, and a key goes over plain
//! `http` to addresses of the own network only. The proxies of the environment (`HTTPS_PROXY`, `NO_PROXY` …) are used
//! as usual, but not for those addresses.

mod answer;
mod endpoint;
mod error;
mod exchange;
mod key;
mod limiter;
mod remote;
mod retry;
mod timer;
mod wav;

use reelbench_protocol::AsrEngine;

pub use endpoint::Service;
pub use error::{Fault, RemoteError, SetupError};
pub use key::ApiKey;
pub use remote::{Concurrency, MAX_CONCURRENCY, Piece, RemoteAsr, Transcribed};
pub use retry::RetryPolicy;
pub use timer::Clock;
pub use wav::SAMPLE_RATE;

/// The engines that this crate offers to a plan.
pub fn remote_engines() -> [AsrEngine; 2] {
    [AsrEngine::Azure, AsrEngine::Openai]
}
