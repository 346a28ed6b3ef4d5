//! Where a model's weights come from, after the matrix's words have been resolved.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A resolved source of weights.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Weights {
    /// A folder in the hub's layout, or one safetensors file.
    Local {
        /// Absolute path.
        path: PathBuf,
        /// What the matrix said, such as `hf:openai/whisper-tiny.en@main`; it is what counts for
        /// a cell's identity.
        name: String,
    },
    /// The full architecture with random weights.
    Dummy {
        /// A published size (`whisper-base`), a `-mini` or a `-tiny`.
        preset: String,
        /// Seed the weights are drawn from.
        seed: u64,
    },
}

impl Weights {
    /// Whether the numbers say nothing about quality.
    pub fn is_dummy(&self) -> bool {
        matches!(self, Self::Dummy { .. })
    }
}

impl fmt::Display for Weights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Local { name, .. } => f.write_str(name),
            Self::Dummy { preset, seed: 0 } => write!(f, "dummy:{preset}"),
            Self::Dummy { preset, seed } => write!(f, "dummy:{preset}?seed={seed}"),
        }
    }
}
