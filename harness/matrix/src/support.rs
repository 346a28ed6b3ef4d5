//! Holds cells against what a runner offers.

use std::collections::HashSet;

use reelbench_protocol::{
    AsrSupport, AstSupport, Capabilities, CaptionSettings, CaptionSpec, CaptionerSupport, Choice, Device,
    SceneSupport, Stage1Spec, Weights, Work, YoloSupport,
};

use crate::expand::Draft;
use crate::knob::{BaseStage, Knob};
use crate::matrix::Matrix;
use crate::problem::{Place, Problem};
use crate::setting::SettingName;
use crate::value::Value;
use crate::words::{Closed, offer};

/// Everything that the cells ask for and the runner does not offer, and settings that contradict
/// each other; each once.
pub(crate) fn problems(matrix: &Matrix, drafts: &[Draft<'_>], capabilities: &Capabilities) -> Vec<Problem> {
    let mut problems = Problems::default();
    check_device(matrix, capabilities, &mut problems);
    for draft in drafts {
        match &draft.spec.work {
            Work::Stage1(stage1) => {
                Stage1Check { matrix, draft, problems: &mut problems }.check(stage1, capabilities);
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

/// Holds one stage-1 cell against what a runner offers.
struct Stage1Check<'c> {
    matrix: &'c Matrix,
    draft: &'c Draft<'c>,
    problems: &'c mut Problems,
}

impl Stage1Check<'_> {
    fn check(&mut self, stage1: &Stage1Spec, offered: &Capabilities) {
        match (&stage1.scene, &offered.scene) {
            (Some(_), Some(support)) => self.scene(support),
            (Some(_), None) => self.no_stage(BaseStage::Scene, "scene detection"),
            (None, _) => {}
        }
        match (&stage1.asr, &offered.asr) {
            (Some(_), Some(support)) => self.asr(support),
            (Some(_), None) => self.no_stage(BaseStage::Asr, "speech recognition"),
            (None, _) => {}
        }
        match (&stage1.ast, &offered.ast) {
            (Some(_), Some(support)) => self.ast(support),
            (Some(_), None) => self.no_stage(BaseStage::Ast, "naming of sounds"),
            (None, _) => {}
        }
        match (&stage1.yolo, &offered.yolo) {
            (Some(_), Some(support)) => self.yolo(support),
            (Some(_), None) => self.no_stage(BaseStage::Yolo, "detection of objects"),
            (None, _) => {}
        }
        if stage1.parallel && !offered.parallel {
            self.refuse(Knob::Parallel, &Value::Flag(true), "offered: false");
        }
    }

    fn scene(&mut self, support: &SceneSupport) {
        self.one_of(Knob::SceneDetector, &support.detectors);
    }

    fn asr(&mut self, support: &AsrSupport) {
        self.one_of(Knob::AsrEngine, &support.engines);
        self.one_of(Knob::AsrQuantization, &support.quantization);
        self.at_most(Knob::AsrNumBeams, support.max_num_beams);
        self.one_of(Knob::AsrPer, &support.per);
        self.at_most(Knob::AsrConcurrency, support.max_concurrency);
        self.preset(Knob::AsrWeights, "speech recognition", &support.presets);
    }

    fn ast(&mut self, support: &AstSupport) {
        self.one_of(Knob::AstQuantization, &support.quantization);
        self.one_of(Knob::AstPer, &support.per);
        self.at_most(Knob::AstBatch, support.max_batch);
        self.preset(Knob::AstWeights, "naming of sounds", &support.presets);
    }

    fn yolo(&mut self, support: &YoloSupport) {
        self.one_of(Knob::YoloTracker, &support.trackers);
        self.preset(Knob::YoloWeights, "detection of objects", &support.presets);
    }

    fn no_stage(&mut self, stage: BaseStage, what: &str) {
        let place = self.matrix.stage1.stages.get(&stage).copied();
        self.problems.add(Problem::error(format!("the runner does not offer {what}")).at(place));
    }

    /// A word that must be in a list. A knob that the cell has no value of asks for nothing.
    fn one_of<T: Closed>(&mut self, knob: Knob, offered: &[T]) {
        let Some(value) = knob.of(&self.draft.spec) else { return };
        let offered: Vec<&str> = offered.iter().map(|offered| offered.word()).collect();
        if !offered.iter().any(|word| value == Value::Word(word)) {
            let list = if offered.is_empty() { "nothing".to_owned() } else { offered.join(", ") };
            self.refuse(knob, &value, &format!("offered: {list}"));
        }
    }

    fn at_most(&mut self, knob: Knob, most: u32) {
        if let Some(Value::Count(count)) = knob.of(&self.draft.spec)
            && count > most
        {
            self.refuse(knob, &Value::Count(count), &format!("offered: at most {most}"));
        }
    }

    fn preset(&mut self, knob: Knob, what: &str, presets: &[String]) {
        if let Some(value) = knob.of(&self.draft.spec)
            && let Value::Weights(weights) = &value
        {
            check_preset(weights, what, presets, self.place(knob, &value), self.problems);
        }
    }

    fn refuse(&mut self, knob: Knob, value: &Value, help: &str) {
        let problem = Problem::error(format!("the runner does not offer `{}: {value}`", knob.key().name));
        self.problems.add(problem.at(self.place(knob, value)).help(help));
    }

    /// Where a value stands: in the entry that named it, else in its axis, else where its stage is asked for.
    fn place(&self, knob: Knob, value: &Value) -> Option<Place> {
        let named = self.draft.added_by.and_then(|entry| entry.knob(knob)?.place);
        named.or_else(|| self.matrix.stage1.place_of(knob, value))
    }
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
    check_choice(draft, &caption.settings, problems);
}

/// Tokens are either drawn or searched for.
fn check_choice(draft: &Draft<'_>, settings: &CaptionSettings, problems: &mut Problems) {
    let CaptionSettings { num_beams, temperature, top_p, .. } = settings;
    match (settings.choice(), temperature, top_p) {
        (Choice::Sampled, Some(temperature), _) if *num_beams > 1 => problems.add(
            Problem::error(format!(
                "`temperature: {temperature}` draws tokens, and `num_beams: {num_beams}` searches for them"
            ))
            .at(draft.place_of(SettingName::Temperature))
            .first(draft.place_of(SettingName::NumBeams))
            .help("set `num_beams: 1`, or leave the combination out with `exclude`"),
        ),
        (Choice::Likeliest, _, Some(top_p)) => problems.add(
            Problem::error(format!("`top_p: {top_p}` changes nothing where no token is drawn"))
                .at(draft.place_of(SettingName::TopP))
                .help("set `temperature` above 0, or leave the combination out with `exclude`"),
        ),
        _ => {}
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
