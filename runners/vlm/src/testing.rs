//! What the families' tests share: pictures, models, and checkpoints with something wrong in them.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use reelbench_media::RgbImage;
use reelbench_nn::{CacheMode, Generation};
use reelbench_protocol::{Dtype, Failure, Quantization, Weights};
use tempfile::TempDir;

use crate::family::{self, FamilyModel, LoadRequest};
use crate::{Caption, CaptionRequest, SceneInput, VlmError};

/// How a family is loaded.
type Load<M> = fn(&LoadRequest<'_>) -> Result<M, VlmError>;

/// A picture with some pattern.
pub(crate) fn frame(width: u32, height: u32) -> RgbImage {
    let values = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x * 7, y * 5, x * y]));
    RgbImage::from_raw(width, height, values.map(|value| value as u8).collect()).unwrap()
}

/// Greedy search for so many tokens.
pub(crate) fn request(max_new_tokens: usize, cache: CacheMode) -> CaptionRequest {
    let generation = Generation { max_new_tokens, ..Generation::default() };
    CaptionRequest { prompt: None, generation, cache, num_crops: None }
}

/// The caption of one scene.
pub(crate) fn caption(
    model: &dyn FamilyModel,
    frames: &[RgbImage],
    request: &CaptionRequest,
) -> Result<Caption, VlmError> {
    let scene = SceneInput { frames, question: "What happens?" };
    family::caption(model, &[scene], request, &mut ()).remove(0)
}

fn loaded<M>(load: Load<M>, weights: &Weights, quantization: Quantization) -> Result<M, VlmError> {
    load(&LoadRequest::new(weights, quantization, Dtype::F32, &Device::Cpu))
}

/// A preset with the random weights of a seed.
pub(crate) fn dummy<M>(load: Load<M>, preset: &str, seed: u64) -> M {
    loaded(load, &Weights::Dummy { preset: preset.to_owned(), seed }, Quantization::None).unwrap()
}

/// The checkpoint of a folder.
pub(crate) fn local<M>(load: Load<M>, folder: &Path) -> Result<M, VlmError> {
    let weights = Weights::Local { path: folder.to_owned(), name: folder.display().to_string() };
    loaded(load, &weights, Quantization::None)
}

/// What is said about a checkpoint that cannot be loaded.
pub(crate) fn load_error<M>(load: Load<M>, folder: &TempDir) -> String {
    Failure::from(local(load, folder.path()).err().expect("loaded")).message
}

/// A copy of a fixture's checkpoint in which `name` holds `contents`.
pub(crate) fn altered(fixture: &str, name: &str, contents: &[u8]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_files(Path::new(fixture), folder.path());
    let second_tokenizer = Path::new(fixture).join("qformer_tokenizer");
    if second_tokenizer.is_dir() {
        copy_files(&second_tokenizer, &folder.path().join("qformer_tokenizer"));
    }
    std::fs::write(folder.path().join(name), contents).unwrap();
    folder
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
}

/// A copy of a fixture's folder whose tensors went through `change`.
pub(crate) fn altered_tensors(fixture: &str, change: impl FnOnce(&mut HashMap<String, Tensor>)) -> TempDir {
    let mut tensors =
        candle_core::safetensors::load(format!("{fixture}/model.safetensors"), &Device::Cpu).unwrap();
    change(&mut tensors);
    let folder = altered(fixture, "model.safetensors", b"");
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    folder
}
