//! What the time went on.

use std::thread;
use std::time::{Duration, Instant};

use reelbench_protocol::{Activity, RemoteSpec, Span, Stage};
use reelbench_remote::{Concurrency, RemoteAsr, Service};
use reelbench_testkit::http::{Play, Server, answer, answer_with, raw};

use crate::setup::{keyed, openai, said, scenes, sound, spec, together, transcribe};

/// Spans of two pieces, one request at a time, and the time of the whole call.
fn spans(asr: &RemoteAsr) -> (Vec<Span>, u64) {
    let samples = sound(1);
    let origin = Instant::now();
    let clock = || origin.elapsed().as_nanos() as u64;
    let concurrency = Concurrency::new(1).unwrap();
    let transcribed = asr.transcribe(&scenes(&samples, 2), concurrency, &clock, &mut |_| ());
    assert!(transcribed.transcripts.iter().all(Result::is_ok));
    (transcribed.spans, clock())
}

fn activities(spans: &[Span], scene: u32) -> Vec<Activity> {
    spans.iter().filter(|span| span.scene == Some(scene)).map(|span| span.activity).collect()
}

fn longest(spans: &[Span], activity: Activity) -> Duration {
    let durations = spans.iter().filter(|span| span.activity == activity).map(|span| span.duration_ns);
    Duration::from_nanos(durations.max().unwrap_or_default())
}

fn slow() -> Play {
    thread::sleep(Duration::from_millis(50));
    said("hello")
}

#[test]
fn a_request_is_made_sent_and_read() {
    let server = Server::start(|_, _| slow());
    let (spans, wall_ns) = spans(&openai(&server));
    for scene in [0, 1] {
        let expected = [Activity::Compute, Activity::Network, Activity::Compute];
        assert_eq!(activities(&spans, scene), expected);
    }
    assert!(spans.iter().all(|span| span.stage == Stage::Asr));
    let ends = spans.iter().map(|span| span.start_ns + span.duration_ns);
    let next_starts = spans.iter().skip(1).map(|span| span.start_ns).chain([wall_ns]);
    assert!(
        ends.zip(next_starts).all(|(end, next)| end <= next),
        "one worker's spans do not overlap: {spans:?}"
    );
    assert!(
        spans
            .iter()
            .filter(|span| span.activity == Activity::Network)
            .all(|span| span.duration_ns >= 50_000_000)
    );
}

#[test]
fn waiting_for_a_limit_of_the_service_is_rate_limit() {
    let limited = answer_with(429, &[("retry-after-ms", "120")], "");
    let server = Server::playing(vec![limited], said("hello"));
    let (spans, _) = spans(&openai(&server));
    assert_eq!(
        activities(&spans, 0),
        [Activity::Compute, Activity::Network, Activity::RateLimit, Activity::Network, Activity::Compute]
    );
    assert!(longest(&spans, Activity::RateLimit) >= Duration::from_millis(100));
    assert_eq!(activities(&spans, 1), [Activity::Compute, Activity::Network, Activity::Compute]);
}

#[test]
fn waiting_for_ones_own_pace_is_rate_limit() {
    let server = Server::playing(Vec::new(), said("hello"));
    let paced = RemoteSpec { requests_per_minute: Some(60), ..spec(&server) };
    let (spans, _) = spans(&keyed(Service::Openai, &paced));
    assert_eq!(activities(&spans, 0), [Activity::Compute, Activity::Network, Activity::Compute]);
    assert_eq!(
        activities(&spans, 1),
        [Activity::Compute, Activity::RateLimit, Activity::Network, Activity::Compute]
    );
}

#[test]
fn waiting_after_a_fault_is_network() {
    let server = Server::playing(vec![answer(500, ""), raw("")], said("hello"));
    let (spans, _) = spans(&openai(&server));
    let mut expected = vec![Activity::Network; 5];
    expected.insert(0, Activity::Compute);
    expected.push(Activity::Compute);
    assert_eq!(activities(&spans, 0), expected, "three requests, two delays");
}

#[test]
fn requests_under_way_at_once_have_spans_that_overlap() {
    let server = Server::start(together(4));
    let samples = sound(1);
    let transcribed = transcribe(&openai(&server), &scenes(&samples, 4), 4);
    let spans = transcribed.spans;
    assert!(spans.is_sorted_by_key(|span| span.start_ns));
    let network: Vec<&Span> = spans.iter().filter(|span| span.activity == Activity::Network).collect();
    assert_eq!(network.len(), 4);
    let last_start = network.iter().map(|span| span.start_ns).max();
    let first_end = network.iter().map(|span| span.start_ns + span.duration_ns).min();
    assert!(last_start < first_end, "{network:?}");
}

#[test]
fn a_piece_that_is_not_sent_takes_no_time() {
    let server = Server::playing(Vec::new(), said("hello"));
    assert!(transcribe(&openai(&server), &scenes(&[0.0; 100], 3), 2).spans.is_empty());
}
