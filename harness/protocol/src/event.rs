//! What a runner answers, one JSON object a line on its standard output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Capabilities, CellId, Failure, Objects, Pass, SceneList, Settings, Sounds, Transcript};

/// One line from a runner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first line, before any command.
    Hello(Box<Hello>),
    /// How far a repeat has come.
    Progress(Progress),
    /// What memory a cell will need.
    Estimated(MemoryEstimate),
    /// Weights are ready.
    Loaded(Loaded),
    /// A repeat ended.
    Repeat(Box<RepeatResult>),
    /// A probe's result.
    Probed {
        /// The keys depend on the probe.
        result: serde_json::Value,
    },
    /// The command failed; the process lives on.
    Failed(Failure),
}

/// Who a runner is and what it can do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hello {
    /// Must equal [`crate::PROTOCOL_VERSION`].
    pub protocol: u32,
    /// The runner.
    pub runner: RunnerInfo,
    /// What it can do, so that the plan can refuse the rest.
    pub capabilities: Capabilities,
}

/// A runner's identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunnerInfo {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Versions of what it is built on, such as candle and ffmpeg.
    #[serde(default)]
    pub libraries: BTreeMap<String, String>,
    /// Threads it computes with.
    #[serde(default)]
    pub threads: Option<u32>,
}

/// How far a repeat has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Units done: scenes when captioning, whole percents of the film in stage 1.
    pub done: u32,
    /// Units in all.
    pub total: u32,
}

/// A load that succeeded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// From the command to ready, in nanoseconds.
    pub load_ns: u64,
    /// Bytes the weights take up in memory.
    pub weights_bytes: u64,
    /// The same part by part, where the runner tells; they sum to the whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<WeightsPart>,
}

/// A part of a model and the memory that its weights take up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightsPart {
    /// Its name: `vision`, `projector`, `qformer`, `language`, …
    pub part: String,
    /// Bytes in memory.
    pub bytes: u64,
}

impl WeightsPart {
    /// A part of that name.
    pub fn new(part: impl Into<String>, bytes: u64) -> Self {
        Self { part: part.into(), bytes }
    }
}

/// What memory a cell will need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryEstimate {
    /// Bytes the weights will take up.
    pub weights_bytes: u64,
    /// Bytes beside them at the worst moment: keys and values, activations, frames.
    pub working_bytes: u64,
    /// The weights part by part, where the runner tells.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<WeightsPart>,
}

impl MemoryEstimate {
    /// Bytes in all.
    pub fn total_bytes(&self) -> u64 {
        self.weights_bytes.saturating_add(self.working_bytes)
    }
}

/// A named part of the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Scene detection, decoding included.
    Scene,
    /// Speech, audio decoding included.
    Asr,
    /// Sounds.
    Ast,
    /// Objects.
    Yolo,
    /// Getting a scene's frames out of the film.
    Frames,
    /// From pixels to the model's input.
    Preprocess,
    /// The vision tower and what joins it to the language model.
    Vision,
    /// From the prompt to the first token.
    Prefill,
    /// The other tokens.
    Decode,
}
crate::words!(Stage {
    Scene => "scene", Asr => "asr", Ast => "ast", Yolo => "yolo",
    Frames => "frames", Preprocess => "preprocess", Vision => "vision", Prefill => "prefill", Decode => "decode",
});

/// One timed interval of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// The stage.
    pub stage: Stage,
    /// The scene worked on, counted from 0; absent where a stage takes the film as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u32>,
    /// What the time went on; computing where nothing is said.
    #[serde(default, skip_serializing_if = "is_default")]
    pub activity: Activity,
    /// Nanoseconds from the repeat's start.
    pub start_ns: u64,
    /// Nanoseconds.
    pub duration_ns: u64,
}

/// What the time of a span went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activity {
    /// Work on this machine.
    #[default]
    Compute,
    /// A request under way to a service, and waiting before another try after a fault of the far side.
    Network,
    /// Waiting because no more requests are allowed yet.
    RateLimit,
}
crate::words!(Activity { Compute => "compute", Network => "network", RateLimit => "rate_limit" });

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A repeat that ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RepeatResult {
    /// The cell.
    pub cell: CellId,
    /// Counted from 0 within the pass.
    pub repeat: u32,
    /// Warm-up or sample.
    pub pass: Pass,
    /// Length of the film in seconds: what the real-time factor divides by.
    pub media_s: f64,
    /// The whole repeat in nanoseconds.
    pub wall_ns: u64,
    /// Its timed parts. They overlap where work was under way at once; each such moment then counts
    /// in equal shares for the spans that cover it.
    pub spans: Vec<Span>,
    /// What was computed.
    pub output: Output,
    /// The settings in force.
    pub effective: Settings,
    /// Highest resident memory of the process during the repeat, in bytes.
    #[serde(default)]
    pub peak_rss_bytes: Option<u64>,
    /// Highest memory on the accelerator during the repeat, in bytes.
    #[serde(default)]
    pub peak_vram_bytes: Option<u64>,
}

/// What a repeat computed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Output {
    /// Base stages.
    Stage1(Stage1Output),
    /// Captions.
    Caption {
        /// One entry per scene, in order.
        scenes: Vec<SceneCaption>,
    },
}

/// What the base stages found. A stage that failed is absent and stands in `failures`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Stage1Output {
    /// Scenes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenes: Option<SceneList>,
    /// Speech.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transcript: Option<Transcript>,
    /// Sounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sounds: Option<Sounds>,
    /// Objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<Objects>,
    /// Stages that failed while others went on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<Failure>,
}

/// One scene's caption, or why there is none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SceneCaption {
    /// Counted from 0.
    pub scene: u32,
    /// Presentation times of the frames shown, in seconds.
    pub frame_pts_s: Vec<f64>,
    /// The prompt as given to the tokenizer.
    pub prompt: String,
    /// Tokens of the prompt, image tokens included.
    pub prompt_tokens: u32,
    /// New tokens.
    pub tokens: Vec<u32>,
    /// Their text.
    pub text: String,
    /// Why generation ended; absent when it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<Finish>,
    /// From the scene's first frame asked for to its first token, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ns: Option<u64>,
    /// Why the scene failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Why generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// An end-of-sequence token.
    Eos,
    /// `max_new_tokens`.
    Length,
}
crate::words!(Finish { Eos => "eos", Length => "length" });
