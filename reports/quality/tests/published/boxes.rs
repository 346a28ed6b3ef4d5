//! pycocotools' average precision, scikit-learn's, and py-motmetrics' tracking scores.

use std::collections::BTreeMap;

use reelbench_quality::{
    Detected, Extent, Labelled, Rect, Score, TrackCounts, Tracked, TrackedFrame, Truth, average_precision,
    tag_precision,
};
use serde::Deserialize;

use crate::support::{fixture, same};

#[derive(Deserialize)]
struct Pictures {
    labelled: Vec<Label>,
    detected: Vec<Found>,
    /// AP and AP50.
    mean: [f64; 2],
    classes: BTreeMap<u32, [f64; 2]>,
}

#[derive(Deserialize)]
struct Label {
    picture: u64,
    class: u32,
    #[serde(rename = "box")]
    rect: [f64; 4],
    crowd: bool,
}

#[derive(Deserialize)]
struct Found {
    picture: u64,
    class: u32,
    #[serde(rename = "box")]
    rect: [f64; 4],
    score: f64,
}

#[derive(Deserialize)]
struct Tags {
    truth: Vec<u8>,
    scores: Vec<f64>,
    ap: Option<f64>,
}

#[derive(Deserialize)]
struct Film {
    frames: Vec<Frame>,
    mota: f64,
    idf1: f64,
    precision: f64,
    recall: f64,
    num_switches: f64,
    num_misses: f64,
    num_false_positives: f64,
    idtp: f64,
}

#[derive(Deserialize)]
struct Frame {
    wanted: Vec<(u64, [f64; 4])>,
    found: Vec<(u64, [f64; 4])>,
}

fn rect(sides: [f64; 4]) -> Rect {
    Rect::new(sides).expect("a box")
}

#[test]
fn boxes_are_scored_as_coco_does() {
    let cases = fixture::<Vec<Pictures>>("boxes.json");
    assert!(cases.len() > 20);
    for case in cases {
        let extent = |crowd| if crowd { Extent::Crowd } else { Extent::One };
        let label = |label: Label| Labelled {
            picture: label.picture,
            class: label.class,
            rect: rect(label.rect),
            extent: extent(label.crowd),
        };
        let found = |found: Found| Detected {
            picture: found.picture,
            class: found.class,
            rect: rect(found.rect),
            score: Score::new(found.score).expect("a score"),
        };
        let labelled: Vec<_> = case.labelled.into_iter().map(label).collect();
        let detected: Vec<_> = case.detected.into_iter().map(found).collect();
        let ours = average_precision(&labelled, &detected).expect("labels");
        same(ours.mean.ap, case.mean[0], "mean AP");
        same(ours.mean.ap50, case.mean[1], "mean AP50");
        assert!(ours.classes.keys().eq(case.classes.keys()));
        for (ours, theirs) in ours.classes.values().zip(case.classes.values()) {
            same(ours.ap, theirs[0], "AP of a class");
            same(ours.ap50, theirs[1], "AP50 of a class");
        }
    }
}

#[test]
fn tags_are_scored_as_scikit_learn_does() {
    for case in fixture::<Vec<Tags>>("tags.json") {
        let truth = case.truth.iter().map(|truth| if *truth == 1 { Truth::Present } else { Truth::Absent });
        let scores = case.scores.iter().map(|score| Score::new(*score).expect("a score"));
        let ours = tag_precision(&scores.zip(truth).collect::<Vec<_>>());
        assert_eq!(ours.is_some(), case.ap.is_some());
        same(ours.unwrap_or_default(), case.ap.unwrap_or_default(), "average precision");
    }
}

#[test]
fn tracks_are_scored_as_motmetrics_does() {
    let films = fixture::<Vec<Film>>("tracks.json");
    assert!(films.iter().map(|film| film.num_switches).sum::<f64>() > 20.0);
    for film in films {
        let side = |side: &[(u64, [f64; 4])]| {
            side.iter().map(|(track, sides)| Tracked { track: *track, rect: rect(*sides) }).collect()
        };
        let frames: Vec<_> = film
            .frames
            .iter()
            .map(|frame| TrackedFrame { wanted: side(&frame.wanted), found: side(&frame.found) })
            .collect();
        let ours = TrackCounts::of(&frames).expect("tracks");
        same(ours.switches as f64, film.num_switches, "switches");
        same(ours.misses() as f64, film.num_misses, "misses");
        same(ours.false_positives() as f64, film.num_false_positives, "false positives");
        same(ours.identified as f64, film.idtp, "identified boxes");
        same(ours.mota().expect("boxes"), film.mota, "MOTA");
        same(ours.idf1().expect("boxes"), film.idf1, "IDF1");
        same(ours.precision().expect("boxes"), film.precision, "precision");
        same(ours.recall().expect("boxes"), film.recall, "recall");
    }
}
