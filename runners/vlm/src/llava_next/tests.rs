use candle_core::Device;
use reelbench_protocol::Finish;

use super::*;
use crate::testing::{self, altered, altered_tensors, caption, frame, request};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llava-next-mistral");

fn tiny() -> LlavaNext {
    testing::dummy(LlavaNext::load, presets::TINY, 1)
}

fn load_error(folder: &tempfile::TempDir) -> String {
    testing::load_error(LlavaNext::load, folder)
}

#[test]
fn a_dummy_runs_to_its_limit_and_its_cache_changes_nothing() {
    let model = tiny();
    let frames = [frame(199, 112), frame(120, 200)];
    let captions =
        [CacheMode::On, CacheMode::Off].map(|cache| caption(&model, &frames, &request(12, cache)).unwrap());
    assert_eq!(captions[0], captions[1]);
    assert_eq!((captions[0].tokens.len(), captions[0].finish), (12, Finish::Length));
    assert!(captions[0].prompt_tokens > 200);
}

#[test]
fn a_dummys_caption_depends_on_its_seed_alone() {
    let tokens = |seed| {
        let model = testing::dummy(LlavaNext::load, presets::TINY, seed);
        caption(&model, &[frame(64, 64)], &request(12, CacheMode::On)).unwrap().tokens
    };
    assert_eq!(tokens(4), tokens(4));
    assert_ne!(tokens(4), tokens(5));
}

#[test]
fn too_many_positions_are_an_error_with_the_numbers() {
    let error = caption(&tiny(), &[frame(100, 100)], &request(9000, CacheMode::On)).unwrap_err().to_string();
    assert!(error.contains("9000 new ones") && error.contains("8192"), "{error}");
}

#[test]
fn frames_that_cannot_be_shown_are_errors() {
    let model = tiny();
    let mut request = request(12, CacheMode::On);
    let fails = |frames: &[RgbImage], request: &CaptionRequest| caption(&model, frames, request).unwrap_err();
    assert!(matches!(fails(&[], &request), VlmError::NoFrames));
    let empty = [frame(8, 8), RgbImage::new(0, 8)];
    assert!(matches!(fails(&empty, &request), VlmError::EmptyFrame { frame: 1 }));
    request.prompt = Some("no picture here".to_owned());
    let error = fails(&[frame(8, 8)], &request).to_string();
    assert!(error.contains("0 times for 1 frames"), "{error}");
}

#[test]
fn a_scene_that_cannot_be_shown_fails_alone() {
    let model = tiny();
    let (request, frames) = (request(4, CacheMode::On), [frame(64, 64)]);
    let scenes = [&frames[..], &[], &frames].map(|frames| SceneInput { frames, question: "What happens?" });
    let captions = family::caption(&model, &scenes, &request, &mut ());
    let alone = caption(&model, &frames, &request).unwrap();
    assert_eq!(captions.len(), 3);
    assert!(matches!(captions[1], Err(VlmError::NoFrames)));
    for shown in [0, 2] {
        assert_eq!(*captions[shown].as_ref().unwrap(), alone);
    }
}

const DOWN: &str = "language_model.model.layers.1.mlp.down_proj.weight";

#[test]
fn a_missing_tensor_is_named() {
    let error = load_error(&altered_tensors(FIXTURE, |tensors| drop(tensors.remove(DOWN))));
    assert!(
        error.contains("model.safetensors") && error.contains(DOWN) && error.contains("missing"),
        "{error}"
    );
}

#[test]
fn an_extra_tensor_is_named() {
    let extra = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let folder = altered_tensors(FIXTURE, |tensors| drop(tensors.insert("adapter.weight".to_owned(), extra)));
    let error = load_error(&folder);
    assert!(error.contains("model.safetensors") && error.contains("`adapter.weight`"), "{error}");
}

#[test]
fn a_misshapen_tensor_is_named_with_both_shapes() {
    let wide = Tensor::zeros((64, 129), DType::F32, &Device::Cpu).unwrap();
    let error = load_error(&altered_tensors(FIXTURE, |tensors| drop(tensors.insert(DOWN.to_owned(), wide))));
    for part in ["model.safetensors", DOWN, "[64, 129]", "[64, 128]"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn a_truncated_file_is_named() {
    let whole = std::fs::read(format!("{FIXTURE}/model.safetensors")).unwrap();
    let error = load_error(&altered(FIXTURE, "model.safetensors", &whole[..whole.len() / 2]));
    assert!(error.contains("model.safetensors") && error.contains("truncated"), "{error}");
}

#[test]
fn broken_companions_are_named() {
    let error = load_error(&altered(FIXTURE, "config.json", b"{\n  \"vision_config\": 3\n}"));
    assert!(error.contains("config.json") && error.contains("line 2"), "{error}");
    let error = load_error(&altered(FIXTURE, "tokenizer.json", b"{}"));
    assert!(error.contains("tokenizer.json"), "{error}");
    let error = load_error(&altered(FIXTURE, "preprocessor_config.json", b"{\"size\": 224}"));
    assert!(error.contains("preprocessor_config.json") && error.contains("size"), "{error}");
}

#[test]
fn a_tokenizer_without_the_image_token_is_an_error() {
    let other =
        std::fs::read_to_string(format!("{FIXTURE}/tokenizer.json")).unwrap().replace("<image>", "<picture>");
    let folder = altered(FIXTURE, "tokenizer.json", other.as_bytes());
    let model = testing::local(LlavaNext::load, folder.path()).unwrap();
    let error = caption(&model, &[frame(64, 64)], &request(12, CacheMode::On)).unwrap_err();
    assert!(matches!(error, VlmError::ImageToken { token: 698, found: 0, frames: 1 }), "{error}");
}
