//! What services answer: transcripts, and messages of errors.

use reelbench_protocol::{Segment, Transcript};
use serde::Deserialize;
use serde_json::Value;

/// `verbose_json` and `json` in one; more keys are no matter.
#[derive(Deserialize)]
struct Answer {
    text: Option<String>,
    segments: Option<Vec<AnswerSegment>>,
}

#[derive(Deserialize)]
struct AnswerSegment {
    start: f64,
    end: f64,
    text: String,
    tokens: Option<Vec<u32>>,
}

/// The stretch of the film that an answer is about, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Stretch {
    pub(crate) start_s: f64,
    pub(crate) duration_s: f64,
}

/// An answer that holds no transcript.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AnswerError {
    /// JSON that ends too early: a connection that broke unnoticed.
    CutOff,
    /// Anything else, in words.
    NotTranscript(String),
}

/// The transcript in a body of JSON, its times moved from the request's to the film's and held within the stretch:
/// Whisper's windows of 30 s let segments end after the sound. Text without segments is one segment.
pub(crate) fn parse(body: &[u8], stretch: Stretch) -> Result<Transcript, AnswerError> {
    let answer: Answer = serde_json::from_slice(body).map_err(|error| {
        if error.is_eof() {
            AnswerError::CutOff
        } else if error.is_syntax() {
            AnswerError::NotTranscript(format!("{error}: {}", on_one_line(&String::from_utf8_lossy(body))))
        } else {
            AnswerError::NotTranscript(error.to_string())
        }
    })?;
    let found = answer.segments.unwrap_or_default();
    let text = match answer.text {
        Some(text) => text,
        None if found.is_empty() => {
            let message = error_detail(body).message;
            return Err(AnswerError::NotTranscript(format!("it has no `text`: {message}")));
        }
        None => found.iter().map(|segment| segment.text.as_str()).collect(),
    };
    let text = text.trim().to_owned();
    let mut segments: Vec<Segment> = found.into_iter().map(|segment| placed(segment, stretch)).collect();
    segments.sort_by(|a, b| a.start.total_cmp(&b.start));
    if segments.is_empty() && !text.is_empty() {
        let whole = AnswerSegment { start: 0.0, end: stretch.duration_s, text: text.clone(), tokens: None };
        segments.push(placed(whole, stretch));
    }
    Ok(Transcript { text, segments })
}

fn placed(segment: AnswerSegment, stretch: Stretch) -> Segment {
    let start = segment.start.clamp(0.0, stretch.duration_s);
    let end = segment.end.clamp(start, stretch.duration_s);
    Segment {
        start: stretch.start_s + start,
        end: stretch.start_s + end,
        text: segment.text,
        tokens: segment.tokens.unwrap_or_default(),
    }
}

/// An error's code or parameter that a service names.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ErrorDetail {
    pub(crate) message: String,
    pub(crate) code: String,
    pub(crate) param: String,
}

/// What a body says about an error. The message is on one line and may be long.
///
/// `OpenAI` and Azure answer `{"error": {"message", "code", "param"}}`, Azure's gateway `{"message"}`, and servers
/// on `FastAPI` `{"detail"}`. Of anything else the text is taken.
pub(crate) fn error_detail(body: &[u8]) -> ErrorDetail {
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return ErrorDetail {
            message: on_one_line(&String::from_utf8_lossy(body)),
            ..ErrorDetail::default()
        };
    };
    let error = &value["error"];
    let said = [&error["message"], error, &value["message"], &value["detail"], &value];
    let text = |value: &Value| match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    ErrorDetail {
        message: on_one_line(&said.into_iter().find_map(text).unwrap_or_default()),
        code: text(&error["code"]).unwrap_or_default(),
        param: text(&error["param"]).unwrap_or_default(),
    }
}

fn on_one_line(text: &str) -> String {
    let words: Vec<&str> = text.split(|c: char| c.is_whitespace() || c.is_control()).collect();
    words.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRETCH: Stretch = Stretch { start_s: 100.0, duration_s: 8.0 };

    fn segment(start: f64, end: f64, text: &str, tokens: &[u32]) -> Segment {
        Segment { start, end, text: text.to_owned(), tokens: tokens.to_vec() }
    }

    #[test]
    fn verbose_answers_keep_segments_in_the_films_time() {
        let body = br#"{"task": "transcribe", "language": "english", "duration": 8.0, "text": " Hello there. Bye.",
            "segments": [
                {"id": 0, "seek": 0, "start": 0.5, "end": 3.25, "text": " Hello there.", "tokens": [50364, 2425],
                 "temperature": 0.0, "avg_logprob": -0.2, "compression_ratio": 1.1, "no_speech_prob": 0.01},
                {"id": 1, "start": 6.0, "end": 30.0, "text": " Bye.", "tokens": null}]}"#;
        let transcript = parse(body, STRETCH).unwrap();
        assert_eq!(transcript.text, "Hello there. Bye.");
        assert_eq!(
            transcript.segments,
            [segment(100.5, 103.25, " Hello there.", &[50364, 2425]), segment(106.0, 108.0, " Bye.", &[])]
        );
    }

    #[test]
    fn text_alone_is_one_segment_and_no_text_is_none() {
        let transcript = parse(br#"{"text": "Hello.", "usage": {"type": "tokens"}}"#, STRETCH).unwrap();
        assert_eq!(transcript.segments, [segment(100.0, 108.0, "Hello.", &[])]);
        let with_empty_list = parse(br#"{"text": "Hello.", "segments": []}"#, STRETCH).unwrap();
        assert_eq!(with_empty_list, transcript);
        assert_eq!(parse(br#"{"text": " "}"#, STRETCH).unwrap().segments, []);
    }

    #[test]
    fn times_outside_the_sound_are_moved_into_it() {
        let body = br#"{"segments": [{"start": 9.0, "end": 2.0, "text": "b"}, {"start": -1, "end": 1, "text": "a"}]}"#;
        let transcript = parse(body, STRETCH).unwrap();
        assert_eq!(transcript.segments, [segment(100.0, 101.0, "a", &[]), segment(108.0, 108.0, "b", &[])]);
    }

    #[test]
    fn a_body_that_is_no_transcript_says_what_it_is() {
        let reason = |body: &str| match parse(body.as_bytes(), STRETCH) {
            Err(AnswerError::NotTranscript(reason)) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason("<html>\n"), "expected value at line 1 column 1: <html>");
        assert_eq!(reason("{}"), "it has no `text`: {}");
        assert_eq!(
            reason(r#"{"error": {"message": "model is loading"}}"#),
            "it has no `text`: model is loading"
        );
        assert!(reason(r#"{"text": 3}"#).contains("expected a string"));
        assert!(reason(r#"{"segments": [{"start": 1e999, "end": 0, "text": ""}]}"#).contains("range"));
    }

    #[test]
    fn json_that_ends_too_early_is_cut_off() {
        let whole = br#"{"text": "Hello.", "segments": []}"#;
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end], STRETCH), Err(AnswerError::CutOff), "{end}");
        }
    }

    #[test]
    fn messages_are_found_where_services_put_them() {
        let detail =
            error_detail(br#"{"error": {"message": "no\n such\tmodel", "code": "x", "param": "model"}}"#);
        let expected =
            ErrorDetail { message: "no such model".into(), code: "x".into(), param: "model".into() };
        assert_eq!(detail, expected);
        for (body, message) in [
            (r#"{"error": "busy"}"#, "busy"),
            (r#"{"statusCode": 404, "message": "Resource not found"}"#, "Resource not found"),
            (r#"{"detail": "model must be set"}"#, "model must be set"),
            (r#"{"detail": [{"loc": ["body"]}]}"#, r#"[{"loc":["body"]}]"#),
            ("<h1>Bad\u{7}Gateway</h1>", "<h1>Bad Gateway</h1>"),
            ("", ""),
        ] {
            assert_eq!(error_detail(body.as_bytes()).message, message);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_body_is_a_panic(body in proptest::collection::vec(0_u8.., 0..200)) {
            let _ = parse(&body, STRETCH);
            let _ = error_detail(&body);
        }
    }
}
