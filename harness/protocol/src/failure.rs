//! What can go wrong inside a runner, as data.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Stage;

/// A failure with its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub struct Failure {
    /// Whose fault it is.
    pub kind: FailureKind,
    /// Where in the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// In which scene, counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene: Option<u32>,
    /// What happened, with the file, the place and the remedy.
    pub message: String,
}

impl Failure {
    /// A failure that knows no stage yet.
    pub fn new(kind: FailureKind, message: impl fmt::Display) -> Self {
        Self { kind, stage: None, scene: None, message: message.to_string() }
    }

    /// The same failure, placed in a stage.
    #[must_use]
    pub fn in_stage(self, stage: Stage) -> Self {
        Self { stage: Some(stage), ..self }
    }

    /// The same failure, placed in a scene.
    #[must_use]
    pub fn in_scene(self, scene: u32) -> Self {
        Self { scene: Some(scene), ..self }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(stage) = self.stage {
            write!(f, "{stage}")?;
            if let Some(scene) = self.scene {
                write!(f, ", scene {scene}")?;
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)
    }
}

/// Whose fault a failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A film, sound or picture that cannot be used.
    Input,
    /// Weights, tokenizer or configuration that cannot be used.
    Weights,
    /// A setting this runner does not offer.
    Unsupported,
    /// Not enough memory.
    Memory,
    /// A service on the network that failed, refused or could not be reached.
    Service,
    /// A fault of the runner's own.
    Internal,
}
crate::words!(FailureKind {
    Input => "input", Weights => "weights", Unsupported => "unsupported", Memory => "memory", Service => "service", Internal => "internal",
});
