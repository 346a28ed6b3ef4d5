//! Connections that break, servers that refuse, answers that are wrong.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use reelbench_fetch::{FetchError, HttpError, State};
use reelbench_testkit::http::{Play, Received, answer, answer_with};
use reelbench_testkit::hub::{COMMIT, Repository};

use crate::common::{Place, small, snapshot, tree};

const SHARD: &str = "/model-1.safetensors";

/// A hub that plays `fault` to the first `times` requests for a shard.
fn faulty(times: usize, fault: impl Fn(&Repository, &Received) -> Play + Send + Sync + 'static) -> Place {
    let (hub, played) = (small(), AtomicUsize::new(0));
    Place::playing(move |_, request| {
        let shard = request.target.ends_with(SHARD);
        if shard && played.fetch_add(1, Ordering::SeqCst) < times {
            return fault(&hub, request);
        }
        hub.answer(request)
    })
}

/// The first `bytes` bytes of the shard, announced as all of it; then the connection is closed.
fn cut(hub: &Repository, from: usize, bytes: usize) -> Play {
    let content = hub.content("model-1.safetensors");
    let head = match from {
        0 => format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", content.len()),
        _ => format!(
            "HTTP/1.1 206 Part\r\ncontent-length: {}\r\ncontent-range: bytes {from}-{}/{}\r\n\r\n",
            content.len() - from,
            content.len() - 1,
            content.len()
        ),
    };
    Play::Raw([head.as_bytes(), &content[from..from + bytes]].concat())
}

/// The `Range` of every request for the shard.
fn ranges(place: &Place) -> Vec<Option<String>> {
    let received = place.server.received();
    let shard = received.iter().filter(|request| request.target.ends_with(SHARD));
    shard.map(|request| request.header("range").map(str::to_owned)).collect()
}

fn arrived(place: &Place) {
    let content = fs::read(snapshot(place.cache()).join("model-1.safetensors")).unwrap();
    assert_eq!(content, small().content("model-1.safetensors"));
}

#[test]
fn a_cut_connection_goes_on_where_it_ended() {
    // More cuts than fruitless attempts are made: each of them brought something.
    let place = faulty(8, |hub, request| {
        let from = request.header("range").map_or(0, |range| range[6..range.len() - 1].parse().unwrap());
        cut(hub, from, 500)
    });
    place.fetch("hf:o/small").unwrap();
    let expected: Vec<Option<String>> =
        (0..=8).map(|part| (part > 0).then(|| format!("bytes={}-", part * 500))).collect();
    assert_eq!(ranges(&place), expected);
    arrived(&place);
}

#[test]
fn the_next_call_goes_on_where_the_last_one_ended() {
    let begun = AtomicBool::new(false);
    let place =
        faulty(
            4,
            move |hub, _| {
                if begun.swap(true, Ordering::SeqCst) { answer(503, "") } else { cut(hub, 0, 100) }
            },
        );
    let error = place.fetch("hf:o/small").unwrap_err();
    assert!(matches!(&error, FetchError::Http { source: HttpError::GivenUp { .. }, .. }), "{error}");
    assert!(error.to_string().contains("goes on from there"), "{error}");
    assert!(!snapshot(place.cache()).exists(), "a snapshot is published when it is whole");
    place.fetch("hf:o/small").unwrap();
    assert_eq!(ranges(&place)[4].as_deref(), Some("bytes=100-"));
    arrived(&place);
}

#[test]
fn a_server_that_ignores_ranges_starts_over() {
    let place = faulty(2, |hub, request| match request.header("range") {
        None => cut(hub, 0, 700),
        Some(_) => answer(200, hub.content("model-1.safetensors")),
    });
    place.fetch("hf:o/small").unwrap();
    assert_eq!(ranges(&place), [None, Some("bytes=700-".to_owned())]);
    arrived(&place);
}

#[test]
fn a_part_that_was_not_asked_for_is_not_taken() {
    let place = faulty(2, |hub, request| match request.header("range") {
        None => cut(hub, 0, 700),
        Some(_) => cut(hub, 300, 500),
    });
    place.fetch("hf:o/small").unwrap();
    assert_eq!(ranges(&place), [None, Some("bytes=700-".to_owned()), None]);
    arrived(&place);
}

#[test]
fn the_rest_of_another_file_is_noticed_by_its_hash_and_replaced() {
    let place = Place::serving(small());
    let content = small().content("model-1.safetensors").to_owned();
    let partial = place.blob(&content).with_extension("incomplete");
    fs::create_dir_all(partial.parent().unwrap()).unwrap();
    for leftover in [vec![0; 100], vec![0; content.len()], vec![0; content.len() + 1]] {
        let _ = fs::remove_file(place.blob(&content));
        fs::write(&partial, leftover).unwrap();
        let stored = place.fetch("hf:o/small").unwrap();
        assert!(stored.files.iter().any(|file| file.state == State::Fetched));
        arrived(&place);
    }
}

#[test]
fn a_wrong_hash_leaves_nothing_under_the_final_name() {
    let place =
        faulty(usize::MAX, |hub, _| answer(200, hub.content("model-1.safetensors").to_ascii_uppercase()));
    let error = place.fetch("hf:o/small").unwrap_err();
    assert!(
        matches!(&error, FetchError::WrongHash { what, .. } if what.ends_with("model-1.safetensors")),
        "{error}"
    );
    let blob = place.blob(small().content("model-1.safetensors"));
    assert!(!blob.exists() && !blob.with_extension("incomplete").exists());
    assert!(!snapshot(place.cache()).exists() && !place.cache().join("models--o--small/refs").exists());
    assert_eq!(place.asked(SHARD), 1);
}

#[test]
fn more_than_was_listed_is_not_kept() {
    let place =
        faulty(usize::MAX, |hub, _| answer(200, [hub.content("model-1.safetensors"), b"and more"].concat()));
    let error = place.fetch("hf:o/small").unwrap_err();
    assert!(matches!(&error, FetchError::Http { source: HttpError::GivenUp { .. }, .. }), "{error}");
    assert!(!place.blob(small().content("model-1.safetensors")).exists());
}

#[test]
fn a_limited_rate_is_waited_for() {
    let place = faulty(2, |_, _| answer_with(429, &[("Retry-After", "0.05")], ""));
    let begin = std::time::Instant::now();
    place.fetch("hf:o/small").unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(100));
    let waits = place.told.lines().into_iter().filter(|line| line.contains("429")).count();
    assert_eq!(waits, 2);
    arrived(&place);
}

#[test]
fn the_list_of_files_is_asked_for_again_too() {
    let hub = small();
    let place =
        Place::playing(move |number, request| if number < 2 { answer(502, "") } else { hub.answer(request) });
    place.fetch("hf:o/small").unwrap();
}

#[test]
fn a_hub_that_stays_down_is_given_up() {
    let place = Place::playing(|_, _| answer(500, ""));
    let error = place.fetch("hf:o/small").unwrap_err().to_string();
    assert!(error.contains("4 attempts") && error.contains("500"), "{error}");
    assert!(tree(place.cache()).is_empty());
}

#[test]
fn what_the_hub_does_not_have_is_told() {
    let place = Place::serving(small());
    let error = place.fetch("hf:o/small@v9").unwrap_err().to_string();
    assert!(error.contains("hf:o/small@v9") && error.contains("no such revision"), "{error}");
    let error = place.fetch("hf:o/other").unwrap_err().to_string();
    assert!(error.contains("hf:o/other") && error.contains("no such repository"), "{error}");
    assert_eq!(place.server.received().len(), 2, "neither is asked for again");
}

#[test]
fn a_path_that_escapes_is_refused() {
    for path in ["../../escaped/config.json", "/tmp/escaped.json"] {
        let place = Place::serving(small().with(path, "{}"));
        let error = place.fetch("hf:o/small").unwrap_err();
        assert!(
            matches!(&error, FetchError::Listing { reason, .. } if reason.contains("leads out")),
            "{error}"
        );
        assert!(tree(place.cache()).is_empty());
    }
}

#[test]
fn a_list_of_another_commit_or_none_is_refused() {
    let other = COMMIT.replace('0', "f");
    let place = Place::playing(move |_, _| answer(200, small().listing()));
    let error = place.fetch(&format!("hf:o/small@{other}")).unwrap_err();
    assert!(
        matches!(&error, FetchError::Listing { reason, .. } if reason.contains("another commit")),
        "{error}"
    );
    let place = Place::playing(|_, _| answer(200, "<html>log in</html>"));
    let error = place.fetch("hf:o/small").unwrap_err().to_string();
    assert!(error.contains("HF_ENDPOINT"), "{error}");
}
