//! What the tests and benches share: where the models and media lie that are too large for the repository.

use std::path::{Path, PathBuf};

use reelbench_asr::Whisper;
use reelbench_protocol::Weights;

/// The folder that holds them.
pub(crate) fn shared() -> PathBuf {
    std::env::var_os("REELBENCH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
}

/// whisper-tiny.en with its published weights; `None`, loudly, where it is absent.
pub(crate) fn tiny_en() -> Option<Whisper> {
    let path = shared().join("models/whisper-tiny.en");
    if !path.is_dir() {
        skip(&path);
        return None;
    }
    let weights = Weights::Local { path, name: "whisper-tiny.en".to_owned() };
    Some(Whisper::load(&weights, &candle_core::Device::Cpu).unwrap())
}

/// The samples of a sound file or film of the kit, as Whisper takes them; `None`, loudly, where it
/// is absent.
pub(crate) fn media(name: &str) -> Option<Vec<f32>> {
    let path = shared().join("media").join(name);
    if !path.is_file() {
        skip(&path);
        return None;
    }
    Some(reelbench_media::decode_audio(&path).unwrap().samples)
}

#[expect(clippy::print_stderr, reason = "a test that does not run must say so")]
fn skip(path: &Path) {
    eprintln!("SKIPPED: {} is absent; set REELBENCH_SHARED to the folder that holds it", path.display());
}
