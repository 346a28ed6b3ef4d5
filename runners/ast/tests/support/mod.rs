//! What the tests share: a small checkpoint in the repository, and random weights.

use std::path::{Path, PathBuf};

use candle_core::Device;
use reelbench_ast::{AstError, SoundTagger};
use reelbench_protocol::{Quantization, Weights};

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Loads a folder.
pub(crate) fn open(path: &Path, quantization: Quantization) -> Result<SoundTagger, AstError> {
    let weights = Weights::Local { path: path.to_owned(), name: "mini".to_owned() };
    SoundTagger::load(&weights, quantization, &Device::Cpu)
}

/// The checkpoint that the references were made with: three narrow blocks and twelve labels.
pub(crate) fn mini() -> SoundTagger {
    open(&fixture("mini"), Quantization::None).unwrap()
}
