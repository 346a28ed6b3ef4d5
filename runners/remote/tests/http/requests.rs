//! The form of requests, and how their answers come back.

use std::thread;
use std::time::Duration;

use reelbench_protocol::{RemoteSpec, Segment};
use reelbench_remote::{Piece, RemoteAsr, RemoteError, Service};
use reelbench_testkit::http::{Server, answer};

use crate::form::{fields, samples, text};
use crate::setup::{
    KEY, QUICK, keyed, openai, said, scenes, sound, spec, texts, together, transcribe, transcribe_one,
};

#[test]
fn openai_gets_a_form_with_a_bearer_key() {
    let server = Server::playing(Vec::new(), said("hello"));
    let sound: Vec<f32> = (0..4000).map(|i| (i - 2000) as f32 / 1500.0).collect();
    let transcribed = transcribe(&openai(&server), &scenes(&sound, 1), 1);
    assert_eq!(texts(&transcribed), ["hello"]);

    let [request] = &server.received()[..] else { panic!("one request") };
    assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/audio/transcriptions"));
    assert_eq!(request.header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(request.header("api-key"), None);
    assert_eq!(request.header("accept"), Some("application/json"));
    assert!(request.header("user-agent").unwrap().starts_with("reelbench/"));

    let fields = fields(request);
    let texts: Vec<(&str, &str)> =
        fields[1..].iter().map(|field| (field.name.as_str(), field.text())).collect();
    assert_eq!(
        texts,
        [
            ("model", "whisper-1"),
            ("temperature", "0"),
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "segment"),
        ]
    );
    assert_eq!(fields[0].name, "file");
    assert_eq!(fields[0].file_name.as_deref(), Some("scene.wav"));
    assert_eq!(fields[0].content_type.as_deref(), Some("audio/wav"));
    let expected: Vec<i16> =
        sound.iter().map(|sample| (sample * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16).collect();
    assert_eq!(samples(request), expected);
    assert_eq!((expected[0], expected[3999]), (i16::MIN, i16::MAX), "louder than there is room for");
}

#[test]
fn azure_gets_deployment_version_and_its_own_header() {
    let server = Server::playing(Vec::new(), said("hello"));
    let azure = |api_version: Option<&str>| RemoteSpec {
        endpoint: server.url(),
        model: "my whisper".to_owned(),
        api_version: api_version.map(str::to_owned),
        ..spec(&server)
    };
    for version in [None, Some("2025-03-01-preview")] {
        transcribe_one(&keyed(Service::Azure, &azure(version))).unwrap();
    }
    let received = server.received();
    let path = "/openai/deployments/my%20whisper/audio/transcriptions?api-version=";
    assert_eq!(received[0].target, format!("{path}2024-06-01"));
    assert_eq!(received[1].target, format!("{path}2025-03-01-preview"));
    assert_eq!(received[0].header("api-key"), Some(KEY));
    assert_eq!(received[0].header("authorization"), None);
    assert_eq!(text(&received[0], "response_format").as_deref(), Some("verbose_json"));
}

#[test]
fn a_local_service_needs_no_key() {
    let server = Server::playing(Vec::new(), said("hello"));
    let asr = RemoteAsr::with_key(Service::Openai, &spec(&server), None).unwrap();
    transcribe_one(&asr).unwrap();
    assert_eq!(server.received()[0].header("authorization"), None);
}

#[test]
fn segments_come_back_in_the_films_time() {
    let server = Server::playing(
        Vec::new(),
        answer(
            200,
            r#"{"task": "transcribe", "language": "english", "duration": 0.25, "text": "One. Two.", "segments": [
                {"id": 0, "start": 0.0, "end": 0.125, "text": " One.", "tokens": [1, 2], "avg_logprob": -0.1},
                {"id": 1, "start": 0.125, "end": 2.0, "text": " Two.", "tokens": [3], "avg_logprob": -0.2}]}"#,
        ),
    );
    let samples = sound(1);
    let piece = Piece { scene: None, start_s: 60.5, samples: &samples };
    let transcript = transcribe(&openai(&server), &[piece], 1).transcripts.pop().unwrap().unwrap();
    assert_eq!(transcript.text, "One. Two.");
    assert_eq!(
        transcript.segments,
        [
            Segment { start: 60.5, end: 60.625, text: " One.".to_owned(), tokens: vec![1, 2] },
            Segment { start: 60.625, end: 60.75, text: " Two.".to_owned(), tokens: vec![3] },
        ]
    );
}

#[test]
fn results_stand_in_the_order_of_pieces() {
    // The first pieces are answered last.
    let server = Server::start(|_, request| {
        let mark = samples(request)[0];
        thread::sleep(Duration::from_millis(10 * (8 - mark as u64)));
        said(&mark.to_string())
    });
    let sounds: Vec<Vec<f32>> = (0..8).map(sound).collect();
    let pieces: Vec<Piece<'_>> =
        sounds.iter().map(|samples| Piece { scene: None, start_s: 0.0, samples }).collect();
    let transcribed = transcribe(&openai(&server), &pieces, 4);
    assert_eq!(texts(&transcribed), ["0", "1", "2", "3", "4", "5", "6", "7"]);
}

#[test]
fn as_many_requests_are_under_way_as_allowed_and_no_more() {
    let server = Server::start(together(3));
    let samples = sound(1);
    transcribe(&openai(&server), &scenes(&samples, 12), 3);
    assert_eq!(server.most_under_way(), 3);
    assert!(server.connections() <= 3, "connections are used again");
}

#[test]
fn progress_counts_the_pieces_that_are_done() {
    let server = Server::playing(vec![answer(400, "{}")], said("hello"));
    let samples = sound(1);
    let mut told = Vec::new();
    let concurrency = reelbench_remote::Concurrency::new(2).unwrap();
    openai(&server).transcribe(&scenes(&samples, 4), concurrency, &|| 0, &mut |done| told.push(done));
    assert_eq!(told, [1, 2, 3, 4]);
}

#[test]
fn sound_too_short_is_not_sent_and_sound_too_long_says_what_to_do() {
    let server = Server::playing(Vec::new(), said("hello"));
    let samples = vec![0.0; 14 * 60 * 16_000];
    let pieces = [&samples[..0], &samples[..1599], &samples[..1600], &samples[..]];
    let pieces = pieces.map(|samples| Piece { scene: None, start_s: 3.0, samples });
    let transcribed = transcribe(&openai(&server), &pieces, 1);
    let [Ok(empty), Ok(short), Ok(shortest), Err(long)] = &transcribed.transcripts[..] else {
        panic!("{transcribed:?}")
    };
    assert_eq!((empty.text.as_str(), short.text.as_str(), shortest.text.as_str()), ("", "", "hello"));
    assert!(short.segments.is_empty());
    assert_eq!(*long, RemoteError::TooLong { seconds: 840, most_seconds: 819 });
    assert!(long.to_string().contains("per: scene"));
    assert_eq!(server.received().len(), 1);
}

#[test]
fn no_pieces_are_no_requests() {
    let server = Server::playing(Vec::new(), said("hello"));
    let transcribed = transcribe(&openai(&server), &[], 4);
    assert!(transcribed.transcripts.is_empty() && transcribed.spans.is_empty());
    assert!(server.received().is_empty());
}

#[test]
fn a_model_that_offers_plain_json_is_asked_for_that_from_then_on() {
    let server = Server::start(|_, request| match text(request, "response_format").as_deref() {
        Some("json") => said("hello"),
        _ => answer(
            400,
            r#"{"error": {"message": "response_format 'verbose_json' is not compatible with model 'x'. Use 'json'.",
                "type": "invalid_request_error", "param": "response_format", "code": "unsupported_value"}}"#,
        ),
    });
    let asr = openai(&server);
    let samples = sound(1);
    assert_eq!(texts(&transcribe(&asr, &scenes(&samples, 3), 1)), ["hello"; 3]);
    let formats: Vec<String> =
        server.received().iter().map(|request| text(request, "response_format").unwrap()).collect();
    assert_eq!(formats, ["verbose_json", "json", "json", "json"]);
    assert_eq!(text(&server.received()[1], "timestamp_granularities[]"), None);
}

#[test]
fn models_known_to_offer_plain_json_are_asked_for_it_at_once() {
    let server = Server::playing(Vec::new(), said("hello"));
    let gpt = RemoteSpec { model: "gpt-4o-mini-transcribe".to_owned(), ..spec(&server) };
    transcribe_one(&keyed(Service::Openai, &gpt)).unwrap();
    assert_eq!(text(&server.received()[0], "response_format").as_deref(), Some("json"));
}

#[test]
fn a_service_that_offers_no_format_is_not_asked_for_ever() {
    let server = Server::playing(Vec::new(), answer(400, r#"{"detail": "response_format: not allowed"}"#));
    let error = transcribe_one(&openai(&server).with_policy(QUICK)).unwrap_err();
    let expected = RemoteError::Refused { status: 400, message: "response_format: not allowed".to_owned() };
    assert_eq!(error, expected);
    assert_eq!(server.received().len(), 2);
}
