//! Against transformers 4.46.3: `ASTFeatureExtractor` by its NumPy path, `ASTForAudioClassification` in 32-bit floats.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod support;

use candle_core::{Device, Tensor};
use reelbench_ast::fbank::Fbank;
use reelbench_media::decode_audio;
use reelbench_testkit::shared;
use support::{fixture, mini};

/// Frames that the reference keeps: every 13th.
const KEPT: usize = 13;

/// Three seconds: the window is filled up.
#[test]
fn three_seconds_of_jfk_agree_with_the_reference() {
    assert_case("short", &decode_audio(&fixture("jfk_3s.wav")).unwrap().samples);
}

#[test]
fn ten_seconds_of_speech_agree_with_the_reference() {
    let Some(path) = shared("media/two_cities.wav") else { return };
    assert_case("speech", &decode_audio(&path).unwrap().samples[..160_000]);
}

#[test]
fn ten_seconds_of_music_agree_with_the_reference() {
    let Some(path) = shared("media/sintel_trailer-720p.mp4") else { return };
    assert_case("music", &decode_audio(&path).unwrap().samples[..159_728]);
}

fn assert_case(case: &str, samples: &[f32]) {
    let references =
        candle_core::safetensors::load(fixture("mini/reference.safetensors"), &Device::Cpu).unwrap();
    let reference = |name: &str| &references[&format!("{case}.{name}")];
    assert_features(samples, reference("input_values_every_13_frames"));

    let logits = mini().clip_logits(samples).unwrap();
    let expected: Vec<f32> = reference("logits").to_vec1().unwrap();
    assert_close(&logits, &expected, 1e-5, "logits");

    let text = std::fs::read(fixture("mini/reference.json")).unwrap();
    let sigmoid: serde_json::Value = serde_json::from_slice(&text).unwrap();
    let sigmoid: Vec<f32> = serde_json::from_value(sigmoid[case]["sigmoid"].clone()).unwrap();
    // Written with six decimals.
    assert_close(&mini().clip_scores(samples).unwrap(), &sigmoid, 1e-5, "scores");
}

fn assert_features(samples: &[f32], reference: &Tensor) {
    let config = serde_json::from_slice(&std::fs::read(fixture("mini/preprocessor_config.json")).unwrap());
    let fbank = Fbank::new(config.unwrap());
    let features = fbank.compute(samples);
    let kept: Vec<f32> = features.chunks_exact(fbank.mels()).step_by(KEPT).flatten().copied().collect();
    let reference: Vec<f32> = reference.flatten_all().unwrap().to_vec1().unwrap();
    assert_close(&kept, &reference, 1e-6, "features");
}

/// Within `tolerance` of the largest value.
fn assert_close(found: &[f32], expected: &[f32], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len());
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let difference = found
        .iter()
        .zip(expected)
        .fold(0.0_f32, |most, (found, expected)| most.max((found - expected).abs()));
    assert!(
        difference < tolerance * largest,
        "{what} differ by up to {difference}, the largest is {largest}"
    );
}
