//! Checkpoints that cannot be used: every one is refused with its file, the place and what would do.
#![expect(clippy::unwrap_used, reason = "a test ends where something is missing")]

mod support;

use std::fs;
use std::path::Path;

use candle_core::Device;
use reelbench_ast::SoundTagger;
use reelbench_protocol::{Failure, FailureKind, Quantization, Weights};
use serde_json::{Value, json};
use support::{fixture, mini, open};
use tempfile::TempDir;

/// A copy of the small checkpoint with one key of a JSON file set.
fn with(file: &str, key: &str, value: Value) -> TempDir {
    let folder = copy();
    let path = folder.path().join(file);
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    fs::write(path, config.to_string()).unwrap();
    folder
}

fn copy() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
        fs::copy(fixture("mini").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn refused(folder: &Path) -> String {
    let failure = Failure::from(open(folder, Quantization::None).unwrap_err());
    assert_eq!(failure.kind, FailureKind::Weights, "{failure}");
    failure.message
}

fn assert_says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
}

#[test]
fn a_copy_with_nothing_set_is_the_same_model() {
    let folder = with("config.json", "note", json!("a key that nobody reads"));
    let tagger = open(folder.path(), Quantization::None).unwrap();
    let sound = vec![0.1; 16_000];
    assert_eq!(tagger.clip_scores(&sound).unwrap(), mini().clip_scores(&sound).unwrap());
}

#[test]
fn another_family_is_named() {
    let folder = with("config.json", "model_type", json!("whisper"));
    assert_says(
        &refused(folder.path()),
        &["mini", "config.json", "`model_type` is whisper", "audio-spectrogram-transformer"],
    );
}

#[test]
fn filters_and_patches_that_do_not_fit_are_named() {
    let mels = with("config.json", "num_mel_bins", json!(127));
    assert_says(&refused(mels.path()), &["preprocessor_config.json", "`num_mel_bins` is 128", "127"]);
    let patch = with("config.json", "patch_size", json!(129));
    assert_says(&refused(patch.path()), &["config.json", "`patch_size` is 129", "1 to 128"]);
    let smaller = with("config.json", "patch_size", json!(8));
    assert_says(&refused(smaller.path()), &["model.safetensors", "position_embeddings", "1214"]);
    let stride = with("config.json", "time_stride", json!(11));
    assert_says(&refused(stride.path()), &["model.safetensors", "position_embeddings", "1214"]);
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let deeper = with("config.json", "num_hidden_layers", json!(4));
    assert_says(&refused(deeper.path()), &["model.safetensors", "encoder.layer.3.", "missing"]);
    let shallower = with("config.json", "num_hidden_layers", json!(2));
    assert_says(&refused(shallower.path()), &["model.safetensors", "no place for", "encoder.layer.2."]);
    let wider = with("config.json", "hidden_size", json!(96));
    assert_says(&refused(wider.path()), &["model.safetensors", "48", "96"]);
    let unbiased = with("config.json", "qkv_bias", json!(false));
    assert_says(&refused(unbiased.path()), &["no place for", ".bias"]);
    let labels = with("config.json", "id2label", json!({"0": "a", "1": "b"}));
    assert_says(&refused(labels.path()), &["classifier.dense", "12", "2"]);
}

#[test]
fn features_that_the_model_does_not_take_in_are_named() {
    for (key, value) in [("sampling_rate", json!(48_000)), ("max_length", json!(512)), ("std", json!(0.0))] {
        let folder = with("preprocessor_config.json", key, value);
        assert_says(&refused(folder.path()), &["mini", "preprocessor_config.json", key]);
    }
    let folder = copy();
    fs::remove_file(folder.path().join("preprocessor_config.json")).unwrap();
    assert_says(&refused(folder.path()), &["preprocessor_config.json"]);
}

#[test]
fn damaged_files_are_named() {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 100]).unwrap();
    assert_says(&refused(folder.path()), &["model.safetensors", "truncated"]);
    let text = with("config.json", "hidden_size", json!("wide"));
    assert_says(&refused(text.path()), &["config.json", "line 1", "wide"]);
}

#[test]
fn weights_that_are_no_numbers_are_found_out() {
    let folder = copy();
    let path = folder.path().join("model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    // The last tensor of the file is the weight of the classifier's norm.
    let last = bytes.len() - 4;
    bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(path, bytes).unwrap();
    let tagger = open(folder.path(), Quantization::None).unwrap();
    let error = tagger.clip_scores(&vec![0.1; 16_000]).unwrap_err();
    assert_says(&error.to_string(), &["not numbers", "fetch them again"]);
    assert_eq!(Failure::from(error).kind, FailureKind::Weights);
}

#[test]
fn quantizations_that_do_not_fit_are_refused() {
    // 48 inputs are no whole block.
    for quantization in [Quantization::Q8_0, Quantization::Q4k] {
        let message = open(&fixture("mini"), quantization).unwrap_err().to_string();
        assert_says(&message, &["mini", "48 inputs", quantization.as_str(), "none"]);
    }
    let failure = Failure::from(open(&fixture("mini"), Quantization::Nf4).unwrap_err());
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert_says(&failure.message, &["nf4", "none, q8_0, q4k"]);
}

#[test]
fn an_unknown_preset_is_told_what_there_is() {
    let weights = Weights::Dummy { preset: "ast-huge".to_owned(), seed: 0 };
    let error = SoundTagger::load(&weights, Quantization::None, &Device::Cpu).unwrap_err();
    assert_says(&error.to_string(), &["ast-huge", "ast-base", "ast-tiny"]);
}
