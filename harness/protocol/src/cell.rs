//! Cells: one resolved combination of video, model and settings.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{CaptionSettings, Family, ModelId, VideoId, Weights};

/// One resolved combination, with nothing left to look up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellSpec {
    /// The film.
    pub video: VideoSpec,
    /// What is done to it.
    pub work: Work,
}

/// A film on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VideoSpec {
    /// Its id in the matrix.
    pub id: VideoId,
    /// Absolute path.
    pub path: PathBuf,
}

/// The work of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Scene detection and the other base stages.
    Stage1(Stage1Spec),
    /// A caption for every scene.
    Caption(CaptionSpec),
}

/// The two kinds of cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CellKind {
    /// Base stages.
    Stage1,
    /// Captioning.
    Caption,
}
crate::words!(CellKind { Stage1 => "stage1", Caption => "caption" });

/// The base stages of one cell; an absent stage is skipped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage1Spec {
    /// Scene detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneSpec>,
    /// Speech.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asr: Option<AsrSpec>,
}

/// How scenes are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneSpec {
    /// Which detector.
    pub detector: Detector,
    /// Its threshold, in its own unit.
    pub threshold: f64,
    /// Shortest scene, in frames.
    pub min_scene_len: u32,
}

impl Default for SceneSpec {
    fn default() -> Self {
        Self { detector: Detector::Content, threshold: 27.0, min_scene_len: 15 }
    }
}

/// A scene detector, as PySceneDetect defines it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// Mean change of hue, saturation and lightness between frames.
    Content,
    /// The same against its neighbourhood.
    Adaptive,
}
crate::words!(Detector { Content => "content", Adaptive => "adaptive" });

/// How speech is transcribed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsrSpec {
    /// Who transcribes.
    pub engine: AsrEngine,
    /// The model.
    pub weights: Weights,
    /// What one request covers.
    pub per: AsrUnit,
    /// Requests under way at once.
    pub concurrency: u32,
    /// Beams; 1 is greedy.
    pub num_beams: u32,
}

/// Who transcribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsrEngine {
    /// Whisper in this process.
    Whisper,
}
crate::words!(AsrEngine { Whisper => "whisper" });

/// What one transcription request covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsrUnit {
    /// One request per scene.
    Scene,
    /// One request for the whole film.
    File,
}
crate::words!(AsrUnit { Scene => "scene", File => "file" });

/// A captioning cell's work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptionSpec {
    /// The model's id in the matrix.
    pub model: ModelId,
    /// Its architecture.
    pub family: Family,
    /// Its weights.
    pub weights: Weights,
    /// What is asked about every scene.
    pub question: String,
    /// The whole prompt with its image markers, in place of the family's template around `question`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The settings.
    pub settings: CaptionSettings,
    /// The detector whose scenes are captioned; without one the film is one scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneSpec>,
    /// Caption only the first scenes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_scenes: Option<u32>,
}

impl CellSpec {
    /// Which kind of cell this is.
    pub fn kind(&self) -> CellKind {
        match self.work {
            Work::Stage1(_) => CellKind::Stage1,
            Work::Caption(_) => CellKind::Caption,
        }
    }

    /// Whether any weights of the cell are random.
    pub fn uses_dummy_weights(&self) -> bool {
        match &self.work {
            Work::Stage1(stage1) => stage1.asr.as_ref().is_some_and(|asr| asr.weights.is_dummy()),
            Work::Caption(caption) => caption.weights.is_dummy(),
        }
    }

    /// The text a cell's id is made from: JSON with sorted keys, and local weights by name only.
    pub(crate) fn canonical_json(&self) -> String {
        let mut spec = self.clone();
        match &mut spec.work {
            Work::Stage1(Stage1Spec { asr: Some(AsrSpec { weights, .. }), .. })
            | Work::Caption(CaptionSpec { weights, .. }) => {
                if let Weights::Local { path, .. } = weights {
                    *path = PathBuf::new();
                }
            }
            Work::Stage1(_) => {}
        }
        // serde_json's map keeps keys sorted, so going through `Value` is what makes this canonical.
        serde_json::to_value(&spec).map_or_else(|error| error.to_string(), |value| value.to_string())
    }
}

impl fmt::Display for CellSpec {
    /// A short name for progress lines and error messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.work {
            Work::Stage1(_) => write!(f, "{} stage 1", self.video.id),
            Work::Caption(caption) => write!(f, "{} {}", self.video.id, caption.model),
        }
    }
}
