use reelbench_nn::CacheMode;
use reelbench_protocol::Finish;

use super::*;

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llava-next-mistral");

fn tiny() -> LlavaNext {
    let weights = Weights::Dummy { preset: "llava-next-tiny".to_owned(), seed: 1 };
    LlavaNext::load(&weights, DType::F32, &Device::Cpu).unwrap()
}

fn request(cache: CacheMode) -> CaptionRequest {
    let generation = Generation { max_new_tokens: 12, ..Generation::default() };
    CaptionRequest { question: "What happens?".to_owned(), prompt: None, generation, cache }
}

fn frame(width: u32, height: u32) -> RgbImage {
    let values = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x * 7, y * 5, x * y]));
    RgbImage::from_raw(width, height, values.map(|value| value as u8).collect()).unwrap()
}

#[test]
fn a_dummy_runs_to_its_limit_and_its_cache_changes_nothing() {
    let model = tiny();
    let frames = [frame(199, 112), frame(120, 200)];
    let captions = [CacheMode::On, CacheMode::Off]
        .map(|cache| model.caption(&frames, &request(cache), &mut ()).unwrap());
    assert_eq!(captions[0], captions[1]);
    assert_eq!((captions[0].tokens.len(), captions[0].finish), (12, Finish::Length));
    assert!(captions[0].prompt_tokens > 200);
}

#[test]
fn a_dummys_caption_depends_on_its_seed_alone() {
    let caption = |seed| {
        let weights = Weights::Dummy { preset: "llava-next-tiny".to_owned(), seed };
        let model = LlavaNext::load(&weights, DType::F32, &Device::Cpu).unwrap();
        model.caption(&[frame(64, 64)], &request(CacheMode::On), &mut ()).unwrap().tokens
    };
    assert_eq!(caption(4), caption(4));
    assert_ne!(caption(4), caption(5));
}

#[test]
fn too_many_positions_are_an_error_with_the_numbers() {
    let model = tiny();
    let mut request = request(CacheMode::On);
    request.generation.max_new_tokens = 9000;
    let error = model.caption(&[frame(100, 100)], &request, &mut ()).unwrap_err().to_string();
    assert!(error.contains("9000 new ones") && error.contains("8192"), "{error}");
}

#[test]
fn frames_that_cannot_be_shown_are_errors() {
    let model = tiny();
    let mut request = request(CacheMode::On);
    let fails =
        |frames: &[RgbImage], request: &CaptionRequest| model.caption(frames, request, &mut ()).unwrap_err();
    assert!(matches!(fails(&[], &request), VlmError::NoFrames));
    let empty = [frame(8, 8), RgbImage::new(0, 8)];
    assert!(matches!(fails(&empty, &request), VlmError::EmptyFrame { frame: 1 }));
    request.prompt = Some("no picture here".to_owned());
    let error = fails(&[frame(8, 8)], &request).to_string();
    assert!(error.contains("0 times for 1 frames"), "{error}");
}

/// A copy of the fixture's folder in which `name` holds `contents`.
fn altered(name: &str, contents: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in ["config.json", "preprocessor_config.json", "tokenizer.json", "model.safetensors"] {
        std::fs::copy(format!("{FIXTURE}/{file}"), folder.path().join(file)).unwrap();
    }
    std::fs::write(folder.path().join(name), contents).unwrap();
    folder
}

fn load_error(folder: &tempfile::TempDir) -> String {
    let weights = Weights::Local { path: folder.path().to_owned(), name: "fixture".to_owned() };
    let error = LlavaNext::load(&weights, DType::F32, &Device::Cpu).err().expect("loaded");
    reelbench_protocol::Failure::from(error).message
}

/// The fixture's tensors after `change`.
fn tensors(change: impl FnOnce(&mut std::collections::HashMap<String, Tensor>)) -> tempfile::TempDir {
    let mut tensors =
        candle_core::safetensors::load(format!("{FIXTURE}/model.safetensors"), &Device::Cpu).unwrap();
    change(&mut tensors);
    let folder = altered("model.safetensors", b"");
    candle_core::safetensors::save(&tensors, folder.path().join("model.safetensors")).unwrap();
    folder
}

const DOWN: &str = "language_model.model.layers.1.mlp.down_proj.weight";

#[test]
fn a_missing_tensor_is_named() {
    let error = load_error(&tensors(|tensors| drop(tensors.remove(DOWN))));
    assert!(
        error.contains("model.safetensors") && error.contains(DOWN) && error.contains("missing"),
        "{error}"
    );
}

#[test]
fn an_extra_tensor_is_named() {
    let extra = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let error = load_error(&tensors(|tensors| drop(tensors.insert("adapter.weight".to_owned(), extra))));
    assert!(error.contains("model.safetensors") && error.contains("`adapter.weight`"), "{error}");
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let wide = Tensor::zeros((64, 129), DType::F32, &Device::Cpu).unwrap();
    let error = load_error(&tensors(|tensors| drop(tensors.insert(DOWN.to_owned(), wide))));
    for part in ["model.safetensors", DOWN, "[64, 129]", "[64, 128]"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_truncated_file_is_named() {
    let whole = std::fs::read(format!("{FIXTURE}/model.safetensors")).unwrap();
    let error = load_error(&altered("model.safetensors", &whole[..whole.len() / 2]));
    assert!(error.contains("model.safetensors") && error.contains("truncated"), "{error}");
}

#[test]
fn broken_companions_are_named() {
    let error = load_error(&altered("config.json", b"{\n  \"vision_config\": 3\n}"));
    assert!(error.contains("config.json") && error.contains("line 2"), "{error}");
    let error = load_error(&altered("tokenizer.json", b"{}"));
    assert!(error.contains("tokenizer.json"), "{error}");
    let error = load_error(&altered("preprocessor_config.json", b"{\"size\": 224}"));
    assert!(error.contains("preprocessor_config.json") && error.contains("size"), "{error}");
}

#[test]
fn a_tokenizer_without_the_image_token_is_an_error() {
    let other =
        std::fs::read_to_string(format!("{FIXTURE}/tokenizer.json")).unwrap().replace("<image>", "<picture>");
    let folder = altered("tokenizer.json", other.as_bytes());
    let weights = Weights::Local { path: folder.path().to_owned(), name: "fixture".to_owned() };
    let model = LlavaNext::load(&weights, DType::F32, &Device::Cpu).unwrap();
    let error = model.caption(&[frame(64, 64)], &request(CacheMode::On), &mut ()).unwrap_err();
    assert!(matches!(error, VlmError::ImageToken { token: 698, found: 0, frames: 1 }), "{error}");
}
