//! Against ultralytics 8.4.190: raw predictions and boxes of a model with random weights.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends where something is missing, and says how exact it is"
)]

use std::path::Path;

use candle_core::{Device, Tensor};
use reelbench_media::load_image;
use reelbench_protocol::Weights;
use reelbench_testkit::shared;
use reelbench_yolo::{DetectOptions, Detection, Detector};
use serde_json::Value;

/// Anchors that the reference keeps: every 11th.
const KEPT: usize = 11;
const PICTURES: [&str; 2] = ["coffee.png", "astronaut.png"];

fn load(path: &Path) -> Detector {
    let weights = Weights::Local { path: path.to_owned(), name: "yolov8n".to_owned() };
    Detector::load(&weights, &Device::Cpu).unwrap()
}

#[test]
fn predictions_agree_with_the_reference() {
    let (Some(folder), Some(media)) = (shared("parity/yolov8n"), shared("media")) else { return };
    let detector = load(&folder);
    let references =
        candle_core::safetensors::load(folder.join("reference.safetensors"), &Device::Cpu).unwrap();
    for name in PICTURES {
        let mut session = detector.session(&load_image(&media.join(name)).unwrap()).unwrap();
        session.infer();
        let raw = session.raw();
        let reference: &Tensor = &references[&format!("{name}.raw_every_{KEPT}_anchors")];
        let reference: Vec<Vec<f32>> = reference.t().unwrap().to_vec2().unwrap();
        let anchors: Vec<&[f32]> = raw.chunks_exact(84).step_by(KEPT).collect();
        assert_eq!(anchors.len(), reference.len());
        let difference = |values: std::ops::Range<usize>| {
            let pairs = anchors.iter().zip(&reference);
            pairs
                .flat_map(|(a, b)| a[values.clone()].iter().zip(&b[values.clone()]))
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max)
        };
        let (boxes, scores) = (difference(0..4), difference(4..84));
        println!("{name}: boxes differ by up to {boxes:.2e} pixels, scores by {scores:.2e}");
        assert!(boxes < 2e-3 && scores < 1e-5, "{name}: {boxes} {scores}");
    }
}

#[test]
fn boxes_agree_with_the_reference() {
    let (Some(folder), Some(media)) = (shared("parity/yolov8n"), shared("media")) else { return };
    let detector = load(&folder.join("model.safetensors"));
    let text = std::fs::read(folder.join("reference.json")).unwrap();
    let reference: Value = serde_json::from_slice(&text).unwrap();
    for name in PICTURES {
        let reference = &reference[name];
        let options = DetectOptions {
            conf: reference["conf_threshold"].as_f64().unwrap() as f32,
            iou: reference["iou_threshold"].as_f64().unwrap() as f32,
            max_det: 300,
        };
        let found = detector.detect(&load_image(&media.join(name)).unwrap(), &options).unwrap();
        assert_boxes(name, &found, reference["boxes_xyxy_score_class"].as_array().unwrap());
    }
}

fn assert_boxes(name: &str, found: &[Detection], reference: &[Value]) {
    assert_eq!(found.len(), reference.len(), "{name}");
    let (mut pixels, mut scores) = (0.0_f64, 0.0_f64);
    for (found, reference) in found.iter().zip(reference) {
        let expected: Vec<f64> = serde_json::from_value(reference.clone()).unwrap();
        for (found, expected) in found.xyxy.iter().zip(&expected) {
            pixels = pixels.max((f64::from(*found) - expected).abs());
        }
        scores = scores.max((f64::from(found.score) - expected[4]).abs());
        assert_eq!(found.class, expected[5] as u32, "{name}");
    }
    println!("{name}: {} boxes differ by up to {pixels:.2e} pixels, scores by {scores:.2e}", found.len());
    assert!(pixels < 1e-2 && scores < 1e-5, "{name}: {pixels} {scores}");
}
