//! Speech to text: Whisper with its own features, decoder and rules of decoding.
//!
//! ```no_run
//! use candle_core::Device;
//! use reelbench_asr::{TranscribeOptions, Whisper};
//! use reelbench_protocol::{Quantization, Weights};
//!
//! # fn main() -> Result<(), reelbench_asr::AsrError> {
//! let weights = Weights::Dummy { preset: "whisper-tiny.en".to_owned(), seed: 0 };
//! let whisper = Whisper::load(&weights, Quantization::None, &Device::Cpu)?;
//! let second_of_silence = vec![0.0; 16_000];
//! let heard = whisper.transcribe(&second_of_silence, &TranscribeOptions::default(), &mut |_| ())?;
//! # let _ = heard;
//! # Ok(())
//! # }
//! ```
//!
//! From audio to text: [`mel`] makes features, the encoder hears a window of 30 s, the decoder
//! writes tokens under the rules of `rules`, and `segments` says where the next window starts.

mod batch;
mod beam;
pub mod config;
mod decoder;
mod encoder;
mod error;
mod fallback;
mod matrix;
pub mod mel;
pub mod presets;
mod prompt;
mod rules;
mod segments;
mod text;
mod transcribe;
mod whisper;
mod window;

use reelbench_protocol::{AsrEngine, AsrSupport, Unit};

pub use batch::MAX_BATCH;
pub use decoder::Heard;
pub use error::AsrError;
pub use rules::Timestamps;
pub use transcribe::{MAX_NUM_BEAMS, TemperatureFallback, TranscribeOptions, Transcription};
use whisper::QUANTIZATIONS;
pub use whisper::Whisper;
pub use window::Written;

/// What this crate offers to a plan.
pub fn asr_support() -> AsrSupport {
    AsrSupport {
        engines: vec![AsrEngine::Whisper],
        per: vec![Unit::Scene, Unit::File],
        max_concurrency: MAX_BATCH,
        max_num_beams: MAX_NUM_BEAMS,
        quantization: QUANTIZATIONS.to_vec(),
        presets: presets::PRESETS.iter().map(|preset| preset.name.to_owned()).collect(),
    }
}
