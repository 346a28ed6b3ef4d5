//! Sounds: the Audio Spectrogram Transformer with its own features.
//!
//! ```
//! use candle_core::Device;
//! use reelbench_ast::SoundTagger;
//! use reelbench_protocol::{Quantization, Weights};
//!
//! # fn main() -> Result<(), reelbench_ast::AstError> {
//! let weights = Weights::Dummy { preset: "ast-tiny".to_owned(), seed: 0 };
//! let tagger = SoundTagger::load(&weights, Quantization::None, &Device::Cpu)?;
//! let twelve_seconds_of_silence = vec![0.0; 12 * 16_000];
//! let windows = tagger.tag(&twelve_seconds_of_silence, 4, &mut |_| ())?;
//! assert_eq!(windows.len(), 2);
//! assert_eq!(tagger.best(&windows[0].scores, 10).len(), 10);
//! # Ok(())
//! # }
//! ```
//!
//! From sound to labels: [`fbank`] makes features of a window of 10.24 s, `model` gives every label a logit, and
//! [`SoundTagger`] cuts sound into windows, batches them and turns logits into scores.

pub mod config;
mod error;
pub mod fbank;
pub mod labels;
mod model;
pub mod presets;
mod projection;
mod tagger;

use reelbench_protocol::{AstSupport, Unit};

pub use error::AstError;
pub use tagger::{MAX_BATCH, QUANTIZATIONS, SoundTagger, WindowScores};

/// What this crate offers to a plan.
pub fn ast_support() -> AstSupport {
    AstSupport {
        per: vec![Unit::Scene, Unit::File],
        max_batch: MAX_BATCH as u32,
        quantization: QUANTIZATIONS.to_vec(),
        presets: presets::PRESETS.iter().map(|preset| preset.name.to_owned()).collect(),
    }
}
