//! Settings as flat maps: what a cell asks for, and where what it got differs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::{AsrModel, AsrSpec, AstSpec, CellSpec, Dtype, RemoteSpec, SceneSpec, Work, YoloSpec};

/// Settings under the names they have in a matrix, with a dot between a stage and its setting:
/// `use_cache`, `scene.threshold`, `asr.per`, …
pub type Settings = BTreeMap<String, Value>;

impl CellSpec {
    /// The settings a cell asks for, under the names by which a runner reports those in force.
    ///
    /// | Cells | Key | Value |
    /// |---|---|---|
    /// | caption | `use_cache` | boolean |
    /// | caption | `quantization`, `dtype` | the matrix's word |
    /// | caption | `frames_per_scene`, `frame_size`, `num_beams`, `max_new_tokens`, `min_new_tokens`, `batch_scenes` | integer |
    /// | caption, where the family has crops | `num_crops` | integer |
    /// | caption, where the matrix says | `length_penalty`, `repetition_penalty`, `temperature`, `top_p` | number |
    /// | caption, where the matrix says | `early_stopping` | text: `true`, `false` or `never` |
    /// | caption, where tokens are drawn | `seed` | integer |
    /// | caption, where the run limits them | `max_scenes` | integer |
    /// | with scene detection | `scene.detector` | the matrix's word |
    /// | with scene detection | `scene.threshold` | number |
    /// | with scene detection | `scene.min_scene_len` | integer |
    /// | with speech | `asr.engine`, `asr.per` | the matrix's word |
    /// | with speech | `asr.concurrency` | integer |
    /// | with speech in this process | `asr.weights` | the weights' name: `hf:…`, `dummy:…` or the path as given |
    /// | with speech in this process | `asr.quantization` | the matrix's word |
    /// | with speech in this process | `asr.num_beams` | integer |
    /// | with speech in this process | `asr.temperature_fallback` | boolean |
    /// | with remote speech | `asr.endpoint`, `asr.model` | text |
    /// | with remote speech | `asr.request_timeout_s`; `asr.requests_per_minute` where limited | integer |
    /// | with remote speech | `asr.api_version` where given | text |
    /// | with sounds | `ast.weights`, `ast.quantization`, `ast.per` | as for speech |
    /// | with sounds | `ast.batch` | integer |
    /// | with objects | `yolo.weights` | the weights' name |
    /// | with objects | `yolo.every_nth_frame` | integer |
    /// | with objects | `yolo.tracker` | the matrix's word |
    /// | stage 1 with speech and sounds | `parallel` | boolean |
    ///
    /// A caption has the settings of speech, sounds and objects where its question tells of them.
    pub fn requested(&self) -> Settings {
        let mut settings = Settings::new();
        match &self.work {
            Work::Stage1(stage1) => {
                add_scene(&mut settings, stage1.scene.as_ref());
                add_asr(&mut settings, stage1.asr.as_ref());
                add_ast(&mut settings, stage1.ast.as_ref());
                add_yolo(&mut settings, stage1.yolo.as_ref());
                if stage1.asr.is_some() && stage1.ast.is_some() {
                    settings.insert("parallel".into(), json!(stage1.parallel));
                }
            }
            Work::Caption(caption) => {
                // A struct of plain values always becomes an object.
                if let Ok(Value::Object(fields)) = serde_json::to_value(&caption.settings) {
                    settings.extend(fields);
                }
                if let Some(seed) = caption.seed {
                    settings.insert("seed".into(), json!(seed));
                }
                if let Some(most) = caption.max_scenes {
                    settings.insert("max_scenes".into(), json!(most));
                }
                add_scene(&mut settings, caption.scene.as_ref());
                add_asr(&mut settings, caption.asr.as_ref());
                add_ast(&mut settings, caption.ast.as_ref());
                add_yolo(&mut settings, caption.yolo.as_ref());
            }
        }
        settings
    }
}

fn add_scene(settings: &mut Settings, scene: Option<&SceneSpec>) {
    if let Some(scene) = scene {
        settings.insert("scene.detector".into(), json!(scene.detector));
        settings.insert("scene.threshold".into(), json!(scene.threshold));
        settings.insert("scene.min_scene_len".into(), json!(scene.min_scene_len));
    }
}

fn add_asr(settings: &mut Settings, asr: Option<&AsrSpec>) {
    let Some(asr) = asr else { return };
    settings.insert("asr.engine".into(), json!(asr.model.engine()));
    settings.insert("asr.per".into(), json!(asr.per));
    settings.insert("asr.concurrency".into(), json!(asr.concurrency));
    match &asr.model {
        AsrModel::Whisper(whisper) => {
            settings.insert("asr.weights".into(), json!(whisper.weights.to_string()));
            settings.insert("asr.quantization".into(), json!(whisper.quantization));
            settings.insert("asr.num_beams".into(), json!(whisper.num_beams));
            settings.insert("asr.temperature_fallback".into(), json!(whisper.temperature_fallback));
        }
        AsrModel::Azure(remote) | AsrModel::Openai(remote) => add_remote(settings, remote),
    }
}

fn add_remote(settings: &mut Settings, remote: &RemoteSpec) {
    settings.insert("asr.endpoint".into(), json!(remote.endpoint));
    settings.insert("asr.model".into(), json!(remote.model));
    settings.insert("asr.request_timeout_s".into(), json!(remote.request_timeout_s));
    if let Some(most) = remote.requests_per_minute {
        settings.insert("asr.requests_per_minute".into(), json!(most));
    }
    if let Some(version) = &remote.api_version {
        settings.insert("asr.api_version".into(), json!(version));
    }
}

fn add_ast(settings: &mut Settings, ast: Option<&AstSpec>) {
    if let Some(ast) = ast {
        settings.insert("ast.weights".into(), json!(ast.weights.to_string()));
        settings.insert("ast.quantization".into(), json!(ast.quantization));
        settings.insert("ast.per".into(), json!(ast.per));
        settings.insert("ast.batch".into(), json!(ast.batch));
    }
}

fn add_yolo(settings: &mut Settings, yolo: Option<&YoloSpec>) {
    if let Some(yolo) = yolo {
        settings.insert("yolo.weights".into(), json!(yolo.weights.to_string()));
        settings.insert("yolo.every_nth_frame".into(), json!(yolo.every_nth_frame));
        settings.insert("yolo.tracker".into(), json!(yolo.tracker));
    }
}

/// A requested setting that was not in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Its name.
    pub setting: String,
    /// What was asked.
    pub requested: Value,
    /// What the runner reports, if it reports anything.
    pub effective: Option<Value>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let requested = value_text(&self.requested);
        write!(f, "{}: requested {requested}, ", self.setting)?;
        match &self.effective {
            // A text that reads like the value that was asked for is shown as what it is.
            Some(effective) if value_text(effective) == requested => write!(f, "effective {effective}"),
            Some(effective) => write!(f, "effective {}", value_text(effective)),
            None => f.write_str("not reported by the runner"),
        }
    }
}

/// Every requested setting that `effective` lacks or contradicts. `dtype: auto` agrees with any type that is named.
pub fn differences(requested: &Settings, effective: &Settings) -> Vec<Difference> {
    let honoured = |key: &str, wanted: &Value, got: &Value| {
        if is_auto_dtype(key, wanted) { names_dtype(got) } else { same(wanted, got) }
    };
    requested
        .iter()
        .filter(|(key, wanted)| !effective.get(*key).is_some_and(|got| honoured(key, wanted, got)))
        .map(|(key, wanted)| Difference {
            setting: key.clone(),
            requested: wanted.clone(),
            effective: effective.get(key).cloned(),
        })
        .collect()
}

/// Whether a value is a type that a runner can have chosen.
fn names_dtype(value: &Value) -> bool {
    Dtype::deserialize(value).is_ok_and(|dtype| dtype != Dtype::Auto)
}

/// The names of settings that have more than one value among `cells`. A cell without the setting
/// does not count: `num_crops` of one family does not vary because another family lacks it.
pub fn varying<'a>(cells: impl IntoIterator<Item = &'a Settings>) -> BTreeSet<String> {
    let mut first: BTreeMap<&str, &Value> = BTreeMap::new();
    let mut varying = BTreeSet::new();
    for (key, value) in cells.into_iter().flatten() {
        if !same(first.entry(key).or_insert(value), value) {
            varying.insert(key.clone());
        }
    }
    varying
}

/// A value as a matrix would write it.
pub fn value_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |n| n.to_string()),
        other => other.to_string(),
    }
}

/// Equality that does not care whether 27 was written 27.0.
fn same(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a.total_cmp(&b).is_eq(),
        _ => a == b,
    }
}

fn is_auto_dtype(key: &str, value: &Value) -> bool {
    key == "dtype" && value.as_str() == Some(Dtype::Auto.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(value: Value) -> Settings {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn whole_numbers_agree_however_they_are_written() {
        let requested = settings(json!({"scene.threshold": 27.0, "num_beams": 1}));
        assert_eq!(differences(&requested, &settings(json!({"scene.threshold": 27, "num_beams": 1}))), []);
    }

    #[test]
    fn a_contradiction_and_a_silence_are_differences() {
        let requested = settings(json!({"dtype": "f32", "use_cache": true}));
        let effective = settings(json!({"dtype": "bf16", "device": "cpu"}));
        let words: Vec<_> = differences(&requested, &effective).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            ["dtype: requested f32, effective bf16", "use_cache: requested true, not reported by the runner"]
        );
    }

    #[test]
    fn auto_agrees_with_any_type_but_not_with_silence() {
        let requested = settings(json!({"dtype": "auto"}));
        assert_eq!(differences(&requested, &settings(json!({"dtype": "f16"}))), []);
        for said in [json!({}), json!({"dtype": "auto"}), json!({"dtype": null}), json!({"dtype": "fast"})] {
            assert_eq!(differences(&requested, &settings(said)).len(), 1);
        }
    }

    #[test]
    fn a_text_is_not_the_value_that_it_reads_like() {
        let found =
            differences(&settings(json!({"use_cache": true})), &settings(json!({"use_cache": "true"})));
        assert_eq!(found[0].to_string(), r#"use_cache: requested true, effective "true""#);
    }

    #[test]
    fn a_setting_that_some_cells_lack_does_not_vary() {
        let cells = [
            settings(json!({"num_crops": 4, "num_beams": 1})),
            settings(json!({"num_beams": 2})),
            settings(json!({"num_crops": 4, "num_beams": 1})),
        ];
        assert_eq!(varying(cells.iter()), BTreeSet::from(["num_beams".to_owned()]));
    }
}
