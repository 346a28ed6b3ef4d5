//! What `bench` tells a runner, one JSON object a line on its standard input.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{CellId, CellSpec, Dtype, Family, Probe, Quantization, SceneList, Weights};

/// One line to a runner. It answers each with exactly one closing event: `estimated`, `loaded`, `repeat`,
/// `probed` or `failed`; any number of `progress` events may come before it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Tell what memory a captioning cell will need, without loading its weights. Only asked of runners whose
    /// capabilities offer it.
    Estimate {
        /// The cell's specification.
        spec: Box<CellSpec>,
    },
    /// Get weights ready; replaces whatever was loaded.
    Load(LoadSpec),
    /// Run one repeat of a cell on the loaded weights.
    Run(Box<RunSpec>),
    /// One stage on one input, outside of any run.
    Probe(Box<Probe>),
    /// End with exit code 0.
    Shutdown,
}

/// What one process holds at a time. Cells with equal load specifications share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadSpec {
    /// Where to compute.
    pub device: Device,
    /// What to load.
    pub models: Models,
}

/// The models of a load group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Models {
    /// What the base stages need.
    Stage1 {
        /// Whisper, when speech is transcribed in this process.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        asr: Option<StoredModel>,
        /// What names sounds, when they are named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ast: Option<StoredModel>,
        /// What finds objects, when they are looked for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        yolo: Option<Weights>,
    },
    /// One captioner.
    Caption {
        /// Its architecture.
        family: Family,
        /// Its weights.
        weights: Weights,
        /// How they are stored.
        quantization: Quantization,
        /// How they are computed with.
        dtype: Dtype,
    },
}

/// Weights and how they are stored in memory.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoredModel {
    /// The weights.
    pub weights: Weights,
    /// Storage of the linear layers.
    pub quantization: Quantization,
}

/// Where to compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Device {
    /// The runner's choice; the effective setting says which.
    Auto,
    /// The processor.
    Cpu,
    /// A CUDA device by its ordinal.
    Cuda(u32),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(ordinal) => write!(f, "cuda:{ordinal}"),
        }
    }
}

impl From<Device> for String {
    fn from(device: Device) -> Self {
        device.to_string()
    }
}

impl std::str::FromStr for Device {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(0)),
            _ => text
                .strip_prefix("cuda:")
                .and_then(|ordinal| ordinal.parse().ok())
                .map(Self::Cuda)
                .ok_or_else(|| format!("`{text}` is not a device: use auto, cpu or cuda:N")),
        }
    }
}

impl TryFrom<String> for Device {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Why a repeat is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pass {
    /// To warm caches and clocks; not a sample.
    Warmup,
    /// A sample.
    Measured,
}
crate::words!(Pass { Warmup => "warmup", Measured => "measured" });

/// One repeat of one cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSpec {
    /// The cell.
    pub cell: CellId,
    /// Counted from 0 within the pass.
    pub repeat: u32,
    /// Warm-up or sample.
    pub pass: Pass,
    /// The cell's specification.
    pub spec: CellSpec,
    /// The scenes to caption; absent for stage-1 cells, and for a film taken as one scene.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenes: Option<SceneList>,
    /// What is asked about each scene, where the specification's question tells of what was heard and seen; one for
    /// every scene. Empty where that question is asked about all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub questions: Vec<String>,
    /// Keep the frames given to the model in this folder, as PNG files named by [`frame_file`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub save_frames: Option<std::path::PathBuf>,
}

/// Name of the file that keeps a frame given to a model: the scene's number and the frame's within it, both from 0.
pub fn frame_file(scene: u32, frame: usize) -> String {
    format!("scene_{scene:04}_frame_{frame}.png")
}
