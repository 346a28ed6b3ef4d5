//! A validated matrix.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use reelbench_catalog::Sha256;
use reelbench_protocol::{Family, ModelId, Repeats, VideoId, VideoSpec, Warmup, Weights};
use reelbench_references::ReferenceKind;

use crate::axes::{Pick, Stage1Axes};
use crate::combination::Combination;
use crate::knob::{BaseStage, Knob};
use crate::problem::{Located, Place, Problem};
use crate::run::{AUTO_REPEATS, AUTO_WARMUP, Gate, HowMany, Run, RunOverrides};
use crate::setting::{Setting, SettingName};

/// Values of one knob, at least one.
pub(crate) type Axis<T> = Vec<Located<T>>;

/// A validated matrix: every word understood, every file found.
#[derive(Debug, Clone)]
pub struct Matrix {
    pub(crate) file: PathBuf,
    pub(crate) text: String,
    pub(crate) name: String,
    pub(crate) videos: Vec<Video>,
    pub(crate) stage1: Stage1Axes,
    pub(crate) models: Vec<Model>,
    pub(crate) exclude: Vec<Combination>,
    pub(crate) include: Vec<Combination>,
    pub(crate) run: Run,
    pub(crate) device_place: Option<Place>,
    pub(crate) gate: Option<Gate>,
    pub(crate) warnings: Vec<Problem>,
}

/// A film of the matrix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Video {
    /// Its id and absolute path.
    pub spec: VideoSpec,
    /// The hash its file must have, where the matrix or the catalog gives one.
    pub sha256: Option<Sha256>,
    /// The matrix's line that gives the hash; none where the catalog does.
    pub sha256_line: Option<u32>,
    /// Files that say what is right about it, each of which was read without error.
    pub reference: BTreeMap<ReferenceKind, PathBuf>,
}

/// A captioner with its axes, those of all models filled in.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) id: ModelId,
    pub(crate) family: Located<Family>,
    pub(crate) weights: Located<Weights>,
    pub(crate) question: String,
    /// The stages that the question tells of.
    pub(crate) told: BTreeSet<BaseStage>,
    pub(crate) prompt: Option<String>,
    /// One for each setting that the family has and that has a default or a value, in the order of [`SettingName::ALL`].
    pub(crate) axes: Vec<Axis<Setting>>,
}

impl Matrix {
    /// The file it was read from.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its name: lower-case letters, digits and `-`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The films.
    pub fn videos(&self) -> &[Video] {
        &self.videos
    }

    /// The film of that id.
    pub fn video(&self, id: &VideoId) -> Option<&Video> {
        self.videos.iter().find(|video| video.spec.id == *id)
    }

    /// How it is run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// How a difference is judged, if the matrix says.
    pub fn gate(&self) -> Option<&Gate> {
        self.gate.as_ref()
    }

    /// What the command line says goes before what the matrix says.
    pub fn override_run(&mut self, overrides: RunOverrides) {
        if let Some(repeats) = overrides.repeats {
            self.run.repeats = match (repeats, self.run.repeats) {
                (HowMany::Count(repeats), _) => Repeats::Fixed(repeats),
                // What the matrix says about steadiness stands.
                (HowMany::Auto, Repeats::Adaptive(adaptive)) => Repeats::Adaptive(adaptive),
                (HowMany::Auto, Repeats::Fixed(_)) => Repeats::Adaptive(AUTO_REPEATS),
            };
        }
        if let Some(warmup) = overrides.warmup {
            self.run.warmup = match warmup {
                HowMany::Count(repeats) => Warmup::Fixed(repeats),
                HowMany::Auto => AUTO_WARMUP,
            };
        }
        if let Some(memory_limit) = overrides.memory_limit {
            self.run.memory_limit = memory_limit;
        }
        if let Some(device) = overrides.device {
            self.run.device = device;
            self.device_place = None;
        }
    }
}

impl Model {
    /// How many combinations of settings there are.
    pub(crate) fn count(&self) -> u128 {
        self.axes.iter().fold(1, |product, axis| product.saturating_mul(axis.len() as u128))
    }

    /// Which values of a knob its captions are made for: every one that decides their scenes or what the question
    /// tells, and the first where it only decides how fast that was found.
    pub(crate) fn pick(&self, knob: Knob) -> Pick {
        match knob.stage() {
            Some(BaseStage::Scene) => Pick::Every,
            Some(stage) if self.told.contains(&stage) => {
                if knob.changes_output() {
                    Pick::Every
                } else {
                    Pick::First
                }
            }
            _ => Pick::Nothing,
        }
    }

    /// Whether a knob's value is one of its captions'.
    pub(crate) fn has(&self, knob: Knob) -> bool {
        self.pick(knob) == Pick::Every
    }

    /// The model's axis of a setting; none for crops of a family without any, and for what the matrix leaves out.
    pub(crate) fn axis(&self, name: SettingName) -> Option<&Axis<Setting>> {
        self.axes.iter().find(|axis| axis.first().is_some_and(|first| first.value.name() == name))
    }
}
