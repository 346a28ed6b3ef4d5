//! How the base stages listen and look: speech, sounds and objects.

use serde::{Deserialize, Serialize};

use crate::{Quantization, Weights};

/// What one request or stretch of sound covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Each scene by itself.
    Scene,
    /// The whole film.
    File,
}
crate::words!(Unit { Scene => "scene", File => "file" });

/// How speech is transcribed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AsrSpec {
    /// Who transcribes.
    pub model: AsrModel,
    /// What one request covers.
    pub per: Unit,
    /// Requests under way at once; a local model takes them through together.
    pub concurrency: u32,
}

/// Who transcribes, with what each needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "engine", rename_all = "snake_case")]
pub enum AsrModel {
    /// Whisper in this process.
    Whisper(WhisperSpec),
    /// A deployment of Azure `OpenAI`; the key is in `AZURE_OPENAI_API_KEY`.
    Azure(RemoteSpec),
    /// `OpenAI`, or a service that speaks its protocol; the key is in `OPENAI_API_KEY`.
    Openai(RemoteSpec),
}

/// Who transcribes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AsrEngine {
    /// Whisper in this process.
    Whisper,
    /// Azure `OpenAI`.
    Azure,
    /// `OpenAI`, or a service that speaks its protocol.
    Openai,
}
crate::words!(AsrEngine { Whisper => "whisper", Azure => "azure", Openai => "openai" });

/// Whisper in this process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhisperSpec {
    /// The model.
    pub weights: Weights,
    /// Storage of its linear layers.
    pub quantization: Quantization,
    /// Beams; 1 is greedy.
    pub num_beams: u32,
    /// Decode again at higher temperatures where the result looks wrong. In a matrix (`asr.temperature_fallback`, an axis)
    /// it is on where nothing is said, except with dummy weights, whose results always look wrong.
    pub temperature_fallback: bool,
}

/// A transcription service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteSpec {
    /// Where it is: `https://api.openai.com/v1`, `https://NAME.openai.azure.com`.
    pub endpoint: String,
    /// The model, or the name of the deployment.
    pub model: String,
    /// Most requests begun in a minute; absent where only the service itself limits them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Longest time of one request, in seconds.
    pub request_timeout_s: u32,
    /// Version of Azure's interface; absent for the one that the runner knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_version: Option<String>,
}

impl AsrSpec {
    /// The weights, where the model is in this process.
    pub fn weights(&self) -> Option<&Weights> {
        match &self.model {
            AsrModel::Whisper(whisper) => Some(&whisper.weights),
            AsrModel::Azure(_) | AsrModel::Openai(_) => None,
        }
    }
}

impl AsrModel {
    /// Who transcribes.
    pub fn engine(&self) -> AsrEngine {
        match self {
            Self::Whisper(_) => AsrEngine::Whisper,
            Self::Azure(_) => AsrEngine::Azure,
            Self::Openai(_) => AsrEngine::Openai,
        }
    }
}

/// How sounds are named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AstSpec {
    /// The model.
    pub weights: Weights,
    /// Storage of its linear layers.
    pub quantization: Quantization,
    /// What is cut into windows: the film, or each scene.
    pub per: Unit,
    /// Windows taken through the model together.
    pub batch: u32,
}

/// How objects are found and followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct YoloSpec {
    /// The model.
    pub weights: Weights,
    /// Frames 0, n, 2n, … of the film are looked at.
    pub every_nth_frame: u32,
    /// What joins boxes of different frames.
    pub tracker: Tracker,
}

/// What joins boxes of different frames into tracks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tracker {
    /// `ByteTrack`.
    Bytetrack,
    /// Nothing: every frame by itself.
    None,
}
crate::words!(Tracker { Bytetrack => "bytetrack", None => "none" });
