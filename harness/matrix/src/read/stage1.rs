//! `stage1`.

use std::path::PathBuf;

use reelbench_protocol::{AsrEngine, Unit, Weights};

use super::Reader;
use crate::axes::Stage1Axes;
use crate::grammar;
use crate::knob::{BaseStage, Knob};
use crate::matrix::Axis;
use crate::node::Node;
use crate::problem::{Located, Problem};
use crate::value::Value;
use crate::weights::resolve_weights;

/// Longest a request may be allowed to take, in seconds.
const MAX_REQUEST_S: u64 = 24 * 60 * 60;

impl Reader<'_> {
    pub(super) fn stage1(&mut self, node: Option<&Node>) -> Stage1Axes {
        let mut axes = Stage1Axes::default();
        let Some(node) = node else { return axes };
        for &stage in BaseStage::ALL {
            let Some(part) = node.get(stage.as_str()).filter(|part| part.is_map()) else { continue };
            axes.stages.insert(stage, part.place);
            for knob in Knob::of_stage(stage) {
                self.axis(knob, part, &mut axes);
            }
        }
        if let Some(asr) = node.get("asr").filter(|asr| asr.is_map()) {
            self.check_engines(asr, &axes);
            self.warn_of_idle_concurrency(&axes);
        }
        if node.get("scene").is_none() {
            self.needs_scenes(Knob::AsrPer, &axes);
            self.needs_scenes(Knob::AstPer, &axes);
        }
        self.parallel(node, &mut axes);
        axes
    }

    /// Adds a knob's axis: the values that its key has, or its default if there is one.
    fn axis(&mut self, knob: Knob, part: &Node, axes: &mut Stage1Axes) {
        let elements = part.get(knob.key().name).map(Node::elements).unwrap_or_default();
        let mut axis: Axis<Value> = elements.iter().filter_map(|node| self.value(knob, node)).collect();
        if axis.is_empty() {
            axis.extend(knob.default_value().map(Located::default_value));
        }
        if !axis.is_empty() {
            axes.axes.insert(knob, axis);
        }
    }

    /// The value of a knob.
    pub(super) fn value(&mut self, knob: Knob, node: &Node) -> Option<Located<Value>> {
        let value = match knob {
            Knob::AsrWeights | Knob::AstWeights | Knob::YoloWeights => {
                let Located { value, place } = self.weights(node)?;
                return Some(Located { value: Value::Weights(value), place });
            }
            Knob::AsrEndpoint => Value::Text(self.endpoint(node)?),
            Knob::AsrRequestTimeout => Value::Seconds(self.whole_seconds(node)?),
            Knob::AsrModel => {
                Value::Text(self.one_word(node, "model", |c| !c.is_whitespace() && !c.is_control())?)
            }
            Knob::AsrApiVersion => Value::Text(
                self.one_word(node, "api_version", |c| c.is_ascii_alphanumeric() || "-.".contains(c))?,
            ),
            _ => Value::read(&knob.shape(), node)?,
        };
        Some(Located { value, place: Some(node.place) })
    }

    /// The weights that a word names.
    pub(super) fn weights(&mut self, node: &Node) -> Option<Located<Weights>> {
        let word = node.text()?;
        if let Ok(model) = word.parse() {
            self.needs.add_model(&model);
        }
        let value = match resolve_weights(word, self.base, self.folders) {
            Ok(value) => value,
            Err(error) if error.is_fetchable() => {
                let help = format!("run `bench fetch {}`", self.file.display());
                self.missing.push(Problem::error(error.to_string()).at(node.place).help(help));
                // Stands in, so that nothing else is reported for want of it.
                Weights::Local { path: PathBuf::new(), name: word.to_owned() }
            }
            Err(error) => {
                self.problems.push(Problem::error(error.to_string()).at(node.place).help(error.help()));
                return None;
            }
        };
        Some(Located { value, place: Some(node.place) })
    }

    /// A URL without anything that could be a secret. A wrong one is not repeated: it may hold one.
    fn endpoint(&mut self, node: &Node) -> Option<String> {
        let text = node.text()?;
        let Err(wrong) = plain_url(text) else { return Some(text.to_owned()) };
        let problem = Problem::error(format!("`endpoint` {wrong}")).at(node.place);
        self.problems.push(problem.help(format!(
            "write it as https://HOST or https://HOST/PATH; {}",
            grammar::KEYS_STAND_ELSEWHERE
        )));
        None
    }

    fn whole_seconds(&mut self, node: &Node) -> Option<u32> {
        let duration = self.duration(node)?;
        let seconds = duration.as_secs();
        if duration.subsec_nanos() > 0 || seconds > MAX_REQUEST_S {
            let problem =
                Problem::error("`request_timeout` must be whole seconds, at most 24 h").at(node.place);
            self.problems.push(problem.help("write it as 60s or 5m"));
            return None;
        }
        Some(seconds as u32)
    }

    fn one_word(&mut self, node: &Node, key: &str, allowed: impl Fn(char) -> bool) -> Option<String> {
        let text = node.text()?;
        if !text.is_empty() && text.len() <= 200 && text.chars().all(allowed) {
            return Some(text.to_owned());
        }
        let problem = Problem::error(format!("`{}` is not a valid `{key}`", text.escape_debug()));
        self.problems.push(problem.at(node.place).help("write it as the service names it, without blanks"));
        None
    }

    /// Keys that no engine of the list has a use for, and keys that one of them lacks.
    fn check_engines(&mut self, asr: &Node, axes: &Stage1Axes) {
        let engines = axes.engines();
        let said = asr.get("engine").map(Node::elements).unwrap_or_default();
        if said.len() > engines.len() {
            // One of the words was wrong, and what it needs is not known.
            return;
        }
        for knob in Knob::of_stage(BaseStage::Asr) {
            let key = knob.key().name;
            if let Some(node) = asr.get(key) {
                if !engines.iter().any(|engine| knob.is_for(*engine)) {
                    self.problems.push(means_nothing(key, &engines).at(node.place));
                }
            } else if let Some(engine) = engines.iter().find(|engine| needs(**engine, knob)) {
                let problem = Problem::error(format!("`{key}` is missing from `asr`")).at(asr.place);
                self.problems.push(problem.help(format!("{engine} needs it. {}", knob.key().about)));
            }
        }
        if engines.contains(&AsrEngine::Azure) && engines.contains(&AsrEngine::Openai) {
            let place = asr.get("engine").map(|node| node.place);
            let problem =
                Problem::error("azure and openai cannot share one `endpoint` and `model`").at(place);
            self.problems.push(problem.help(
                "leave one of them out here and add it by `include`, with its own `asr.endpoint` and `asr.model`",
            ));
        }
    }

    fn needs_scenes(&mut self, per: Knob, axes: &Stage1Axes) {
        for value in axes.axes.get(&per).into_iter().flatten() {
            if value.value == Value::word(Unit::Scene) {
                let problem = Problem::error("`per: scene` needs scenes, and `stage1.scene` is left out");
                self.problems
                    .push(problem.at(value.place).help("add `scene: {}` to stage1, or say `per: file`"));
            }
        }
    }

    fn warn_of_idle_concurrency(&mut self, axes: &Stage1Axes) {
        let values = |knob| axes.axes.get(&knob).into_iter().flatten();
        if !values(Knob::AsrPer).any(|per| per.value == Value::word(Unit::File)) {
            return;
        }
        for located in values(Knob::AsrConcurrency) {
            if let Value::Count(concurrency) = located.value
                && concurrency > 1
            {
                let problem = Problem::warning(format!(
                    "`per: file` is one request for the whole film: concurrency {concurrency} changes nothing there"
                ));
                self.problems.push(problem.at(located.place));
            }
        }
    }

    /// `parallel`, where there are two stages to run side by side.
    fn parallel(&mut self, node: &Node, axes: &mut Stage1Axes) {
        if node.get("asr").is_some() && node.get("ast").is_some() {
            self.axis(Knob::Parallel, node, axes);
        } else if let Some(parallel) = node.get("parallel") {
            let problem = Problem::warning("`parallel` changes nothing without both `asr` and `ast`");
            self.problems.push(problem.at(parallel.place).help("add the other stage, or remove it"));
        }
    }
}

/// Whether an engine cannot do without a knob that has no default.
pub(super) fn needs(engine: AsrEngine, knob: Knob) -> bool {
    match knob {
        Knob::AsrWeights => engine == AsrEngine::Whisper,
        Knob::AsrModel => engine != AsrEngine::Whisper,
        Knob::AsrEndpoint => engine == AsrEngine::Azure,
        _ => false,
    }
}

/// A key that none of some engines has a use for.
pub(super) fn means_nothing(key: &str, engines: &[AsrEngine]) -> Problem {
    let names: Vec<&str> = engines.iter().map(|engine| engine.as_str()).collect();
    Problem::error(format!("`{key}` means nothing to {}", names.join(" and ")))
        .help("remove it, or name an engine that has it")
}

/// Why a text is not a plain URL of the web.
fn plain_url(text: &str) -> Result<(), &'static str> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest else { return Err("must begin with https:// or http://") };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.ends_with(']'));
    let has_port = port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    // Also behind a slash: a password may have one that is not encoded.
    if authority.contains('@') || (!has_port && rest.contains('@')) {
        Err("must have no user name or password in it")
    } else if rest.contains(['?', '#']) {
        Err("must have no query and no fragment")
    } else if authority.is_empty() || authority.starts_with(':') {
        Err("names no host")
    } else if !has_port {
        Err("must have a number as its port")
    } else if rest.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
        Err("must have no blanks or backslashes in it")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_url_is_an_endpoint() {
        for good in [
            "https://api.openai.com/v1",
            "http://127.0.0.1:8000",
            "http://[::1]:8000/v1/",
            "https://name.openai.azure.com",
            "https://host/a@b",
        ] {
            assert_eq!(plain_url(good), Ok(()), "{good}");
        }
        for bad in [
            "",
            "api.openai.com",
            "ftp://host",
            "https://",
            "https:///v1",
            "https://:8000",
            "https://me:secret@host/v1",
            "https://token@host",
            "https://host?api-key=secret",
            "https://host/v1#secret",
            "https://ho st",
            "https://host\\@evil",
        ] {
            assert!(plain_url(bad).is_err(), "{bad}");
        }
    }
}
