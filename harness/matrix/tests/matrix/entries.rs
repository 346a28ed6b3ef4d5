//! Entries of `exclude` and `include`: every key, by a value that cells have and one that none has.

use reelbench_matrix::schema;
use reelbench_protocol::CellKind;

use crate::common::expand;

/// Every key of an entry, a value that cells have and one that none has, and which cells have it.
const KEYS: &[(&str, &str, &str, CellsWith)] = &[
    ("video", "film", "other", CellsWith::Any),
    ("model", "captioner", "idle", CellsWith::Captions),
    ("use_cache", "true", "false", CellsWith::Captions),
    ("quantization", "none", "nf4", CellsWith::Captions),
    ("dtype", "auto", "f16", CellsWith::Captions),
    ("frames_per_scene", "2", "1", CellsWith::Captions),
    ("frame_size", "336", "0", CellsWith::Captions),
    ("num_beams", "1", "2", CellsWith::Captions),
    ("max_new_tokens", "256", "255", CellsWith::Captions),
    ("min_new_tokens", "0", "1", CellsWith::Captions),
    ("num_crops", "4", "16", CellsWith::Captions),
    ("batch_scenes", "1", "2", CellsWith::Captions),
    ("length_penalty", "2", "0.5", CellsWith::Captions),
    ("early_stopping", "never", "true", CellsWith::Captions),
    ("repetition_penalty", "1.5", "1", CellsWith::Captions),
    ("temperature", "0.5", "0.7", CellsWith::Captions),
    ("top_p", "0.9", "1", CellsWith::Captions),
    ("scene.detector", "content", "adaptive", CellsWith::Any),
    ("scene.threshold", "27", "27.5", CellsWith::Any),
    ("scene.min_scene_len", "15", "16", CellsWith::Any),
    ("asr.engine", "whisper", "whisper", CellsWith::Stage1),
    ("asr.weights", "\"dummy:whisper-tiny?seed=0\"", "\"dummy:whisper-tiny?seed=1\"", CellsWith::Stage1),
    ("asr.quantization", "none", "q8_0", CellsWith::Stage1),
    ("asr.num_beams", "1", "2", CellsWith::Stage1),
    ("asr.temperature_fallback", "false", "true", CellsWith::Stage1),
    ("asr.per", "file", "scene", CellsWith::Stage1),
    ("asr.concurrency", "1", "2", CellsWith::Stage1),
    ("ast.weights", "\"dummy:ast-tiny\"", "\"dummy:ast-tiny?seed=1\"", CellsWith::Stage1),
    ("ast.quantization", "none", "q4k", CellsWith::Stage1),
    ("ast.per", "file", "scene", CellsWith::Stage1),
    ("ast.batch", "1", "8", CellsWith::Stage1),
    ("yolo.weights", "\"dummy:yolov8-tiny\"", "\"dummy:yolov8-tiny?seed=1\"", CellsWith::Stage1),
    ("yolo.every_nth_frame", "5", "1", CellsWith::Stage1),
    ("yolo.tracker", "bytetrack", "none", CellsWith::Stage1),
    ("parallel", "false", "true", CellsWith::Stage1),
];

#[derive(Clone, Copy, PartialEq)]
enum CellsWith {
    Stage1,
    Captions,
    Any,
}

#[test]
fn every_key_of_an_entry_matches_by_its_value() {
    let text = "version: 1
name: a
videos: [{id: film, path: clips/film.mp4}, {id: other, path: clips/film.mp4}]
stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\"}, ast: {weights: \"dummy:ast-tiny\"}, yolo: {weights: \"dummy:yolov8-tiny\"}}
settings: {length_penalty: 2, early_stopping: never, repetition_penalty: 1.5, temperature: 0.5, top_p: 0.9}
models: [{id: captioner, family: phi3-v, weights: weights}, {id: idle, family: phi3-v, weights: weights}]
exclude: [{video: other}, {model: idle}";
    for (key, present, absent, with) in KEYS {
        let left = expand(&format!("{text}, {{{key}: {present}}}]\n"));
        assert!(left.warnings.iter().all(|warning| !warning.message.contains("matches no cell")), "{key}");
        let kinds: Vec<CellKind> = left.cells.iter().map(|cell| cell.spec.kind()).collect();
        // Without its stage-1 cell a caption is skipped.
        let expected = if *with == CellsWith::Captions { vec![CellKind::Stage1] } else { vec![] };
        assert_eq!(kinds, expected, "{key}");
        assert_eq!(left.skipped.len(), usize::from(*with == CellsWith::Stage1), "{key}");
        if present != absent && !["video", "model"].contains(key) {
            let all = expand(&format!("{text}, {{{key}: {absent}}}]\n"));
            assert_eq!((all.cells.len(), all.warnings.len()), (2, 1), "{key}");
        }
    }
    let described = schema()["properties"]["exclude"]["items"]["properties"].clone();
    let mut tried: Vec<&str> = KEYS.iter().map(|(key, ..)| *key).collect();
    // Only remote engines have these; `stage1.rs` tries them.
    tried.extend([
        "asr.endpoint",
        "asr.model",
        "asr.requests_per_minute",
        "asr.request_timeout",
        "asr.api_version",
    ]);
    tried.sort_unstable();
    let mut keys: Vec<&str> = described.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(tried, keys);
}

#[test]
fn every_key_of_an_entry_can_add() {
    let text = "version: 1
name: a
videos: [{id: film, path: clips/film.mp4}]
stage1: {scene: {}, asr: {weights: \"dummy:whisper-tiny\"}, ast: {weights: \"dummy:ast-tiny\"}, yolo: {weights: \"dummy:yolov8-tiny\"}}
settings: {length_penalty: 2, early_stopping: never, repetition_penalty: 1.5, temperature: 0.5, top_p: 0.9}
models: [{id: captioner, family: phi3-v, weights: weights}]
include: ";
    for (key, present, absent, with) in
        KEYS.iter().filter(|(key, present, absent, _)| present != absent && !["video", "model"].contains(key))
    {
        // Tokens are either drawn or searched for.
        let text =
            if *key == "num_beams" { &text.replace(", temperature: 0.5, top_p: 0.9", "") } else { text };
        let added = expand(&format!("{text}[{{{key}: {absent}}}]\n")).cells.len();
        assert_eq!(added, 3, "{key}");
        assert_eq!(expand(&format!("{text}[{{{key}: {present}}}]\n")).cells.len(), 2, "{key}");
        // A caption with other scenes brings the cell that finds them.
        if *with == CellsWith::Any {
            let both = expand(&format!("{text}[{{model: captioner, {key}: {absent}}}]\n"));
            assert_eq!(both.cells.len(), 4, "{key}");
            assert_eq!(both.cells[3].stage1_from, Some(both.cells[1].id.clone()), "{key}");
        }
    }
}
