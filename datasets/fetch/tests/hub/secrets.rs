//! The token goes to the hub, and nowhere else.

use reelbench_testkit::http::{Play, Server, answer, answer_with};

use crate::common::{Place, TOKEN, small};

#[test]
fn the_token_goes_with_every_request_to_the_hub() {
    let place = Place::serving(small()).with_token();
    place.fetch("hf:o/small").unwrap();
    let bearer = format!("Bearer {TOKEN}");
    assert!(place.server.received().iter().all(|request| request.header("authorization") == Some(&bearer)));
}

#[test]
fn a_redirect_to_another_host_goes_without_the_token() {
    let hub = small();
    let elsewhere = Server::start(move |_, request| hub.answer(request));
    let (hub, address) = (small(), elsewhere.url());
    let place = Place::playing(move |_, request| {
        if request.target.starts_with("/api/") {
            return hub.answer(request);
        }
        let location = format!("{address}{}", request.target);
        answer_with(302, &[("Location", &location)], "")
    });
    let place = place.with_token();
    place.fetch("hf:o/small").unwrap();
    let received = elsewhere.received();
    assert!(received.len() >= 6, "{received:?}");
    assert!(!format!("{received:?}").contains(TOKEN), "in no header at all: {received:?}");
}

#[test]
fn a_redirect_within_the_hub_keeps_the_token() {
    let hub = small();
    let place = Place::playing(move |_, request| match request.target.replace("/renamed", "/small") {
        target if target == request.target => {
            answer_with(307, &[("Location", &target.replace("/small", "/renamed"))], "")
        }
        target => hub.answer(&request.clone().at_target(target)),
    });
    let place = place.with_token();
    place.fetch("hf:o/small").unwrap();
    assert!(place.server.received().iter().all(|request| request.header("authorization").is_some()));
}

#[test]
fn a_locked_repository_says_what_to_do() {
    for status in [401, 403] {
        let place = Place::playing(move |_, _| answer(status, ""));
        let error = place.fetch("hf:o/small").unwrap_err().to_string();
        assert!(error.contains("set HF_TOKEN to a token"), "{error}");
        assert!(error.contains(&format!("{}/o/small", place.server.url())), "{error}");
        let place = place.with_token();
        let error = place.fetch("hf:o/small").unwrap_err().to_string();
        assert!(error.contains("check that the token in HF_TOKEN"), "{error}");
        assert_eq!(place.server.received().len(), 2);
    }
}

#[test]
fn a_hub_that_repeats_the_token_is_not_quoted_with_it() {
    let message = [("X-Error-Message", TOKEN)];
    for play in [
        answer_with(400, &message, TOKEN),
        answer_with(401, &message, TOKEN),
        answer_with(404, &message, TOKEN),
        answer_with(500, &message, TOKEN),
        answer(200, TOKEN),
        Play::Raw(format!("HTTP/1.1 {TOKEN}\r\n\r\n").into_bytes()),
    ] {
        let repeated = play.clone();
        let place = Place::playing(move |_, _| repeated.clone()).with_token();
        let error = place.fetch("hf:o/small").unwrap_err();
        let shown = format!("{error} {error:?} {:?} {:?}", place.fetcher(), place.told.lines());
        assert!(!shown.contains(TOKEN), "{play:?}: {shown}");
    }
}
