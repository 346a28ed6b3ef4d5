//! Faults of the far side: what is tried again, how often, and what is said in the end.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use reelbench_protocol::RemoteSpec;
use reelbench_remote::{Fault, RemoteError, RetryPolicy, Service};
use reelbench_testkit::http::{Play, Server, answer, answer_with, raw};

use crate::setup::{KEY, QUICK, keyed, openai, said, scenes, sound, spec, transcribe, transcribe_one};

/// The error of a service that always plays the same, and how many requests it got.
fn error_of(play: Play) -> (RemoteError, usize) {
    let server = Server::playing(Vec::new(), play);
    let error = transcribe_one(&openai(&server)).unwrap_err();
    (error, server.received().len())
}

/// The last fault of a service that always plays the same.
fn fault_of(play: Play) -> Fault {
    let (error, requests) = error_of(play);
    let RemoteError::GivenUp { attempts: 5, last } = error else { panic!("{error}") };
    assert_eq!(requests, 5);
    last
}

#[test]
fn what_may_pass_is_tried_again() {
    for fault in [
        answer(500, "{}"),
        answer(502, "<html>Bad Gateway</html>"),
        answer(503, ""),
        answer(408, ""),
        answer(409, ""),
        raw(""),
        raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"te"),
        raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"tex\r\n"),
        raw("HTTP/1.1 200 OK\r\n\r\n{\"text\": \"hel"),
        raw("HTTP/1.1 200 OK\r\nconte"),
        raw("SSH-2.0-OpenSSH_9.6\r\n"),
    ] {
        let server = Server::playing(vec![fault.clone(), fault.clone()], said("hello"));
        let transcript = transcribe_one(&openai(&server));
        assert_eq!(transcript.unwrap().text, "hello", "{fault:?}");
        assert_eq!(server.received().len(), 3, "{fault:?}");
        let bodies: Vec<Vec<u8>> = server.received().into_iter().map(|request| request.body).collect();
        assert!(bodies[0] == bodies[2], "the same request again");
    }
}

#[test]
fn a_connection_that_is_reset_is_tried_again() {
    let server = Server::start_resetting(2, |_, _| said("hello"));
    assert_eq!(transcribe_one(&openai(&server)).unwrap().text, "hello");
    assert_eq!(server.received().len(), 3);

    let server = Server::start_resetting(5, |_, _| said("hello"));
    let error = transcribe_one(&openai(&server)).unwrap_err();
    assert!(
        matches!(&error, RemoteError::GivenUp { attempts: 5, last: Fault::Connection { .. } }),
        "{error:?}"
    );
}

#[test]
fn what_stays_is_given_up_with_its_last_fault() {
    let fault = fault_of(answer(503, r#"{"error": {"message": "overloaded"}}"#));
    assert_eq!(fault, Fault::Status { status: 503, message: "overloaded".to_owned() });
    assert_eq!(fault_of(raw("HTTP/1.1 200 OK\r\n\r\n{\"text\": \"hel")), Fault::CutOff);
    for (play, words) in [
        (raw(""), "connection closed"),
        (raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"te"), "body"),
        (raw("SSH-2.0-OpenSSH_9.6\r\n"), "invalid HTTP"),
    ] {
        let text = fault_of(play).to_string();
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn a_port_where_nobody_listens_is_tried_again_too() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", free.local_addr().unwrap());
    drop(free);
    let unreachable = RemoteSpec {
        endpoint,
        model: "whisper-1".to_owned(),
        requests_per_minute: None,
        request_timeout_s: 10,
        api_version: None,
    };
    let error = transcribe_one(&keyed(Service::Openai, &unreachable)).unwrap_err();
    assert!(
        matches!(&error, RemoteError::GivenUp { attempts: 5, last: Fault::Connection { .. } }),
        "{error:?}"
    );
    assert!(error.to_string().contains("refused"), "{error}");
}

#[test]
fn a_port_that_speaks_no_tls_is_a_broken_connection() {
    let server = Server::playing(Vec::new(), said("hello"));
    let encrypted = RemoteSpec { endpoint: server.url().replace("http:", "https:"), ..spec(&server) };
    let error = transcribe_one(&keyed(Service::Openai, &encrypted)).unwrap_err();
    assert!(
        matches!(&error, RemoteError::GivenUp { attempts: 5, last: Fault::Connection { .. } }),
        "{error:?}"
    );
    assert!(server.received().is_empty(), "nothing is sent unprotected instead");
}

/// The error of a request that has one second and one attempt, and how long that took.
fn timed_out(play: Play) -> (RemoteError, Duration) {
    let server = Server::playing(Vec::new(), play);
    let hurried = RemoteSpec { request_timeout_s: 1, ..spec(&server) };
    let asr = keyed(Service::Openai, &hurried).with_policy(RetryPolicy { attempts: 1, ..QUICK });
    let begin = Instant::now();
    (transcribe_one(&asr).unwrap_err(), begin.elapsed())
}

#[test]
fn a_service_that_never_answers_runs_out_of_time() {
    let (error, took) = timed_out(Play::Drip(""));
    assert_eq!(error, RemoteError::GivenUp { attempts: 1, last: Fault::Timeout { after_s: 1 } });
    assert!(error.to_string().contains("request_timeout_s"), "{error}");
    assert!(took >= Duration::from_secs(1));
}

#[test]
fn a_body_that_never_ends_runs_out_of_time() {
    let (error, took) = timed_out(Play::Drip("HTTP/1.1 200 OK\r\n\r\n{"));
    assert_eq!(error, RemoteError::GivenUp { attempts: 1, last: Fault::Timeout { after_s: 1 } });
    assert!(took < Duration::from_secs(5), "one time for all of the answer, not for each byte");
}

#[test]
fn after_a_timeout_the_request_is_made_again() {
    let server = Server::playing(vec![Play::Drip("")], said("hello"));
    let hurried = RemoteSpec { request_timeout_s: 1, ..spec(&server) };
    assert_eq!(transcribe_one(&keyed(Service::Openai, &hurried)).unwrap().text, "hello");
}

#[test]
fn refusals_are_final_and_in_the_services_words() {
    for (status, body, message) in [
        (400, r#"{"error": {"message": "Invalid file format."}}"#, "Invalid file format."),
        (
            404,
            r#"{"error": {"code": "DeploymentNotFound", "message": "No such deployment"}}"#,
            "No such deployment",
        ),
        (413, "<html>Too Large</html>", "<html>Too Large</html>"),
        (422, r#"{"detail": "bad"}"#, "bad"),
        (429, r#"{"error": {"message": "Quota exceeded", "code": "insufficient_quota"}}"#, "Quota exceeded"),
    ] {
        let (error, requests) = error_of(answer(status, body));
        assert_eq!(error, RemoteError::Refused { status, message: message.to_owned() });
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(requests, 1, "{error}");
    }
}

#[test]
fn a_refused_key_names_its_variable() {
    for status in [401, 403] {
        let (error, requests) = error_of(answer(status, "{}"));
        assert!(error.to_string().contains("OPENAI_API_KEY"), "{error}");
        assert_eq!(requests, 1);
    }
    let server = Server::playing(Vec::new(), answer(401, r#"{"error": {"message": "Access denied"}}"#));
    let azure = RemoteSpec { endpoint: server.url(), ..spec(&server) };
    let error = transcribe_one(&keyed(Service::Azure, &azure)).unwrap_err();
    assert!(error.to_string().contains("AZURE_OPENAI_API_KEY"), "{error}");
}

#[test]
fn a_redirect_does_not_carry_the_key_elsewhere() {
    let elsewhere = Server::playing(Vec::new(), said("stolen"));
    for status in [301, 302, 307, 308] {
        let location = format!("{}/v1/audio/transcriptions", elsewhere.url());
        let (error, requests) = error_of(answer_with(status, &[("location", &location)], ""));
        assert_eq!(error, RemoteError::Redirected { status });
        assert_eq!(requests, 1);
    }
    assert!(elsewhere.received().is_empty());
}

#[test]
fn an_answer_that_is_no_transcript_is_final() {
    for (body, words) in [
        ("Hello there.", "Hello there."),
        ("<html>Sign in</html>", "expected value"),
        ("[]", "invalid length"),
        (r#"{"result": "Hello"}"#, "no `text`"),
        (r#"{"text": "a", "segments": [{"start": "0"}]}"#, "invalid type"),
    ] {
        let (error, requests) = error_of(answer(200, body));
        assert!(matches!(error, RemoteError::NotTranscript { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(requests, 1);
    }
}

#[test]
fn an_answer_without_end_is_not_read_to_its_end() {
    let (error, _) = error_of(answer(200, " ".repeat(20 << 20)));
    assert!(error.to_string().contains("longer than 16 MB"), "{error}");
}

#[test]
fn a_piece_that_fails_stops_no_other() {
    let server = Server::start(|_, request| match crate::form::samples(request)[0] {
        1 => answer(400, "{}"),
        2 => raw(""),
        mark => said(&mark.to_string()),
    });
    let sounds: Vec<Vec<f32>> = (0..4).map(sound).collect();
    let pieces: Vec<_> = sounds.iter().flat_map(|samples| scenes(samples, 1)).collect();
    let transcribed = transcribe(&openai(&server), &pieces, 2);
    let outcomes: Vec<Option<&str>> = transcribed
        .transcripts
        .iter()
        .map(|transcript| transcript.as_ref().ok().map(|transcript| transcript.text.as_str()))
        .collect();
    assert_eq!(outcomes, [Some("0"), None, None, Some("3")]);
}

#[test]
fn the_key_is_sent_on_every_attempt() {
    let server = Server::playing(vec![answer(500, ""), raw("")], said("hello"));
    transcribe_one(&openai(&server)).unwrap();
    let bearer = format!("Bearer {KEY}");
    let received = server.received();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|request| request.header("authorization") == Some(bearer.as_str())));
}
