use candle_core::Device;
use reelbench_protocol::Finish;

use super::*;
use crate::testing::{self, altered, altered_tensors, caption, frame, request};

const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/instructblip-vicuna");

fn tiny() -> InstructBlip {
    testing::dummy(InstructBlip::load, presets::TINY, 1)
}

fn load_error(folder: &tempfile::TempDir) -> String {
    testing::load_error(InstructBlip::load, folder)
}

#[test]
fn a_dummy_runs_to_its_limit_and_its_cache_changes_nothing() {
    for preset in [presets::TINY, presets::T5_TINY] {
        let model = testing::dummy(InstructBlip::load, preset, 1);
        let frames = [frame(199, 112), frame(120, 112)];
        let captions = [CacheMode::On, CacheMode::Off]
            .map(|cache| caption(&model, &frames, &request(40, cache)).unwrap());
        assert_eq!(captions[0], captions[1], "{preset}");
        assert_eq!((captions[0].tokens.len(), captions[0].finish), (40, Finish::Length), "{preset}");
        // The queries, the token that begins a text, and a token for every byte of the question.
        assert_eq!(captions[0].prompt_tokens, 8 + 1 + "What happens?".len(), "{preset}");
    }
}

#[test]
fn a_caption_comes_out_of_every_storage() {
    for preset in [presets::TINY, presets::T5_TINY] {
        let weights = Weights::Dummy { preset: preset.to_owned(), seed: 1 };
        for &quantization in Quantization::ALL {
            for dtype in [Dtype::F32, Dtype::F16, Dtype::Bf16] {
                let load = LoadRequest::new(&weights, quantization, dtype, &Device::Cpu);
                let model = InstructBlip::load(&load).unwrap();
                let caption = caption(&model, &[frame(64, 64)], &request(4, CacheMode::On)).unwrap();
                assert_eq!(caption.tokens.len(), 4, "{preset} {quantization} {dtype}");
            }
        }
    }
}

#[test]
fn a_dummys_caption_depends_on_its_seed_alone() {
    let tokens = |seed| {
        let model = testing::dummy(InstructBlip::load, presets::T5_TINY, seed);
        caption(&model, &[frame(64, 64)], &request(12, CacheMode::On)).unwrap().tokens
    };
    assert_eq!(tokens(4), tokens(4));
    assert_ne!(tokens(4), tokens(5));
}

#[test]
fn every_part_is_weighed() {
    let weights = tiny().weights();
    let parts: Vec<&str> = weights.iter().map(|part| part.part.as_str()).collect();
    assert_eq!(parts, ["vision", "qformer", "projector", "language"]);
    assert!(weights.iter().all(|part| part.bytes > 0));
}

#[test]
fn the_frames_and_their_order_matter_and_the_question_does() {
    let model = tiny();
    let (a, b) = (frame(64, 64), frame(48, 64));
    let tokens = |frames: &[RgbImage], question| {
        let scene = SceneInput { frames, question };
        let answer = family::caption(&model, &[scene], &request(12, CacheMode::On), &mut ()).remove(0);
        answer.unwrap().tokens
    };
    let both = tokens(&[a.clone(), b.clone()], "What?");
    assert_ne!(both, tokens(&[b.clone(), a.clone()], "What?"));
    assert_ne!(both, tokens(std::slice::from_ref(&a), "What?"));
    assert_ne!(both, tokens(&[a, b], "Why?"));
}

#[test]
fn a_given_prompt_stands_in_place_of_the_question() {
    let model = tiny();
    let request = CaptionRequest { prompt: Some("Why?".to_owned()), ..request(4, CacheMode::On) };
    let answer = caption(&model, &[frame(64, 64)], &request).unwrap();
    assert_eq!(answer.prompt, "Why?");
    assert_eq!(answer.prompt_tokens, 8 + 1 + 4);
}

#[test]
fn too_many_positions_are_an_error_with_the_numbers() {
    for preset in [presets::TINY, presets::T5_TINY] {
        let model = testing::dummy(InstructBlip::load, preset, 1);
        let error = caption(&model, &[frame(9, 9)], &request(9000, CacheMode::On)).unwrap_err().to_string();
        for part in ["22 prompt tokens", "9000 new ones", "2048"] {
            assert!(error.contains(part), "{preset}: {error}");
        }
    }
}

#[test]
fn a_question_too_long_for_the_qformer_is_an_error_with_the_numbers() {
    let prompt = Some("?".repeat(600));
    let request = CaptionRequest { prompt, ..request(4, CacheMode::On) };
    let error = caption(&tiny(), &[frame(64, 64)], &request).unwrap_err();
    assert!(matches!(error, VlmError::LongQuestion { tokens: 601, limit: 512 }), "{error}");
}

#[test]
fn frames_that_cannot_be_shown_are_errors_and_the_smallest_can() {
    let model = tiny();
    let request = request(4, CacheMode::On);
    let fails = |frames: &[RgbImage]| caption(&model, frames, &request).unwrap_err();
    assert!(matches!(fails(&[]), VlmError::NoFrames));
    assert!(matches!(fails(&[frame(8, 8), RgbImage::new(0, 8)]), VlmError::EmptyFrame { frame: 1 }));
    let uneven = fails(&[frame(8, 8), frame(8, 9)]);
    assert!(matches!(uneven, VlmError::FrameHeight { frame: 1, height: 9, first: 8 }), "{uneven}");
    assert_eq!(caption(&model, &[frame(1, 1)], &request).unwrap().tokens.len(), 4);
}

const DOWN: &str = "language_model.model.layers.1.mlp.down_proj.weight";

#[test]
fn tensors_that_do_not_fit_are_named() {
    let error = load_error(&altered_tensors(FIXTURE, |tensors| drop(tensors.remove(DOWN))));
    assert!(error.contains(DOWN) && error.contains("missing"), "{error}");
    let extra = Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap();
    let error = load_error(&altered_tensors(FIXTURE, |tensors| {
        tensors.insert("vision_model.encoder.layers.1.self_attn.q_bias".to_owned(), extra);
    }));
    assert!(error.contains("`vision_model.encoder.layers.1.self_attn.q_bias`"), "{error}");
    let narrow = Tensor::zeros((1, 31, 48), DType::F32, &Device::Cpu).unwrap();
    let error = load_error(&altered_tensors(FIXTURE, |tensors| {
        tensors.insert("query_tokens".to_owned(), narrow);
    }));
    for part in ["model.safetensors", "query_tokens", "[1, 31, 48]", "[1, 32, 48]"] {
        assert!(error.contains(part), "{part}: {error}");
    }
}

#[test]
fn broken_companions_are_named() {
    let error = load_error(&altered(FIXTURE, "config.json", b"{\n  \"vision_config\": 3\n}"));
    assert!(error.contains("config.json") && error.contains("line 2"), "{error}");
    let error = load_error(&altered(FIXTURE, "preprocessor_config.json", b"{\"size\": 224}"));
    assert!(error.contains("preprocessor_config.json") && error.contains("size"), "{error}");
    let error = load_error(&altered(FIXTURE, "qformer_tokenizer/tokenizer.json", b"{}"));
    assert!(error.contains("qformer_tokenizer/tokenizer.json"), "{error}");
    let error = load_error(&altered(FIXTURE, "tokenizer.json", b"{}"));
    assert!(error.contains("tokenizer.json"), "{error}");
}

#[test]
fn a_checkpoint_without_the_qformers_tokenizer_is_an_error() {
    let config = std::fs::read(format!("{FIXTURE}/config.json")).unwrap();
    let folder = altered(FIXTURE, "config.json", &config);
    std::fs::remove_dir_all(folder.path().join("qformer_tokenizer")).unwrap();
    let error = load_error(&folder);
    assert!(error.contains("qformer_tokenizer/tokenizer.json"), "{error}");
}

#[test]
fn another_familys_checkpoint_is_an_error_that_names_it() {
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llava-next-mistral/config.json");
    let error = load_error(&altered(FIXTURE, "config.json", &std::fs::read(other).unwrap()));
    assert!(error.contains("config.json") && error.contains("`llava_next` is another family"), "{error}");
}

#[test]
fn tokenizers_of_another_model_are_errors() {
    let text = std::fs::read(format!("{FIXTURE}/qformer_tokenizer/tokenizer.json")).unwrap();
    let mut tokenizer: serde_json::Value = serde_json::from_slice(&text).unwrap();
    tokenizer["post_processor"]["sep"][1] = 400.into();
    let folder = altered(FIXTURE, "qformer_tokenizer/tokenizer.json", tokenizer.to_string().as_bytes());
    let model = testing::local(InstructBlip::load, folder.path()).unwrap();
    let error = caption(&model, &[frame(64, 64)], &request(4, CacheMode::On)).unwrap_err().to_string();
    assert!(error.contains("token 400 is not among the model's 400"), "{error}");
}
