//! `exclude` and `include`.

use std::collections::HashSet;

use super::Reader;
use super::models::cannot_honour;
use super::stage1::{means_nothing, needs};
use crate::combination::{Adds, Combination};
use crate::knob::{BaseStage, Knob};
use crate::matrix::{Matrix, Model};
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
        let settings = SettingName::ALL.into_iter().filter_map(setting).collect();
        let mut knobs = Vec::new();
        for &knob in Knob::ALL {
            let value = node.get(knob.name()).and_then(|node| self.value(knob, node));
            knobs.extend(value.map(|value| (knob, value)));
        }
        Combination {
            place: node.place,
            video: video.and_then(|video| self.parse(video)),
            model: model.and_then(|model| self.parse(model)),
            settings,
            knobs,
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
        self.check_stages(node, entry, matrix);
        self.check_engine(node, entry, matrix);
        if entry.adds() == Adds::Stage1 {
            return;
        }
        let models: Vec<&Model> = matrix
            .models
            .iter()
            .filter(|model| entry.model.as_ref().is_none_or(|id| *id == model.id))
            .collect();
        let foreign = |(knob, _): &&(Knob, _)| {
            knob.stage() != Some(BaseStage::Scene) && !models.iter().any(|model| model.has(*knob))
        };
        if let Some((knob, _)) = entry.knobs.iter().find(foreign) {
            let problem =
                Problem::error("an entry of `include` adds a caption or a stage-1 cell, not both at once");
            let keys = knob.stage().map_or("`parallel`".to_owned(), |stage| format!("the `{stage}.` keys"));
            self.problems.push(problem.at(node.place).help(format!("write {keys} in an entry of their own")));
        }
        if !known.any_models {
            let problem = Problem::error("this entry of `include` adds a caption, but there are no models");
            self.problems.push(problem.at(node.place).help("add `models`, or name only keys of stage 1"));
        }
        if let Some(model) = matrix.models.iter().find(|model| entry.model.as_ref() == Some(&model.id)) {
            let family = model.family.value;
            for setting in entry.settings.iter().filter(|setting| !setting.value.name().is_for(family)) {
                self.problems.push(cannot_honour(family, setting.value.name()).at(setting.place));
            }
        }
    }

    /// An entry can only name values of stages that the matrix asks for.
    fn check_stages(&mut self, node: &Node, entry: &Combination, matrix: &Matrix) {
        for &stage in BaseStage::ALL {
            let named = entry.knobs.iter().any(|(knob, _)| knob.stage() == Some(stage));
            if named && !matrix.stage1.has(stage) {
                let problem =
                    Problem::error(format!("`include` names `{stage}`, but `stage1.{stage}` is left out"));
                self.problems.push(problem.at(node.place).help(format!("add `{stage}` to stage1")));
            }
        }
        let both = matrix.stage1.has(BaseStage::Asr) && matrix.stage1.has(BaseStage::Ast);
        if let (Some(parallel), false) = (entry.knob(Knob::Parallel), both) {
            let problem = Problem::error("`parallel` changes nothing without both `asr` and `ast` in stage1");
            self.problems.push(problem.at(parallel.place).help("remove it"));
        }
    }

    /// The engine of an entry must have what it needs, and a use for what the entry names.
    fn check_engine(&mut self, node: &Node, entry: &Combination, matrix: &Matrix) {
        let named: Vec<_> =
            entry.knobs.iter().filter(|(knob, _)| knob.stage() == Some(BaseStage::Asr)).collect();
        let Some(engine) = matrix.stage1.added(entry).engine().filter(|_| !named.is_empty()) else { return };
        for (knob, value) in named.iter().filter(|(knob, _)| !knob.is_for(engine)) {
            let problem = means_nothing(knob.name(), &[engine]);
            self.problems
                .push(problem.at(value.place).help("remove it, or name another `asr.engine` beside it"));
        }
        if matrix.stage1.engines().contains(&engine) {
            return;
        }
        for knob in Knob::of_stage(BaseStage::Asr).filter(|knob| node.get(knob.name()).is_none()) {
            // What stands in stage1 is another engine's, and one service's key must not be sent to another.
            let is_anothers = matches!(knob, Knob::AsrEndpoint | Knob::AsrModel)
                && knob.is_for(engine)
                && matrix.stage1.axes.contains_key(&knob);
            if is_anothers || needs(engine, knob) {
                let problem = Problem::error(format!("this entry of `include` needs `{}`", knob.name()));
                let why = if is_anothers { "that of stage1 is another engine's. " } else { "" };
                self.problems.push(problem.at(node.place).help(format!("{why}{}", knob.key().about)));
            }
        }
    }
}
