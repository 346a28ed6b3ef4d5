use candle_core::Device;
use reelbench_media::RgbImage;
use reelbench_protocol::Finish;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::Captioner;
use crate::llava_next::LlavaNext;
use crate::testing::{self, altered, altered_tensors, caption, frame, request};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/phi-3.5-vision");
const LLAVA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llava-next-mistral");

fn tiny() -> Phi3V {
    testing::dummy(Phi3V::load, presets::TINY, 1)
}

fn load_error(folder: &TempDir) -> String {
    testing::load_error(Phi3V::load, folder)
}

/// The fixture with another value of a key in its `config.json`.
fn configured(key: &str, value: &Value) -> TempDir {
    let text = std::fs::read(format!("{FIXTURE}/config.json")).unwrap();
    let mut config: Value = serde_json::from_slice(&text).unwrap();
    config[key] = value.clone();
    altered(FIXTURE, "config.json", config.to_string().as_bytes())
}

#[test]
fn a_dummy_runs_to_its_limit_and_its_cache_changes_nothing() {
    let model = tiny();
    let frames = [frame(199, 112), frame(120, 200), frame(1, 1)];
    let captions =
        [CacheMode::On, CacheMode::Off].map(|cache| caption(&model, &frames, &request(12, cache)).unwrap());
    assert_eq!(captions[0], captions[1]);
    assert_eq!((captions[0].tokens.len(), captions[0].finish), (12, Finish::Length));
    assert!(captions[0].prompt_tokens > 3 * 93);
}

#[test]
fn the_crops_in_force_are_the_requests_or_four() {
    let weights = Weights::Dummy { preset: presets::TINY.to_owned(), seed: 0 };
    let captioner =
        Captioner::load(Family::Phi3V, &weights, Quantization::None, Dtype::F32, &Device::Cpu).unwrap();
    let model = tiny();
    let positions = [(None, 4), (Some(4), 4), (Some(1), 1)].map(|(num_crops, in_force)| {
        let request = CaptionRequest { num_crops, ..request(1, CacheMode::On) };
        assert_eq!(captioner.effective(&request)["num_crops"], in_force);
        caption(&model, &[frame(100, 100)], &request).unwrap().prompt_tokens
    });
    assert_eq!(positions[0], positions[1]);
    // 16 features a crop, 4 lines a crop's height.
    assert_eq!(positions[0] - positions[2], 3 * 16 + 4);
    let request = CaptionRequest { num_crops: Some(65), ..request(1, CacheMode::On) };
    let error = caption(&model, &[frame(100, 100)], &request).unwrap_err();
    assert!(matches!(error, VlmError::NumCrops(65)), "{error}");
}

#[test]
fn frames_that_cannot_be_shown_are_errors() {
    let model = tiny();
    let mut request = request(12, CacheMode::On);
    let fails = |frames: &[RgbImage], request: &CaptionRequest| caption(&model, frames, request).unwrap_err();
    assert!(matches!(fails(&[], &request), VlmError::NoFrames));
    assert!(matches!(fails(&[RgbImage::new(0, 8)], &request), VlmError::EmptyFrame { frame: 0 }));
    let error = fails(&[frame(8, 8), frame(1, 4000)], &request);
    assert!(matches!(error, VlmError::NarrowFrame { frame: 1, width: 1, height: 4000 }), "{error}");
    request.prompt = Some("<|user|>\n<|image_2|>\nSo?<|end|>\n<|assistant|>\n".to_owned());
    let error = fails(&[frame(8, 8)], &request).to_string();
    assert!(error.contains("shows <|image_2|>; 1 frames"), "{error}");
}

#[test]
fn too_many_positions_are_errors_with_the_numbers() {
    let model = tiny();
    let error = caption(&model, &[frame(9, 9)], &request(140_000, CacheMode::On)).unwrap_err().to_string();
    assert!(error.contains("140000 new ones") && error.contains("131072"), "{error}");
    let model = testing::local(Phi3V::load, configured("sliding_window", &json!(780)).path()).unwrap();
    let error = caption(&model, &[frame(9, 9)], &request(40, CacheMode::On)).unwrap_err();
    assert!(matches!(error, VlmError::SlidingWindow { window: 780, .. }), "{error}");
}

/// The logits after a prompt and after each of three more tokens.
fn logits(model: &Phi3V, input: &Input, cache: CacheMode) -> Vec<Vec<f32>> {
    let mut decoder = model.decoder(cache);
    let prefilled = decoder.prefill(&model.embeddings(input).unwrap()).unwrap();
    let stepped = [5, 6, 7].map(|token| decoder.step(&[token]).unwrap());
    let all = std::iter::once(prefilled).chain(stepped);
    all.map(|logits| logits.flatten_all().unwrap().to_vec1().unwrap()).collect()
}

/// Whether a context with the cache on has the logits of one with the cache off, position by position.
fn cache_changes_nothing(original: usize) -> Vec<bool> {
    let folder = configured("original_max_position_embeddings", &json!(original));
    let model = testing::local(Phi3V::load, folder.path()).unwrap();
    let input = shown(&model);
    let (on, off) = (logits(&model, &input, CacheMode::On), logits(&model, &input, CacheMode::Off));
    let same = |(on, off): (&Vec<f32>, &Vec<f32>)| {
        let largest = off.iter().copied().map(f32::abs).fold(0.0, f32::max);
        on.iter().zip(off).all(|(on, off)| (on - off).abs() < 1e-4 * largest)
    };
    on.iter().zip(&off).map(same).collect()
}

fn shown(model: &Phi3V) -> Input {
    let frames = [frame(64, 48)];
    let scene = SceneInput { frames: &frames, question: "What happens?" };
    model.preprocess(&scene, &request(4, CacheMode::On)).unwrap()
}

#[test]
fn a_context_that_grows_long_keeps_its_cached_keys_and_one_that_is_long_turns_as_a_whole() {
    let model = testing::local(Phi3V::load, FIXTURE.as_ref()).unwrap();
    let prompt = model.positions(&shown(&model));
    assert_eq!(cache_changes_nothing(prompt + 3), [true, true, true, true], "never long");
    assert_eq!(cache_changes_nothing(prompt + 1), [true, true, false, false], "long from the second on");
    assert_eq!(cache_changes_nothing(prompt - 1), [true, true, true, true], "long from its prompt on");
}

const JOINED: &str = "model.layers.1.self_attn.qkv_proj.weight";

#[test]
fn tensors_that_are_not_the_models_are_named() {
    let missing = load_error(&altered_tensors(FIXTURE, |tensors| drop(tensors.remove(JOINED))));
    assert!(missing.contains("model.safetensors") && missing.contains(JOINED), "{missing}");
    let narrow = Tensor::zeros((64, 64), DType::F32, &Device::Cpu).unwrap();
    let misshapen =
        load_error(&altered_tensors(FIXTURE, |tensors| drop(tensors.insert(JOINED.to_owned(), narrow))));
    for part in [JOINED, "[64, 64]", "[192, 64]"] {
        assert!(misshapen.contains(part), "{part}: {misshapen}");
    }
    let extra = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let extra =
        load_error(&altered_tensors(FIXTURE, |tensors| drop(tensors.insert("lora".to_owned(), extra))));
    assert!(extra.contains("`lora`"), "{extra}");
}

#[test]
fn another_familys_checkpoint_is_told_by_its_name() {
    let own = std::fs::read(format!("{LLAVA}/config.json")).unwrap();
    let error = load_error(&altered(LLAVA, "config.json", &own));
    assert!(error.contains("config.json") && error.contains("`llava_next` is another family"), "{error}");
    let own = std::fs::read(format!("{FIXTURE}/config.json")).unwrap();
    let error = testing::load_error(LlavaNext::load, &altered(FIXTURE, "config.json", &own));
    assert!(error.contains("`phi3_v` is another family"), "{error}");
}

#[test]
fn broken_companions_are_named() {
    let error = load_error(&altered(FIXTURE, "config.json", b"{\n  \"model_type\": 3\n}"));
    assert!(error.contains("config.json") && error.contains("line 2"), "{error}");
    let error = load_error(&configured("model_type", &Value::Null));
    assert!(error.contains("model_type"), "{error}");
    let error = load_error(&altered(FIXTURE, "preprocessor_config.json", b"{\"num_crops\": 0}"));
    assert!(error.contains("preprocessor_config.json") && error.contains("num_crops"), "{error}");
    let other = std::fs::read_to_string(format!("{FIXTURE}/tokenizer.json")).unwrap();
    let other = other.replace("<|end|>", "<|stop|>");
    let error = load_error(&altered(FIXTURE, "tokenizer.json", other.as_bytes()));
    assert!(error.contains("tokenizer.json") && error.contains("`<|end|>`"), "{error}");
}
