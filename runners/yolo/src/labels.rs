//! Names of classes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use reelbench_nn::Checkpoint;
use serde::Deserialize;

use crate::YoloError;

/// The 80 classes of COCO that have pictures (Lin et al.: "Microsoft COCO", 2014), in their order.
const COCO: &str = include_str!("labels/coco80.txt");

/// Longest header of a safetensors file that is searched for names; the format allows no longer.
const LONGEST_HEADER: u64 = 100_000_000;

/// `config.json`, as far as names go.
#[derive(Deserialize)]
struct Config {
    names: Option<Names>,
}

/// Names in order, or by number.
#[derive(Deserialize)]
#[serde(untagged)]
enum Names {
    List(Vec<String>),
    Numbered(BTreeMap<String, String>),
}

/// The header of a safetensors file, as far as names go.
#[derive(Deserialize)]
struct Header {
    #[serde(rename = "__metadata__", default)]
    metadata: BTreeMap<String, String>,
}

/// The names of `classes` classes: those of the checkpoint (`names` in `config.json`, a list or an
/// object by number, or the same as JSON under `names` in the metadata of the safetensors file),
/// else COCO's for 80 classes, else `class 0` and so on.
///
/// # Errors
/// When the checkpoint's names are not as many as the classes, or not such a list.
pub(crate) fn labels(checkpoint: &Checkpoint, path: &Path, classes: usize) -> Result<Vec<String>, YoloError> {
    let Some((path, names)) = stored(checkpoint, path)? else { return Ok(default_labels(classes)) };
    let at_odds = |reason| YoloError::Labels { path: path.clone(), reason };
    let labels = match names {
        Names::List(labels) => labels,
        Names::Numbered(names) => (0..names.len())
            .map(|class| {
                let name = names.get(&class.to_string()).cloned();
                name.ok_or_else(|| at_odds(format!("`names` has no class {class}; number them from 0 on")))
            })
            .collect::<Result<_, _>>()?,
    };
    if labels.len() == classes {
        Ok(labels)
    } else {
        let named = labels.len();
        Err(at_odds(format!(
            "`names` has {named} classes, but the tensors have {classes}; correct or remove it"
        )))
    }
}

pub(crate) fn default_labels(classes: usize) -> Vec<String> {
    let coco: Vec<String> = COCO.lines().map(str::to_owned).collect();
    if coco.len() == classes { coco } else { (0..classes).map(|class| format!("class {class}")).collect() }
}

fn stored(checkpoint: &Checkpoint, path: &Path) -> Result<Option<(PathBuf, Names)>, YoloError> {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    if checkpoint.has_file("config.json")
        && let Some(names) = checkpoint.config::<Config>()?.names
    {
        return Ok(Some((folder.join("config.json"), names)));
    }
    let file = if path.is_dir() { path.join("model.safetensors") } else { path.to_owned() };
    let Some(text) = header(&file).and_then(|mut header| header.metadata.remove("names")) else {
        return Ok(None);
    };
    let reason = |error| format!("`names` in its metadata is not a JSON list or object of names: {error}");
    match serde_json::from_str(&text) {
        Ok(names) => Ok(Some((file, names))),
        Err(error) => Err(YoloError::Labels { path: file, reason: reason(error) }),
    }
}

/// The header of a file; its form has been checked when it was opened as a checkpoint. Shards have none.
fn header(file: &Path) -> Option<Header> {
    let mut file = File::open(file).ok()?;
    let mut length = [0; 8];
    file.read_exact(&mut length).ok()?;
    let length = u64::from_le_bytes(length).min(LONGEST_HEADER);
    serde_json::from_reader(file.take(length)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coco_is_known_by_its_number_of_classes() {
        let coco = default_labels(80);
        assert_eq!((coco[0].as_str(), coco[5].as_str(), coco[79].as_str()), ("person", "bus", "toothbrush"));
        assert_eq!(coco[62], "tv");
        assert_eq!(default_labels(2), ["class 0", "class 1"]);
    }
}
