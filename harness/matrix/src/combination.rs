//! Entries of `exclude` and `include`: some of the values that make a cell.

use reelbench_protocol::{CaptionSettings, CellSpec, ModelId, VideoId, Work};

use crate::knob::Knob;
use crate::matrix::Model;
use crate::problem::{Located, Place};
use crate::setting::{Setting, SettingName};
use crate::value::Value;

/// Some of the values that make a cell.
#[derive(Debug, Clone)]
pub(crate) struct Combination {
    pub(crate) place: Place,
    pub(crate) video: Option<VideoId>,
    pub(crate) model: Option<ModelId>,
    pub(crate) settings: Vec<Located<Setting>>,
    pub(crate) knobs: Vec<(Knob, Located<Value>)>,
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
        let of_its_kind = match &spec.work {
            Work::Stage1(_) => self.model.is_none() && self.settings.is_empty(),
            Work::Caption(caption) => {
                self.model.as_ref().is_none_or(|model| *model == caption.model)
                    && self.settings.iter().all(|setting| has(&caption.settings, setting.value))
            }
        };
        of_its_kind && self.knobs.iter().all(|(knob, named)| knob.of(spec).as_ref() == Some(&named.value))
    }

    /// What the entry adds as one of `include`: a stage-1 cell when all it names beside the film
    /// is of stage 1, else a caption.
    pub(crate) fn adds(&self) -> Adds {
        let of_caption = self.model.is_some() || !self.settings.is_empty();
        if !of_caption && !self.knobs.is_empty() { Adds::Stage1 } else { Adds::Caption }
    }

    /// Whether the captions of a model can have all its values.
    pub(crate) fn is_for(&self, model: &Model) -> bool {
        self.model.as_ref().is_none_or(|id| *id == model.id)
            && self.settings.iter().all(|setting| setting.value.name().is_for(model.family.value))
            && self.knobs.iter().all(|(knob, _)| model.has(*knob))
    }

    /// The value of a setting, if the entry names it.
    pub(crate) fn setting(&self, name: SettingName) -> Option<&Located<Setting>> {
        self.settings.iter().find(|setting| setting.value.name() == name)
    }

    /// The value of a setting of the base stages, if the entry names it.
    pub(crate) fn knob(&self, knob: Knob) -> Option<&Located<Value>> {
        self.knobs.iter().find(|(named, _)| *named == knob).map(|(_, value)| value)
    }
}

fn has(settings: &CaptionSettings, setting: Setting) -> bool {
    setting.name().of(settings) == Some(setting)
}
