//! What the tests and benches share: the model and the media that are too large for the repository.

use reelbench_asr::Whisper;
use reelbench_protocol::{Quantization, Weights};
use reelbench_testkit::shared;

/// whisper-tiny.en with its published weights; `None`, loudly, where it is absent.
pub(crate) fn tiny_en(quantization: Quantization) -> Option<Whisper> {
    let path = shared("models/whisper-tiny.en")?;
    let weights = Weights::Local { path, name: "whisper-tiny.en".to_owned() };
    Some(Whisper::load(&weights, quantization, &candle_core::Device::Cpu).unwrap())
}

/// The samples of a sound file or film, as Whisper takes them; `None`, loudly, where it is absent.
pub(crate) fn media(name: &str) -> Option<Vec<f32>> {
    let path = shared(&format!("media/{name}"))?;
    Some(reelbench_media::decode_audio(&path).unwrap().samples)
}
