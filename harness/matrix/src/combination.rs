//! Entries of `exclude` and `include`: some of the values that make a cell.

use reelbench_protocol::{
    AsrEngine, AsrSpec, AsrUnit, CaptionSettings, CellSpec, Detector, ModelId, SceneSpec, VideoId, Weights,
    Work,
};

use crate::problem::{Located, Place};
use crate::setting::{Setting, SettingName};

/// Some of the values that make a cell.
#[derive(Debug, Clone)]
pub(crate) struct Combination {
    pub(crate) place: Place,
    pub(crate) video: Option<VideoId>,
    pub(crate) model: Option<ModelId>,
    pub(crate) settings: Vec<Located<Setting>>,
    pub(crate) scene: PartialScene,
    pub(crate) asr: PartialAsr,
}

/// Some of the values of scene detection.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartialScene {
    pub(crate) detector: Option<Located<Detector>>,
    pub(crate) threshold: Option<Located<f64>>,
    pub(crate) min_scene_len: Option<Located<u32>>,
}

/// Some of the values of speech recognition.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartialAsr {
    pub(crate) engine: Option<Located<AsrEngine>>,
    pub(crate) weights: Option<Located<Weights>>,
    pub(crate) per: Option<Located<AsrUnit>>,
    pub(crate) concurrency: Option<Located<u32>>,
    pub(crate) num_beams: Option<Located<u32>>,
}

/// Which kind of cell an entry of `include` adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adds {
    Stage1,
    Caption,
}

impl Combination {
    /// Whether a cell has all the values of the entry. A value of a kind that the cell does not
    /// have, such as the model of a stage-1 cell, is one that it does not have.
    pub(crate) fn matches(&self, spec: &CellSpec) -> bool {
        if self.video.as_ref().is_some_and(|video| *video != spec.video.id) {
            return false;
        }
        match &spec.work {
            Work::Stage1(stage1) => {
                self.model.is_none()
                    && self.settings.is_empty()
                    && self.scene.matches(stage1.scene.as_ref())
                    && self.asr.matches(stage1.asr.as_ref())
            }
            Work::Caption(caption) => {
                self.model.as_ref().is_none_or(|model| *model == caption.model)
                    && self.settings.iter().all(|setting| has(&caption.settings, setting.value))
                    && self.scene.matches(caption.scene.as_ref())
                    && self.asr.is_empty()
            }
        }
    }

    /// What the entry adds as one of `include`: a stage-1 cell when all it names beside the film
    /// is of stage 1, else a caption.
    pub(crate) fn adds(&self) -> Adds {
        let of_caption = self.model.is_some() || !self.settings.is_empty();
        if !of_caption && (!self.scene.is_empty() || !self.asr.is_empty()) {
            Adds::Stage1
        } else {
            Adds::Caption
        }
    }

    /// The value of a setting, if the entry names it.
    pub(crate) fn setting(&self, name: SettingName) -> Option<&Located<Setting>> {
        self.settings.iter().find(|setting| setting.value.name() == name)
    }
}

fn has(settings: &CaptionSettings, setting: Setting) -> bool {
    setting.name().of(settings) == Some(setting)
}

/// Whether a value is the one that an entry names, or the entry names none.
fn agrees<T: PartialEq>(named: Option<&Located<T>>, value: &T) -> bool {
    named.is_none_or(|named| named.value == *value)
}

impl PartialScene {
    pub(crate) fn is_empty(&self) -> bool {
        self.detector.is_none() && self.threshold.is_none() && self.min_scene_len.is_none()
    }

    fn matches(&self, spec: Option<&SceneSpec>) -> bool {
        let Some(spec) = spec else { return self.is_empty() };
        agrees(self.detector.as_ref(), &spec.detector)
            && agrees(self.threshold.as_ref(), &spec.threshold)
            && agrees(self.min_scene_len.as_ref(), &spec.min_scene_len)
    }
}

impl PartialAsr {
    pub(crate) fn is_empty(&self) -> bool {
        self.engine.is_none()
            && self.weights.is_none()
            && self.per.is_none()
            && self.concurrency.is_none()
            && self.num_beams.is_none()
    }

    fn matches(&self, spec: Option<&AsrSpec>) -> bool {
        let Some(spec) = spec else { return self.is_empty() };
        agrees(self.engine.as_ref(), &spec.engine)
            && agrees(self.weights.as_ref(), &spec.weights)
            && agrees(self.per.as_ref(), &spec.per)
            && agrees(self.concurrency.as_ref(), &spec.concurrency)
            && agrees(self.num_beams.as_ref(), &spec.num_beams)
    }
}
