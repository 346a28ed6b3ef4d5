//! `models` and `settings`.

use std::collections::{BTreeSet, HashMap};

use reelbench_protocol::{Family, ModelId, Placeholder, Question, QuestionError};

use super::{Reader, located};
use crate::grammar::DEFAULT_QUESTION;
use crate::knob::BaseStage;
use crate::matrix::{Axis, Model};
use crate::node::Node;
use crate::problem::{Located, Place, Problem};
use crate::setting::{Setting, SettingName};
use crate::words::{Closed, offer};

impl Reader<'_> {
    pub(super) fn models(&mut self, root: &Node) -> Vec<Model> {
        let shared = root.get("settings");
        let elements = root.get("models").map(Node::list).unwrap_or_default();
        let mut places: HashMap<&str, Place> = HashMap::new();
        let mut models = Vec::with_capacity(elements.len());
        for element in elements {
            if let Some((id, name)) = element.get("id").and_then(|id| Some((id, id.text()?)))
                && let Some(first) = places.insert(name, id.place)
            {
                let problem = Problem::error(format!("two models have the id `{}`", name.escape_debug()));
                self.problems.push(problem.at(id.place).first(first).help("give one of them another `id`"));
            }
            models.extend(self.model(element, shared));
        }
        if let Some(shared) = shared {
            self.warn_of_idle_settings(shared, root);
        }
        models
    }

    fn model(&mut self, node: &Node, shared: Option<&Node>) -> Option<Model> {
        let id = node.get("id").and_then(|id| self.parse::<ModelId>(id));
        let weights = node.get("weights").and_then(|weights| self.weights(weights));
        let family: Located<Family> = node.get("family").and_then(located)?;
        let axes = self.axes(family.value, node.get("settings"), shared);
        let question = node.get("question").and_then(|question| self.question(question));
        let told = question.as_ref().map(told).unwrap_or_default();
        let prompt = node.get("prompt");
        self.check_prompt(prompt, &told);
        let text = |key: &str| node.get(key).and_then(Node::text).map(str::to_owned);
        Some(Model {
            id: id?,
            family,
            weights: weights?,
            question: text("question").unwrap_or_else(|| DEFAULT_QUESTION.to_owned()),
            told,
            prompt: text("prompt"),
            axes,
        })
    }

    /// The template of a question whose stages the matrix asks for.
    fn question(&mut self, node: &Node) -> Option<Question> {
        let question = match node.text()?.parse::<Question>() {
            Ok(question) => question,
            Err(error) => {
                let problem = Problem::error(error.to_string()).at(node.place);
                self.problems.push(match &error {
                    QuestionError::Unknown { word } => {
                        problem.help(offer(word, "a question tells of", &Placeholder::words()))
                    }
                    QuestionError::Unbalanced => problem,
                });
                return None;
            }
        };
        for placeholder in question.placeholders() {
            let stage = stage_of(placeholder);
            if !self.asked.contains(&stage) {
                let problem = Problem::error(format!(
                    "the question tells of {{{placeholder}}}, but `stage1.{stage}` is left out"
                ));
                self.problems.push(problem.at(node.place).help(format!("add `{stage}` to stage1")));
            }
        }
        Some(question)
    }

    /// A prompt takes the question's place, and is no template.
    fn check_prompt(&mut self, prompt: Option<&Node>, told: &BTreeSet<BaseStage>) {
        let Some((prompt, text)) = prompt.and_then(|prompt| Some((prompt, prompt.text()?))) else { return };
        if !told.is_empty() {
            let problem =
                Problem::error("`prompt` takes the place of a question that tells of what was found");
            self.problems.push(problem.at(prompt.place).help("remove one of them"));
        } else if text.parse::<Question>().is_ok_and(|template| !template.placeholders().is_empty()) {
            let problem =
                Problem::warning("`prompt` is given to the model as it is: only `question` is a template");
            self.problems.push(problem.at(prompt.place));
        }
    }

    /// The axes of a model: its own, else those of all models, else the default.
    fn axes(&mut self, family: Family, own: Option<&Node>, shared: Option<&Node>) -> Vec<Axis<Setting>> {
        let mut axes = Vec::with_capacity(SettingName::ALL.len());
        for name in SettingName::ALL {
            let own = own.and_then(|own| own.get(name.as_str()));
            if name.is_for(family) {
                let shared = shared.and_then(|shared| shared.get(name.as_str()));
                axes.extend(axis(name, own.or(shared)));
            } else if let Some(own) = own {
                self.problems.push(cannot_honour(family, name).at(own.place));
            }
        }
        axes
    }

    fn warn_of_idle_settings(&mut self, shared: &Node, root: &Node) {
        let Some(models) = root.get("models").map(Node::list) else {
            let problem = Problem::warning("there are no models for `settings` to apply to");
            self.problems.push(problem.at(shared.place));
            return;
        };
        let families: Vec<Located<Family>> =
            models.iter().filter_map(|model| model.get("family").and_then(located)).collect();
        for name in SettingName::ALL {
            let anyone = families.iter().any(|family| name.is_for(family.value));
            if let (Some(node), false) = (shared.get(name.as_str()), anyone) {
                let problem = Problem::warning(format!("no model here has `{}`", name.as_str()));
                self.problems.push(problem.at(node.place));
            }
        }
    }
}

/// A setting that a family cannot honour.
pub(super) fn cannot_honour(family: Family, name: SettingName) -> Problem {
    Problem::error(format!("{family} cannot honour `{}`", name.as_str())).help(format!(
        "`{}` is for {} only; remove it here",
        name.as_str(),
        Family::Phi3V
    ))
}

/// The axis of a setting; none where nothing is said and absence has a meaning of its own.
fn axis(name: SettingName, node: Option<&Node>) -> Option<Axis<Setting>> {
    let value = |node: &Node| Some(Located { value: name.read(node)?, place: Some(node.place) });
    let axis: Axis<Setting> = node.map(Node::elements).unwrap_or_default().iter().filter_map(value).collect();
    let default = || Some(vec![Located::default_value(name.default_value()?)]);
    if axis.is_empty() { default() } else { Some(axis) }
}

/// The stages that a question tells of.
fn told(question: &Question) -> BTreeSet<BaseStage> {
    question.placeholders().into_iter().map(stage_of).collect()
}

/// The stage that finds what a placeholder stands for.
fn stage_of(placeholder: Placeholder) -> BaseStage {
    match placeholder {
        Placeholder::Transcript => BaseStage::Asr,
        Placeholder::Sounds => BaseStage::Ast,
        Placeholder::Objects => BaseStage::Yolo,
    }
}
