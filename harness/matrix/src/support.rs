//! Holds cells against what a runner offers.

use std::collections::HashSet;

use reelbench_protocol::{
    AsrSpec, AsrSupport, Capabilities, CaptionSpec, CaptionerSupport, Device, SceneSpec, SceneSupport,
    Weights, Work,
};

use crate::expand::Draft;
use crate::matrix::{AsrAxes, Axis, Matrix, SceneAxes};
use crate::problem::{Located, Place, Problem};
use crate::setting::SettingName;
use crate::words::offer;

/// Everything that the cells ask for and the runner does not offer, and settings that contradict
/// each other; each once.
pub(crate) fn problems(matrix: &Matrix, drafts: &[Draft<'_>], capabilities: &Capabilities) -> Vec<Problem> {
    let mut problems = Problems::default();
    check_device(matrix, capabilities, &mut problems);
    for draft in drafts {
        match &draft.spec.work {
            Work::Stage1(stage1) => {
                if let (Some(axes), Some(spec)) = (&matrix.scene, &stage1.scene) {
                    check_scene(axes, draft, spec, capabilities.scene.as_ref(), &mut problems);
                }
                if let (Some(axes), Some(spec)) = (&matrix.asr, &stage1.asr) {
                    check_asr(axes, draft, spec, capabilities.asr.as_ref(), &mut problems);
                }
            }
            Work::Caption(caption) => check_caption(draft, caption, capabilities, &mut problems),
        }
    }
    problems.list
}

/// Problems without repetition: a value that many cells have is wrong once.
#[derive(Default)]
struct Problems {
    list: Vec<Problem>,
    seen: HashSet<(Option<usize>, String)>,
}

impl Problems {
    fn add(&mut self, problem: Problem) {
        let key = (problem.place.map(|place| place.start), problem.message.clone());
        if self.seen.insert(key) {
            self.list.push(problem);
        }
    }
}

fn check_device(matrix: &Matrix, capabilities: &Capabilities, problems: &mut Problems) {
    let device = matrix.run.device;
    let offered: Vec<&str> = capabilities.devices.iter().map(String::as_str).collect();
    if device != Device::Auto && !offered.contains(&device.to_string().as_str()) {
        problems.add(
            Problem::error(format!("the runner does not offer the device `{device}`"))
                .at(matrix.device_place)
                .help(format!("offered: {}", offered.join(", "))),
        );
    }
}

fn check_scene(
    axes: &SceneAxes,
    draft: &Draft<'_>,
    spec: &SceneSpec,
    support: Option<&SceneSupport>,
    problems: &mut Problems,
) {
    let Some(support) = support else {
        problems.add(Problem::error("the runner does not offer scene detection").at(axes.place));
        return;
    };
    let named = draft.added_by.and_then(|entry| entry.scene.detector.as_ref());
    let at = place(named, &axes.detector, &spec.detector).or(Some(axes.place));
    one_of("detector", &spec.detector, &support.detectors, at, problems);
}

fn check_asr(
    axes: &AsrAxes,
    draft: &Draft<'_>,
    spec: &AsrSpec,
    support: Option<&AsrSupport>,
    problems: &mut Problems,
) {
    let Some(support) = support else {
        problems.add(Problem::error("the runner does not offer speech recognition").at(axes.place));
        return;
    };
    let named = draft.added_by.map(|entry| &entry.asr);
    let stage = Some(axes.place);
    let at = place(named.and_then(|asr| asr.engine.as_ref()), &axes.engine, &spec.engine).or(stage);
    one_of("engine", &spec.engine, &support.engines, at, problems);
    let at = place(named.and_then(|asr| asr.per.as_ref()), &axes.per, &spec.per).or(stage);
    one_of("per", &spec.per, &support.per, at, problems);
    let at =
        place(named.and_then(|asr| asr.concurrency.as_ref()), &axes.concurrency, &spec.concurrency).or(stage);
    at_most("concurrency", spec.concurrency, support.max_concurrency, at, problems);
    let at = place(named.and_then(|asr| asr.num_beams.as_ref()), &axes.num_beams, &spec.num_beams).or(stage);
    at_most("num_beams", spec.num_beams, support.max_num_beams, at, problems);
    let at = place(named.and_then(|asr| asr.weights.as_ref()), &axes.weights, &spec.weights).or(stage);
    check_preset(&spec.weights, "speech recognition", &support.presets, at, problems);
}

fn check_caption(
    draft: &Draft<'_>,
    caption: &CaptionSpec,
    capabilities: &Capabilities,
    problems: &mut Problems,
) {
    let Some(model) = draft.model else { return };
    let Some(support) = capabilities.captioner(caption.family) else {
        let offered: Vec<&str> =
            capabilities.captioners.iter().map(|captioner| captioner.family.as_str()).collect();
        let problem = Problem::error(format!("the runner does not offer the family `{}`", caption.family));
        problems.add(problem.at(model.family.place).help(format!("offered: {}", offered.join(", "))));
        return;
    };
    check_preset(&caption.weights, caption.family.as_str(), &support.presets, model.weights.place, problems);
    check_settings(draft, caption, support, problems);
}

fn check_settings(
    draft: &Draft<'_>,
    caption: &CaptionSpec,
    support: &CaptionerSupport,
    problems: &mut Problems,
) {
    for refusal in support.refusals(&caption.settings) {
        let name = SettingName::ALL.into_iter().find(|name| name.as_str() == refusal.setting);
        let problem = Problem::error(format!(
            "{} cannot honour `{}: {}` on this runner",
            caption.family, refusal.setting, refusal.value
        ));
        problems.add(
            problem
                .at(name.and_then(|name| draft.place_of(name)))
                .help(format!("offered: {}; change it or leave it out with `exclude`", refusal.offered)),
        );
    }
    let (least, most) = (caption.settings.min_new_tokens, caption.settings.max_new_tokens);
    if least > most {
        problems.add(
            Problem::error(format!("`min_new_tokens: {least}` is more than `max_new_tokens: {most}`"))
                .at(draft.place_of(SettingName::MinNewTokens))
                .first(draft.place_of(SettingName::MaxNewTokens))
                .help("lower it, or leave the combination out with `exclude`"),
        );
    }
}

/// A preset that is not in the list of those offered.
fn check_preset(
    weights: &Weights,
    what: &str,
    presets: &[String],
    place: Option<Place>,
    problems: &mut Problems,
) {
    let Weights::Dummy { preset, .. } = weights else { return };
    if !presets.contains(preset) {
        let offered: Vec<&str> = presets.iter().map(String::as_str).collect();
        let problem = Problem::error(format!("`{preset}` is not a preset of {what}"));
        problems.add(problem.at(place).help(offer(preset, "presets", &offered)));
    }
}

/// Where a value stands: in the entry that named it, else in its axis.
fn place<T: PartialEq>(named: Option<&Located<T>>, axis: &Axis<T>, value: &T) -> Option<Place> {
    named.or_else(|| axis.iter().find(|located| located.value == *value)).and_then(|located| located.place)
}

fn one_of<T: PartialEq + ToString>(
    key: &str,
    value: &T,
    offered: &[T],
    place: Option<Place>,
    problems: &mut Problems,
) {
    if !offered.contains(value) {
        let mut offered = offered.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if offered.is_empty() {
            "nothing".clone_into(&mut offered);
        }
        let problem = Problem::error(format!("the runner does not offer `{key}: {}`", value.to_string()));
        problems.add(problem.at(place).help(format!("offered: {offered}")));
    }
}

fn at_most(key: &str, value: u32, most: u32, place: Option<Place>, problems: &mut Problems) {
    if value > most {
        let problem = Problem::error(format!("the runner does not offer `{key}: {value}`"));
        problems.add(problem.at(place).help(format!("offered: at most {most}")));
    }
}
