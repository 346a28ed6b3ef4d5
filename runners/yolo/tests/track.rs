//! Against the ByteTrack of ultralytics 8.4.190: every track of every frame of a made-up film with
//! crossings, dips of the score, objects that vanish and return, and false boxes.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

use reelbench_yolo::Detection;
use reelbench_yolo::track::{ByteTrack, ByteTrackConfig, Distance};
use serde_json::Value;

/// Half of the last of the three decimals to which the reference is rounded.
const TOLERANCE: f64 = 5e-4;

#[test]
fn every_track_agrees_with_the_reference() {
    let reference: Value = serde_json::from_str(include_str!("fixtures/bytetrack.json")).unwrap();
    let mut tracker = ByteTrack::new(config(&reference["config"]), reference["frame_rate"].as_f64().unwrap());
    let mut largest = 0.0_f64;
    for (number, frame) in reference["frames"].as_array().unwrap().iter().enumerate() {
        let detections = detections(&rows(&frame["detections_xyxy_score_class"]));
        let ids = tracker.update(&detections);
        let expected = rows(&frame["tracks_xyxy_id_score_class_index"]);

        let mut expected_ids = vec![None; detections.len()];
        for row in &expected {
            expected_ids[row[7] as usize] = Some(row[4] as u32);
        }
        assert_eq!(ids, expected_ids, "ids of frame {number}");

        assert_eq!(tracker.tracks().count(), expected.len(), "tracks of frame {number}");
        for (track, row) in tracker.tracks().zip(&expected) {
            let found = (track.id, track.class, track.detection);
            assert_eq!(found, (row[4] as u32, row[6] as u32, row[7] as usize), "tracks of frame {number}");
            assert!((f64::from(track.score) - row[5]).abs() < 1e-6, "scores of frame {number}");
            for (edge, expected) in track.xyxy.iter().zip(row) {
                largest = largest.max((f64::from(*edge) - expected).abs());
            }
        }
    }
    assert!(largest < TOLERANCE, "edges differ by up to {largest} pixels");
}

fn config(values: &Value) -> ByteTrackConfig {
    let number = |key: &str| values[key].as_f64().unwrap() as f32;
    ByteTrackConfig {
        track_high_thresh: number("track_high_thresh"),
        track_low_thresh: number("track_low_thresh"),
        new_track_thresh: number("new_track_thresh"),
        track_buffer: values["track_buffer"].as_u64().unwrap() as u32,
        match_thresh: values["match_thresh"].as_f64().unwrap(),
        distance: if values["fuse_score"] == true { Distance::FusedWithScore } else { Distance::Iou },
    }
}

fn rows(values: &Value) -> Vec<Vec<f64>> {
    let row = |value: &Value| value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    values.as_array().unwrap().iter().map(row).collect()
}

fn detections(rows: &[Vec<f64>]) -> Vec<Detection> {
    let detection = |row: &Vec<f64>| Detection {
        xyxy: [0, 1, 2, 3].map(|edge: usize| row[edge] as f32),
        score: row[4] as f32,
        class: row[5] as u32,
    };
    rows.iter().map(detection).collect()
}
