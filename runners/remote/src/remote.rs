//! Pieces of sound to text, several requests at once.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Sender};
use std::thread;

use reelbench_protocol::{Activity, RemoteSpec, Span, Transcript};

use crate::answer::{AnswerError, Stretch, parse};
use crate::endpoint::Service;
use crate::error::{Fault, RemoteError, SetupError};
use crate::exchange::{Channel, Format, Outcome, Prepared};
use crate::key::ApiKey;
use crate::limiter::Limiter;
use crate::retry::{Attempts, RetryPolicy};
use crate::timer::{Clock, Timer};
use crate::wav::{SAMPLE_RATE, encode, encoded_len};

/// Most requests under way at once.
pub const MAX_CONCURRENCY: u32 = 64;

/// Most bytes of a WAV file: `OpenAI` and Azure refuse more than 25 MiB, of which the rest of the form takes a little.
const MOST_WAV_BYTES: usize = (25 << 20) - 4096;

/// Fewest samples of a request: `OpenAI` refuses sound shorter than 0.1 s.
const FEWEST_SAMPLES: usize = SAMPLE_RATE as usize / 10;

/// A number of requests under way at once, 1 to [`MAX_CONCURRENCY`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency(u32);

impl Concurrency {
    /// So many requests at once.
    ///
    /// # Errors
    /// When the number is out of range.
    pub fn new(concurrency: u32) -> Result<Self, SetupError> {
        if (1..=MAX_CONCURRENCY).contains(&concurrency) {
            Ok(Self(concurrency))
        } else {
            Err(SetupError::Concurrency { concurrency })
        }
    }
}

/// A stretch of sound that one request covers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece<'a> {
    /// Its scene, counted from 0; absent for the whole film.
    pub scene: Option<u32>,
    /// Where it begins in the film, in seconds.
    pub start_s: f64,
    /// Mono at [`SAMPLE_RATE`], within −1 to 1.
    pub samples: &'a [f32],
}

/// What became of all pieces.
#[derive(Debug)]
pub struct Transcribed {
    /// One entry per piece, in their order. Times are the film's.
    pub transcripts: Vec<Result<Transcript, RemoteError>>,
    /// What the time went on, by start: [`Activity::Compute`] for making a request and reading its answer,
    /// [`Activity::Network`] from sending to the last byte of the answer and for delays after a fault of the far side,
    /// [`Activity::RateLimit`] for waiting until a request may begin. Those of one piece do not overlap.
    pub spans: Vec<Span>,
}

/// A transcription service that is ready to be asked.
#[derive(Debug)]
pub struct RemoteAsr {
    channel: Channel,
    limiter: Limiter,
    policy: RetryPolicy,
    /// Set once the service has refused [`Format::Verbose`].
    plain_only: AtomicBool,
}

impl RemoteAsr {
    /// The service that `spec` describes, with the key from the environment. Nothing is sent yet.
    ///
    /// # Errors
    /// When the key, the endpoint or a setting of `spec` cannot be used.
    pub fn new(service: Service, spec: &RemoteSpec) -> Result<Self, SetupError> {
        Self::with_key(service, spec, ApiKey::from_env(service)?)
    }

    /// The same with a key at hand, or none where the service needs none.
    ///
    /// # Errors
    /// When the key, the endpoint or a setting of `spec` cannot be used.
    pub fn with_key(service: Service, spec: &RemoteSpec, key: Option<ApiKey>) -> Result<Self, SetupError> {
        if spec.requests_per_minute == Some(0) {
            return Err(SetupError::Zero { setting: "requests_per_minute" });
        }
        Ok(Self {
            channel: Channel::new(service, spec, key)?,
            limiter: Limiter::new(spec.requests_per_minute),
            policy: RetryPolicy::default(),
            plain_only: AtomicBool::new(offers_plain_alone(&spec.model)),
        })
    }

    /// The same with other bounds on retries.
    #[must_use]
    pub fn with_policy(self, policy: RetryPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Transcribes pieces, as many at once as `concurrency` allows. A piece shorter than 0.1 s is not sent and has no
    /// text. `progress` is told, on this thread, how many pieces are done.
    ///
    /// The pace of `requests_per_minute` and what was learnt about the service go on from call to call.
    pub fn transcribe(
        &self,
        pieces: &[Piece<'_>],
        concurrency: Concurrency,
        clock: &Clock<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Transcribed {
        let next = &AtomicUsize::new(0);
        let workers = pieces.len().min(concurrency.0 as usize);
        let mut results: Vec<(usize, Result<Transcript, RemoteError>)> = Vec::with_capacity(pieces.len());
        let mut spans = thread::scope(|scope| {
            let (sender, receiver) = mpsc::channel();
            let start = |sender: Sender<_>| scope.spawn(move || self.work(pieces, next, &sender, clock));
            let handles: Vec<_> = (0..workers).map(|_worker| start(sender.clone())).collect();
            drop(sender);
            for result in receiver {
                results.push(result);
                progress(results.len());
            }
            let joined = handles.into_iter().map(thread::ScopedJoinHandle::join);
            joined
                .flat_map(|spans| spans.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect::<Vec<Span>>()
        });
        spans.sort_by_key(|span| span.start_ns);
        results.sort_by_key(|(index, _)| *index);
        Transcribed { transcripts: results.into_iter().map(|(_, result)| result).collect(), spans }
    }

    /// One worker: takes pieces until none is left.
    fn work(
        &self,
        pieces: &[Piece<'_>],
        next: &AtomicUsize,
        done: &Sender<(usize, Result<Transcript, RemoteError>)>,
        clock: &Clock<'_>,
    ) -> Vec<Span> {
        let mut timer = Timer::new(clock);
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(piece) = pieces.get(index) else { return timer.into_spans() };
            timer.enter(piece.scene);
            let result = self.transcribe_piece(piece, &mut timer);
            if done.send((index, result)).is_err() {
                return timer.into_spans();
            }
        }
    }

    fn transcribe_piece(&self, piece: &Piece<'_>, timer: &mut Timer<'_>) -> Result<Transcript, RemoteError> {
        if piece.samples.len() < FEWEST_SAMPLES {
            return Ok(Transcript { text: String::new(), segments: Vec::new() });
        }
        let mut attempts = Attempts::new(&self.policy);
        let mut prepared = timer.time(Activity::Compute, || self.prepare(piece))?;
        loop {
            if !self.limiter.try_turn() {
                timer.time(Activity::RateLimit, || self.limiter.wait_turn());
            }
            let (fault, asked) = match timer.time(Activity::Network, || self.channel.exchange(&prepared)) {
                Outcome::Answered(body) => {
                    match timer.time(Activity::Compute, || parse(&body, stretch(piece))) {
                        Ok(transcript) => return Ok(transcript),
                        Err(AnswerError::CutOff) => (Fault::CutOff, None),
                        Err(AnswerError::NotTranscript(reason)) => {
                            let reason = self.channel.quotable(&reason);
                            return Err(RemoteError::NotTranscript { reason });
                        }
                    }
                }
                Outcome::Limited { message, asked } => {
                    self.limiter.pause(attempts.after_limit(message, asked)?);
                    continue;
                }
                Outcome::PlainOnly => {
                    self.plain_only.store(true, Ordering::Relaxed);
                    prepared = timer.time(Activity::Compute, || self.prepare(piece))?;
                    continue;
                }
                Outcome::Faulty { fault, asked } => (fault, asked),
                Outcome::Refused(error) => return Err(error),
            };
            let delay = attempts.after_fault(fault, asked)?;
            timer.time(Activity::Network, || thread::sleep(delay));
        }
    }

    fn prepare(&self, piece: &Piece<'_>) -> Result<Prepared, RemoteError> {
        if encoded_len(piece.samples.len()) > MOST_WAV_BYTES {
            let seconds = |samples: usize| samples as u64 / u64::from(SAMPLE_RATE);
            return Err(RemoteError::TooLong {
                seconds: seconds(piece.samples.len()),
                most_seconds: seconds(MOST_WAV_BYTES / 2),
            });
        }
        let plain_only = self.plain_only.load(Ordering::Relaxed);
        let format = if plain_only { Format::Plain } else { Format::Verbose };
        self.channel.prepare(encode(piece.samples), format)
    }
}

fn stretch(piece: &Piece<'_>) -> Stretch {
    let duration_s = piece.samples.len() as f64 / f64::from(SAMPLE_RATE);
    Stretch { start_s: piece.start_s, duration_s }
}

/// Whether a model is known to refuse [`Format::Verbose`], as all of `OpenAI`'s transcribers do that are not Whisper.
fn offers_plain_alone(model: &str) -> bool {
    model.starts_with("gpt-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec() -> RemoteSpec {
        RemoteSpec {
            endpoint: "https://127.0.0.1:1/v1".to_owned(),
            model: "whisper-1".to_owned(),
            requests_per_minute: None,
            request_timeout_s: 10,
            api_version: None,
        }
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(Concurrency::new(1).is_ok() && Concurrency::new(MAX_CONCURRENCY).is_ok());
        for concurrency in [0, MAX_CONCURRENCY + 1] {
            let error = Concurrency::new(concurrency).unwrap_err();
            assert_eq!(error.to_string(), format!("`asr.concurrency` is {concurrency}; use 1 to 64"));
        }
        let zero = [
            RemoteSpec { requests_per_minute: Some(0), ..spec() },
            RemoteSpec { request_timeout_s: 0, ..spec() },
        ]
        .map(|spec| RemoteAsr::with_key(Service::Openai, &spec, None).unwrap_err().to_string());
        assert_eq!(
            zero,
            ["`asr.requests_per_minute` is 0; use 1 or more", "`asr.request_timeout_s` is 0; use 1 or more"]
        );
    }

    #[test]
    fn the_largest_file_leaves_room_for_the_form() {
        let prepared = RemoteAsr::with_key(Service::Openai, &spec(), None).unwrap();
        let most = (MOST_WAV_BYTES - encoded_len(0)) / 2;
        let samples = vec![0.0; most + 1];
        let piece = |samples| Piece { scene: None, start_s: 0.0, samples };
        let request = prepared.prepare(&piece(&samples[..most])).unwrap();
        assert!(request.body_len().is_some_and(|bytes| bytes <= 25 << 20));
        assert!(matches!(prepared.prepare(&piece(&samples)), Err(RemoteError::TooLong { .. })));
    }
}
