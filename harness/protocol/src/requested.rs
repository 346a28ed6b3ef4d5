//! Settings as flat maps: what a cell asks for, and where what it got differs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::{Value, json};

use crate::{AsrSpec, CellSpec, Dtype, SceneSpec, Work};

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
    /// | caption, where the run limits them | `max_scenes` | integer |
    /// | with scene detection | `scene.detector` | the matrix's word |
    /// | with scene detection | `scene.threshold` | number |
    /// | with scene detection | `scene.min_scene_len` | integer |
    /// | stage 1 with speech | `asr.engine`, `asr.per` | the matrix's word |
    /// | stage 1 with speech | `asr.weights` | the weights' name: `hf:…`, `dummy:…` or the path as given |
    /// | stage 1 with speech | `asr.concurrency`, `asr.num_beams` | integer |
    pub fn requested(&self) -> Settings {
        let mut settings = Settings::new();
        match &self.work {
            Work::Stage1(stage1) => {
                add_scene(&mut settings, stage1.scene.as_ref());
                add_asr(&mut settings, stage1.asr.as_ref());
            }
            Work::Caption(caption) => {
                // A struct of plain values always becomes an object.
                if let Ok(Value::Object(fields)) = serde_json::to_value(&caption.settings) {
                    settings.extend(fields);
                }
                if let Some(most) = caption.max_scenes {
                    settings.insert("max_scenes".into(), json!(most));
                }
                add_scene(&mut settings, caption.scene.as_ref());
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
    if let Some(asr) = asr {
        settings.insert("asr.engine".into(), json!(asr.engine));
        settings.insert("asr.weights".into(), json!(asr.weights.to_string()));
        settings.insert("asr.per".into(), json!(asr.per));
        settings.insert("asr.concurrency".into(), json!(asr.concurrency));
        settings.insert("asr.num_beams".into(), json!(asr.num_beams));
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
        write!(f, "{}: requested {}, ", self.setting, value_text(&self.requested))?;
        match &self.effective {
            Some(effective) => write!(f, "effective {}", value_text(effective)),
            None => f.write_str("not reported by the runner"),
        }
    }
}

/// Every requested setting that `effective` lacks or contradicts. `dtype: auto` agrees with any type.
pub fn differences(requested: &Settings, effective: &Settings) -> Vec<Difference> {
    let honoured = |key: &str, wanted: &Value, got: &Value| is_auto_dtype(key, wanted) || same(wanted, got);
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
        assert_eq!(differences(&requested, &settings(json!({}))).len(), 1);
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
