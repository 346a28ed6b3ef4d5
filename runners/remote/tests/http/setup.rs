//! What most tests need: a service on the local server, and pieces of sound.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use reelbench_protocol::{RemoteSpec, Transcript};
use reelbench_remote::{
    ApiKey, Concurrency, Piece, RemoteAsr, RemoteError, RetryPolicy, Service, Transcribed,
};
use reelbench_testkit::http::{Play, Received, Server, answer};

pub(crate) const KEY: &str = "sk-local-4711";

/// Default bounds, but delays of milliseconds.
pub(crate) const QUICK: RetryPolicy = RetryPolicy {
    attempts: 5,
    base: Duration::from_millis(2),
    cap: Duration::from_millis(10),
    longest_wait: Duration::from_mins(5),
    limits: 64,
};

/// A transcript of one word.
pub(crate) fn said(word: &str) -> Play {
    answer(200, format!(r#"{{"text": "{word}"}}"#))
}

pub(crate) fn spec(server: &Server) -> RemoteSpec {
    RemoteSpec {
        endpoint: format!("{}/v1", server.url()),
        model: "whisper-1".to_owned(),
        requests_per_minute: None,
        request_timeout_s: 10,
        api_version: None,
    }
}

pub(crate) fn keyed(service: Service, spec: &RemoteSpec) -> RemoteAsr {
    let key = ApiKey::new(KEY, service).unwrap();
    RemoteAsr::with_key(service, spec, Some(key)).unwrap().with_policy(QUICK)
}

pub(crate) fn openai(server: &Server) -> RemoteAsr {
    keyed(Service::Openai, &spec(server))
}

/// A quarter of a second, recognizable by its first sample.
pub(crate) fn sound(mark: i16) -> Vec<f32> {
    let mut samples = vec![0.0; 4000];
    samples[0] = f32::from(mark) / 32_768.0;
    samples
}

/// Scenes 0, 1, 2 … of one second each, with the same sound.
pub(crate) fn scenes(samples: &[f32], count: u32) -> Vec<Piece<'_>> {
    (0..count).map(|scene| Piece { scene: Some(scene), start_s: f64::from(scene), samples }).collect()
}

pub(crate) fn transcribe(asr: &RemoteAsr, pieces: &[Piece<'_>], concurrency: u32) -> Transcribed {
    let origin = Instant::now();
    let clock = || origin.elapsed().as_nanos() as u64;
    asr.transcribe(pieces, Concurrency::new(concurrency).unwrap(), &clock, &mut |_| ())
}

/// What becomes of one piece.
pub(crate) fn transcribe_one(asr: &RemoteAsr) -> Result<Transcript, RemoteError> {
    let samples = sound(1);
    transcribe(asr, &scenes(&samples, 1), 1).transcripts.pop().unwrap()
}

pub(crate) fn texts(transcribed: &Transcribed) -> Vec<&str> {
    transcribed.transcripts.iter().map(|transcript| transcript.as_ref().unwrap().text.as_str()).collect()
}

/// A script that answers nothing before `count` requests have arrived, or two seconds have passed.
pub(crate) fn together(count: usize) -> impl Fn(usize, &Received) -> Play + Send + Sync {
    let arrived = AtomicUsize::new(0);
    move |_, _| {
        arrived.fetch_add(1, Ordering::SeqCst);
        let begin = Instant::now();
        while arrived.load(Ordering::SeqCst) < count && begin.elapsed() < Duration::from_secs(2) {
            thread::sleep(Duration::from_millis(1));
        }
        said("hello")
    }
}
