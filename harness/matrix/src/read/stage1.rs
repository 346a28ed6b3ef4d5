//! `stage1`.

use reelbench_protocol::{AsrEngine, AsrUnit, SceneSpec, Weights};

use super::{Reader, axis, values};
use crate::matrix::{AsrAxes, Axis, SceneAxes};
use crate::node::Node;
use crate::problem::{Located, Problem};
use crate::weights::resolve_weights;

impl Reader<'_> {
    pub(super) fn stage1(&mut self, node: Option<&Node>) -> (Option<SceneAxes>, Option<AsrAxes>) {
        let Some(node) = node else { return (None, None) };
        let scene = node.get("scene").filter(|scene| scene.is_map()).map(scene_axes);
        let asr = node.get("asr").filter(|asr| asr.is_map()).map(|asr| self.asr(asr));
        if let (Some(asr), None) = (&asr, node.get("scene")) {
            self.needs_scenes(asr);
        }
        if let Some(asr) = &asr {
            self.warn_of_idle_concurrency(asr);
        }
        (scene, asr)
    }

    fn asr(&mut self, node: &Node) -> AsrAxes {
        let words = node.get("weights").map(Node::elements).unwrap_or_default();
        AsrAxes {
            place: node.place,
            engine: axis(node.get("engine"), AsrEngine::Whisper),
            weights: words.iter().filter_map(|word| self.weights(word)).collect::<Axis<Weights>>(),
            per: axis(node.get("per"), AsrUnit::File),
            concurrency: axis(node.get("concurrency"), 1),
            num_beams: axis(node.get("num_beams"), 1),
        }
    }

    /// The weights that a word names.
    pub(super) fn weights(&mut self, node: &Node) -> Option<Located<Weights>> {
        match resolve_weights(node.text()?, self.base, self.folders) {
            Ok(value) => Some(Located { value, place: Some(node.place) }),
            Err(error) => {
                self.problems.push(Problem::error(error.to_string()).at(node.place).help(error.help()));
                None
            }
        }
    }

    fn needs_scenes(&mut self, asr: &AsrAxes) {
        for per in asr.per.iter().filter(|per| per.value == AsrUnit::Scene) {
            let problem = Problem::error("`per: scene` needs scenes, and `stage1.scene` is left out");
            self.problems.push(problem.at(per.place).help("add `scene: {}` to stage1, or say `per: file`"));
        }
    }

    fn warn_of_idle_concurrency(&mut self, asr: &AsrAxes) {
        let one_request = asr.per.iter().any(|per| per.value == AsrUnit::File);
        for concurrency in asr.concurrency.iter().filter(|concurrency| one_request && concurrency.value > 1) {
            let problem = Problem::warning(format!(
                "`per: file` is one request for the whole film: concurrency {} changes nothing there",
                concurrency.value
            ));
            self.problems.push(problem.at(concurrency.place));
        }
    }
}

fn scene_axes(node: &Node) -> SceneAxes {
    let default = SceneSpec::default();
    SceneAxes {
        place: node.place,
        detector: axis(node.get("detector"), default.detector),
        threshold: values(node.get("threshold")),
        min_scene_len: axis(node.get("min_scene_len"), default.min_scene_len),
    }
}
