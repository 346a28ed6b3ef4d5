//! A validated matrix.

use std::path::{Path, PathBuf};

use reelbench_catalog::Sha256;
use reelbench_protocol::{
    AsrEngine, AsrSpec, AsrUnit, Detector, Family, ModelId, SceneSpec, VideoId, VideoSpec, Weights,
};

use crate::combination::Combination;
use crate::problem::{Located, Place, Problem};
use crate::run::{Gate, Run, RunOverrides};
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
    pub(crate) scene: Option<SceneAxes>,
    pub(crate) asr: Option<AsrAxes>,
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
    /// What is right about it, where given.
    pub reference: Reference,
}

/// Files that say what is right about a film; quality is scored where one is given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reference {
    /// What is said.
    pub transcript: Option<PathBuf>,
    /// Where the scenes are.
    pub scenes: Option<PathBuf>,
    /// What the scenes show.
    pub captions: Option<PathBuf>,
}

/// Axes of scene detection.
#[derive(Debug, Clone)]
pub(crate) struct SceneAxes {
    /// Where the stage is asked for.
    pub(crate) place: Place,
    pub(crate) detector: Axis<Detector>,
    /// Absent where each detector's own default holds.
    pub(crate) threshold: Option<Axis<f64>>,
    pub(crate) min_scene_len: Axis<u32>,
}

/// Axes of speech recognition.
#[derive(Debug, Clone)]
pub(crate) struct AsrAxes {
    /// Where the stage is asked for.
    pub(crate) place: Place,
    pub(crate) engine: Axis<AsrEngine>,
    pub(crate) weights: Axis<Weights>,
    pub(crate) per: Axis<AsrUnit>,
    pub(crate) concurrency: Axis<u32>,
    pub(crate) num_beams: Axis<u32>,
}

/// A captioner with its axes, those of all models filled in.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) id: ModelId,
    pub(crate) family: Located<Family>,
    pub(crate) weights: Located<Weights>,
    pub(crate) question: String,
    pub(crate) prompt: Option<String>,
    /// One for each setting that the family has, in the order of [`SettingName::ALL`].
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
            self.run.repeats = repeats.get();
        }
        if let Some(device) = overrides.device {
            self.run.device = device;
            self.device_place = None;
        }
    }
}

impl SceneAxes {
    /// The scene detection of one value of each axis.
    pub(crate) fn spec(detector: Detector, threshold: Option<f64>, min_scene_len: u32) -> SceneSpec {
        let threshold = threshold.unwrap_or(match detector {
            Detector::Content => 27.0,
            Detector::Adaptive => 3.0,
        });
        SceneSpec { detector, threshold, min_scene_len }
    }

    /// How many combinations there are.
    pub(crate) fn count(&self) -> u128 {
        count([self.detector.len(), self.threshold.as_ref().map_or(1, Vec::len), self.min_scene_len.len()])
    }

    /// Every combination, the detector varying slowest.
    pub(crate) fn combinations(&self) -> Vec<SceneSpec> {
        let thresholds: Vec<Option<f64>> = match &self.threshold {
            None => vec![None],
            Some(axis) => axis.iter().map(|threshold| Some(threshold.value)).collect(),
        };
        let mut specs = Vec::new();
        for detector in &self.detector {
            for threshold in &thresholds {
                for min_scene_len in &self.min_scene_len {
                    specs.push(Self::spec(detector.value, *threshold, min_scene_len.value));
                }
            }
        }
        specs
    }
}

impl AsrAxes {
    /// How many combinations there are.
    pub(crate) fn count(&self) -> u128 {
        count([
            self.engine.len(),
            self.weights.len(),
            self.per.len(),
            self.concurrency.len(),
            self.num_beams.len(),
        ])
    }

    /// Every combination, the engine varying slowest.
    pub(crate) fn combinations(&self) -> Vec<AsrSpec> {
        let mut specs = Vec::new();
        for engine in &self.engine {
            for weights in &self.weights {
                for per in &self.per {
                    for concurrency in &self.concurrency {
                        for num_beams in &self.num_beams {
                            specs.push(AsrSpec {
                                engine: engine.value,
                                weights: weights.value.clone(),
                                per: per.value,
                                concurrency: concurrency.value,
                                num_beams: num_beams.value,
                            });
                        }
                    }
                }
            }
        }
        specs
    }
}

/// The product of lengths of axes, or the most that can be told.
fn count(lengths: impl IntoIterator<Item = usize>) -> u128 {
    lengths.into_iter().fold(1, |product, length| product.saturating_mul(length as u128))
}

impl Model {
    /// How many combinations of settings there are.
    pub(crate) fn count(&self) -> u128 {
        count(self.axes.iter().map(Vec::len))
    }

    /// The model's axis of a setting; none for crops of a family without any.
    pub(crate) fn axis(&self, name: SettingName) -> Option<&Axis<Setting>> {
        self.axes.iter().find(|axis| axis.first().is_some_and(|first| first.value.name() == name))
    }
}
