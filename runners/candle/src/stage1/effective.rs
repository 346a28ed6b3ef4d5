//! The settings in force.

use reelbench_protocol::{
    AsrModel, AsrSpec, AstSpec, Device, RemoteSpec, SceneSpec, Settings, Stage1Spec, WhisperSpec, YoloSpec,
};
use serde_json::json;

/// All of a stage-1 cell's.
pub(super) fn of(spec: &Stage1Spec) -> Settings {
    let mut effective = Settings::from([("device".to_owned(), json!(Device::Cpu))]);
    spec.scene.iter().for_each(|scene| report_scene(scene, &mut effective));
    spec.asr.iter().for_each(|asr| report_asr(asr, &mut effective));
    spec.ast.iter().for_each(|ast| report_ast(ast, &mut effective));
    spec.yolo.iter().for_each(|yolo| report_yolo(yolo, &mut effective));
    if spec.asr.is_some() && spec.ast.is_some() {
        effective.insert("parallel".to_owned(), json!(spec.parallel));
    }
    effective
}

/// Tells the scene detection in force.
pub(crate) fn report_scene(spec: &SceneSpec, effective: &mut Settings) {
    effective.insert("scene.detector".to_owned(), json!(spec.detector));
    effective.insert("scene.threshold".to_owned(), json!(spec.threshold));
    effective.insert("scene.min_scene_len".to_owned(), json!(spec.min_scene_len));
}

/// Tells the speech recognition in force.
pub(crate) fn report_asr(spec: &AsrSpec, effective: &mut Settings) {
    effective.insert("asr.engine".to_owned(), json!(spec.model.engine()));
    effective.insert("asr.per".to_owned(), json!(spec.per));
    effective.insert("asr.concurrency".to_owned(), json!(spec.concurrency));
    match &spec.model {
        AsrModel::Whisper(whisper) => report_whisper(whisper, effective),
        AsrModel::Azure(remote) | AsrModel::Openai(remote) => report_remote(remote, effective),
    }
}

fn report_whisper(spec: &WhisperSpec, effective: &mut Settings) {
    effective.insert("asr.weights".to_owned(), json!(spec.weights.to_string()));
    effective.insert("asr.quantization".to_owned(), json!(spec.quantization));
    effective.insert("asr.num_beams".to_owned(), json!(spec.num_beams));
    effective.insert("asr.temperature_fallback".to_owned(), json!(spec.temperature_fallback));
}

fn report_remote(spec: &RemoteSpec, effective: &mut Settings) {
    effective.insert("asr.endpoint".to_owned(), json!(spec.endpoint));
    effective.insert("asr.model".to_owned(), json!(spec.model));
    effective.insert("asr.request_timeout_s".to_owned(), json!(spec.request_timeout_s));
    if let Some(most) = spec.requests_per_minute {
        effective.insert("asr.requests_per_minute".to_owned(), json!(most));
    }
    if let Some(version) = &spec.api_version {
        effective.insert("asr.api_version".to_owned(), json!(version));
    }
}

/// Tells the naming of sounds in force.
pub(crate) fn report_ast(spec: &AstSpec, effective: &mut Settings) {
    effective.insert("ast.weights".to_owned(), json!(spec.weights.to_string()));
    effective.insert("ast.quantization".to_owned(), json!(spec.quantization));
    effective.insert("ast.per".to_owned(), json!(spec.per));
    effective.insert("ast.batch".to_owned(), json!(spec.batch));
}

/// Tells the detection of objects in force.
pub(crate) fn report_yolo(spec: &YoloSpec, effective: &mut Settings) {
    effective.insert("yolo.weights".to_owned(), json!(spec.weights.to_string()));
    effective.insert("yolo.every_nth_frame".to_owned(), json!(spec.every_nth_frame));
    effective.insert("yolo.tracker".to_owned(), json!(spec.tracker));
}
