//! Cells: one resolved combination of video, model and settings.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{AsrModel, AsrSpec, AstSpec, CaptionSettings, Family, ModelId, VideoId, Weights, YoloSpec};

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
    /// What reports call it; absent where that is its id. No part of what is done: runners have no use for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
}

/// The work of a cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "almost all cells of a large plan are the larger variant")]
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
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage1Spec {
    /// Scene detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneSpec>,
    /// Speech.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asr: Option<AsrSpec>,
    /// Sounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ast: Option<AstSpec>,
    /// Objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yolo: Option<YoloSpec>,
    /// Speech and sounds side by side instead of one after the other.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub parallel: bool,
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
    /// What is asked about every scene; a template, see [`crate::Question`].
    pub question: String,
    /// The whole prompt with its image markers, in place of the family's template around `question`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<String>,
    /// The settings.
    pub settings: CaptionSettings,
    /// Seed that tokens are drawn from; absent where none are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// The detector whose scenes are captioned; without one the film is one scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<SceneSpec>,
    /// The speech that `question` tells of; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asr: Option<AsrSpec>,
    /// The sounds that `question` tells of; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ast: Option<AstSpec>,
    /// The objects that `question` tells of; absent where it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yolo: Option<YoloSpec>,
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
        self.weights().any(Weights::is_dummy)
    }

    /// The weights that the cell loads. Those behind a caption's question are not among them: they belong to the
    /// stage-1 cell that used them.
    pub fn weights(&self) -> impl Iterator<Item = &Weights> {
        let all = match &self.work {
            Work::Stage1(stage1) => [
                stage1.asr.as_ref().and_then(AsrSpec::weights),
                stage1.ast.as_ref().map(|ast| &ast.weights),
                stage1.yolo.as_ref().map(|yolo| &yolo.weights),
            ],
            Work::Caption(caption) => [Some(&caption.weights), None, None],
        };
        all.into_iter().flatten()
    }

    /// The text a cell's id is made from: JSON with sorted keys, and local weights by name only.
    pub(crate) fn canonical_json(&self) -> String {
        let mut spec = self.clone();
        let (asr, ast, yolo) = match &mut spec.work {
            Work::Stage1(stage1) => (&mut stage1.asr, &mut stage1.ast, &mut stage1.yolo),
            Work::Caption(caption) => {
                forget_folder(&mut caption.weights);
                (&mut caption.asr, &mut caption.ast, &mut caption.yolo)
            }
        };
        if let Some(AsrSpec { model: AsrModel::Whisper(whisper), .. }) = asr {
            forget_folder(&mut whisper.weights);
        }
        if let Some(ast) = ast {
            forget_folder(&mut ast.weights);
        }
        if let Some(yolo) = yolo {
            forget_folder(&mut yolo.weights);
        }
        // serde_json's map keeps keys sorted, so going through `Value` is what makes this canonical.
        serde_json::to_value(&spec).map_or_else(|error| error.to_string(), |value| value.to_string())
    }
}

/// Weights count by their name: the same file elsewhere is the same model.
fn forget_folder(weights: &mut Weights) {
    if let Weights::Local { path, .. } = weights {
        *path = PathBuf::new();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CellId, Quantization, Tracker, Unit, WhisperSpec};

    fn at(folder: &str) -> CellSpec {
        let weights =
            |name: &str| Weights::Local { path: PathBuf::from(folder).join(name), name: name.to_owned() };
        let quantization = Quantization::Q8_0;
        let whisper =
            WhisperSpec { weights: weights("w"), quantization, num_beams: 1, temperature_fallback: true };
        let asr = AsrSpec { model: AsrModel::Whisper(whisper), per: Unit::File, concurrency: 1 };
        let ast = AstSpec { weights: weights("a"), quantization, per: Unit::File, batch: 1 };
        let yolo = YoloSpec { weights: weights("y"), every_nth_frame: 5, tracker: Tracker::Bytetrack };
        let (asr, ast, yolo) = (Some(asr), Some(ast), Some(yolo));
        let work = Work::Stage1(Stage1Spec { scene: None, asr, ast, yolo, parallel: true });
        CellSpec { video: VideoSpec { id: "film".parse().unwrap(), path: PathBuf::new(), title: None }, work }
    }

    #[test]
    fn a_cell_knows_all_its_weights_and_their_folders_are_no_part_of_it() {
        let names: Vec<String> = at("/a").weights().map(ToString::to_string).collect();
        assert_eq!(names, ["w", "a", "y"]);
        assert_eq!(CellId::of(&at("/a")), CellId::of(&at("/b")));
        assert!(!at("/a").canonical_json().contains("/a/"));
    }
}
