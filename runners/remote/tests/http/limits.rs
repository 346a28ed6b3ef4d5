//! Limits on the rate: the plan's own and the service's.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use reelbench_protocol::RemoteSpec;
use reelbench_remote::{RemoteError, RetryPolicy, Service};
use reelbench_testkit::http::{Server, answer_with};

use crate::setup::{QUICK, keyed, openai, said, scenes, sound, spec, texts, transcribe, transcribe_one};

/// How long a piece takes whose first request is limited with these headers.
fn waited(headers: &[(&'static str, &str)]) -> Duration {
    let limited = answer_with(429, headers, r#"{"error": {"message": "Rate limit reached"}}"#);
    let server = Server::playing(vec![limited], said("hello"));
    let begin = Instant::now();
    assert_eq!(transcribe_one(&openai(&server)).unwrap().text, "hello");
    assert_eq!(server.received().len(), 2);
    begin.elapsed()
}

#[test]
fn retry_after_is_waited_out() {
    assert!(waited(&[("Retry-After", "1")]) >= Duration::from_secs(1));
    assert!(waited(&[("retry-after-ms", "150")]) >= Duration::from_millis(150));
    let date = [("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), ("Retry-After", "Sun, 06 Nov 1994 08:49:38 GMT")];
    assert!(waited(&date) >= Duration::from_secs(1));
}

#[test]
fn milliseconds_count_more_than_seconds() {
    let took = waited(&[("Retry-After", "60"), ("retry-after-ms", "100")]);
    assert!((Duration::from_millis(100)..Duration::from_secs(30)).contains(&took), "{took:?}");
}

#[test]
fn without_a_header_it_backs_off() {
    assert!(waited(&[]) < Duration::from_secs(2));
    assert!(waited(&[("Retry-After", "0")]) < Duration::from_secs(2));
}

#[test]
fn a_limit_holds_all_workers() {
    // The first request is limited once the second has arrived; that one is answered while the limit holds.
    let limited_at = std::sync::Arc::new(Mutex::new(None));
    let server = Server::start({
        let limited_at = std::sync::Arc::clone(&limited_at);
        move |number, _| {
            match number {
                0 => {
                    thread::sleep(Duration::from_millis(100));
                    *limited_at.lock().unwrap() = Some(Instant::now());
                    return answer_with(429, &[("retry-after-ms", "500")], "");
                }
                1 => thread::sleep(Duration::from_millis(300)),
                _ => {}
            }
            said("hello")
        }
    });
    let samples = sound(1);
    assert_eq!(texts(&transcribe(&openai(&server), &scenes(&samples, 5), 2)), ["hello"; 5]);
    let limited_at = limited_at.lock().unwrap().unwrap();
    let later: Vec<Duration> =
        server.received().iter().skip(2).map(|request| request.at.duration_since(limited_at)).collect();
    assert_eq!(later.len(), 4);
    assert!(later.iter().all(|after| *after >= Duration::from_millis(500)), "{later:?}");
}

#[test]
fn a_wait_that_is_too_long_is_not_begun() {
    let server = Server::playing(Vec::new(), answer_with(429, &[("Retry-After", "3600")], ""));
    let error = transcribe_one(&openai(&server)).unwrap_err();
    assert_eq!(error, RemoteError::WaitTooLong { wait_s: 3600, longest_s: 300 });
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_limit_for_ever_is_given_up() {
    let limited = answer_with(429, &[("retry-after-ms", "1")], r#"{"error": {"message": "Slow down"}}"#);
    let server = Server::playing(Vec::new(), limited);
    let asr = openai(&server).with_policy(RetryPolicy { limits: 7, ..QUICK });
    let error = transcribe_one(&asr).unwrap_err();
    assert_eq!(error, RemoteError::StillLimited { limits: 7, message: "Slow down".to_owned() });
    assert!(error.to_string().contains("requests_per_minute"), "{error}");
    assert_eq!(server.received().len(), 7);
}

#[test]
fn limits_do_not_use_up_the_attempts_of_faults() {
    let mut plays = vec![answer_with(429, &[("retry-after-ms", "1")], ""); 10];
    plays.push(answer_with(500, &[], ""));
    let server = Server::playing(plays, said("hello"));
    assert_eq!(transcribe_one(&openai(&server)).unwrap().text, "hello");
    assert_eq!(server.received().len(), 12);
}

#[test]
fn requests_begin_at_an_even_pace() {
    let server = Server::playing(Vec::new(), said("hello"));
    let paced = RemoteSpec { requests_per_minute: Some(60 * 20), ..spec(&server) };
    let asr = keyed(Service::Openai, &paced);
    let samples = sound(1);
    let begin = Instant::now();
    transcribe(&asr, &scenes(&samples, 4), 4);
    transcribe(&asr, &scenes(&samples, 4), 4);
    assert!(begin.elapsed() >= Duration::from_millis(7 * 50), "8 requests, over two calls, 50 ms apart");
    assert_eq!(server.received().len(), 8);
}

#[test]
fn a_service_under_repair_says_when_to_come_back() {
    let server = Server::playing(vec![answer_with(503, &[("retry-after-ms", "200")], "")], said("hello"));
    let begin = Instant::now();
    transcribe_one(&openai(&server)).unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(200));
}
