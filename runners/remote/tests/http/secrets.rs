//! The key shows up nowhere but in its header.

use reelbench_protocol::{Failure, RemoteSpec};
use reelbench_remote::Service;
use reelbench_testkit::http::{Play, Server, answer, raw};

use crate::setup::{KEY, keyed, openai, said, spec, transcribe_one};

fn repeated(status: u16) -> Play {
    answer(
        status,
        format!(r#"{{"error": {{"message": "Incorrect API key provided: {KEY}.", "code": "{KEY}"}}}}"#),
    )
}

#[test]
fn a_service_that_repeats_the_key_is_not_quoted_with_it() {
    for play in [
        repeated(400),
        repeated(401),
        repeated(403),
        repeated(500),
        answer(404, KEY),
        answer(200, KEY),
        answer(200, format!(r#"{{"error": {{"message": "{KEY}"}}}}"#)),
        answer(200, format!(r#"{{"text": "a", "segments": "{KEY}"}}"#)),
        answer(302, KEY),
        answer(200, ""),
        raw(KEY),
        raw(&format!("HTTP/1.1 200 {KEY}\r\n{KEY}\r\n\r\n")),
    ] {
        let server = Server::playing(Vec::new(), play.clone());
        let error = transcribe_one(&openai(&server)).unwrap_err();
        let shown = format!("{error} {error:?} {error:#?}");
        assert!(!shown.contains(KEY), "{play:?}: {shown}");
        let failure = Failure::from(error);
        assert!(!format!("{failure} {failure:?}").contains(KEY));
    }
}

#[test]
fn limits_do_not_repeat_the_key_either() {
    let server = Server::playing(Vec::new(), repeated(429));
    let policy = reelbench_remote::RetryPolicy { limits: 2, ..crate::setup::QUICK };
    let error = transcribe_one(&openai(&server).with_policy(policy)).unwrap_err();
    let shown = format!("{error} {error:?}");
    assert!(shown.contains("[key]") && !shown.contains(KEY), "{shown}");
}

#[test]
fn a_service_shows_no_key_when_printed() {
    let server = Server::playing(Vec::new(), said("hello"));
    let azure = RemoteSpec { endpoint: server.url(), ..spec(&server) };
    for asr in [openai(&server), keyed(Service::Azure, &azure)] {
        transcribe_one(&asr).unwrap();
        let shown = format!("{asr:?} {asr:#?}");
        assert!(!shown.contains(KEY), "{shown}");
    }
}

#[test]
fn a_long_message_is_cut() {
    let server = Server::playing(Vec::new(), answer(400, "word ".repeat(10_000)));
    let error = transcribe_one(&openai(&server)).unwrap_err();
    assert!(error.to_string().chars().count() < 400);
}
