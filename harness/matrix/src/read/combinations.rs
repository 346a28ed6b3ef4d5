//! `exclude` and `include`.

use std::collections::HashSet;

use super::models::{cannot_honour, has};
use super::{Reader, located};
use crate::combination::{Adds, Combination, PartialAsr, PartialScene};
use crate::matrix::Matrix;
use crate::node::Node;
use crate::problem::{Located, Problem};
use crate::setting::SettingName;
use crate::words::offer;

/// The ids that an entry can name, whether or not what bears them is right.
pub(super) struct Known<'n> {
    videos: Vec<&'n str>,
    models: Vec<&'n str>,
    /// Whether there are models at all, right or wrong.
    any_models: bool,
}

impl<'n> Known<'n> {
    pub(super) fn new(root: &'n Node) -> Self {
        let ids = |list: &str, keys: &[&str]| {
            let elements = root.get(list).map(Node::list).unwrap_or_default();
            let id = |element: &'n Node| keys.iter().find_map(|key| element.get(key)).and_then(Node::text);
            let mut ids: Vec<&str> = elements.iter().filter_map(id).collect();
            let mut seen = HashSet::new();
            ids.retain(|id| seen.insert(*id));
            ids
        };
        Self {
            videos: ids("videos", &["id", "catalog"]),
            models: ids("models", &["id"]),
            any_models: root.get("models").is_some(),
        }
    }
}

impl Reader<'_> {
    pub(super) fn exclude(&mut self, node: Option<&Node>, known: &Known<'_>) -> Vec<Combination> {
        let mut entries = Vec::new();
        for element in node.map(Node::list).unwrap_or_default() {
            if element.is_map() && element.entries().is_empty() {
                let problem =
                    Problem::error("this entry of `exclude` names nothing, so it would leave out every cell");
                self.problems.push(problem.at(element.place).help("name a value, or remove the entry"));
            }
            entries.push(self.combination(element, known));
        }
        entries
    }

    pub(super) fn include(
        &mut self,
        node: Option<&Node>,
        known: &Known<'_>,
        matrix: &Matrix,
    ) -> Vec<Combination> {
        let mut entries = Vec::new();
        for element in node.map(Node::list).unwrap_or_default() {
            let entry = self.combination(element, known);
            self.check_addition(element, &entry, known, matrix);
            entries.push(entry);
        }
        entries
    }

    fn combination(&mut self, node: &Node, known: &Known<'_>) -> Combination {
        let mut id = |key: &str, known: &[&str]| {
            let node = node.get(key)?;
            self.known_id(node, key, known)
        };
        let video = id("video", &known.videos);
        let model = id("model", &known.models);
        let setting = |name: SettingName| {
            let node = node.get(name.as_str())?;
            Some(Located { value: name.read(node)?, place: Some(node.place) })
        };
        Combination {
            place: node.place,
            video: video.and_then(|video| self.parse(video)),
            model: model.and_then(|model| self.parse(model)),
            settings: SettingName::ALL.into_iter().filter_map(setting).collect(),
            scene: PartialScene {
                detector: node.get("scene.detector").and_then(located),
                threshold: node.get("scene.threshold").and_then(located),
                min_scene_len: node.get("scene.min_scene_len").and_then(located),
            },
            asr: PartialAsr {
                engine: node.get("asr.engine").and_then(located),
                weights: node.get("asr.weights").and_then(|weights| self.weights(weights)),
                per: node.get("asr.per").and_then(located),
                concurrency: node.get("asr.concurrency").and_then(located),
                num_beams: node.get("asr.num_beams").and_then(located),
            },
        }
    }

    /// The node back, if the id it names is known.
    fn known_id<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Option<&'n Node> {
        let word = node.text()?;
        if known.contains(&word) {
            return Some(node);
        }
        let problem = Problem::error(format!("the matrix has no {what} `{}`", word.escape_debug()));
        self.problems.push(problem.at(node.place).help(offer(word, &format!("its {what}s"), known)));
        None
    }

    /// Whether an entry of `include` can add a cell.
    fn check_addition(&mut self, node: &Node, entry: &Combination, known: &Known<'_>, matrix: &Matrix) {
        let stages = [
            ("scene", matrix.scene.is_some(), entry.scene.is_empty()),
            ("asr", matrix.asr.is_some(), entry.asr.is_empty()),
        ];
        for (stage, present, unnamed) in stages {
            if !present && !unnamed {
                let problem =
                    Problem::error(format!("`include` names `{stage}`, but `stage1.{stage}` is left out"));
                self.problems.push(problem.at(node.place).help(format!("add `{stage}` to stage1")));
            }
        }
        if entry.adds() == Adds::Stage1 {
            return;
        }
        if !entry.asr.is_empty() {
            let problem =
                Problem::error("an entry of `include` adds a caption or a stage-1 cell, not both at once");
            self.problems.push(problem.at(node.place).help("write the `asr.` keys in an entry of their own"));
        }
        if !known.any_models {
            let problem = Problem::error("this entry of `include` adds a caption, but there are no models");
            self.problems
                .push(problem.at(node.place).help("add `models`, or name only `scene.` and `asr.` keys"));
        }
        if let Some(model) = matrix.models.iter().find(|model| entry.model.as_ref() == Some(&model.id)) {
            let family = model.family.value;
            for setting in entry.settings.iter().filter(|setting| !has(family, setting.value.name())) {
                self.problems.push(cannot_honour(family, setting.value.name()).at(setting.place));
            }
        }
    }
}
