//! Against transformers 4.46.3 (slow processor, eager attention, `f32`).

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use reelbench_media::load_image;
use reelbench_nn::{CacheMode, Decoder};
use reelbench_protocol::EarlyStopping;
use reelbench_testkit::shared;
use serde_json::Value;

use super::*;

/// The fixtures keep every 331st value of the pixels.
const PIXEL_STRIDE: usize = 331;

#[derive(Deserialize)]
struct Reference {
    prompt: String,
    question: String,
    frames: usize,
    image_feature_lengths: Vec<usize>,
    prompt_tokens: usize,
    generations: BTreeMap<String, Expected>,
}

#[derive(Deserialize)]
struct Expected {
    settings: Settings,
    cache_on: Vec<u32>,
    cache_off: Vec<u32>,
    text: String,
}

#[derive(Deserialize)]
struct Settings {
    num_beams: usize,
    max_new_tokens: usize,
    min_new_tokens: Option<usize>,
    length_penalty: Option<f64>,
    repetition_penalty: Option<f32>,
    early_stopping: Option<Value>,
}

impl Settings {
    fn generation(&self) -> Generation {
        let defaults = Generation::default();
        Generation {
            num_beams: self.num_beams,
            max_new_tokens: self.max_new_tokens,
            min_new_tokens: self.min_new_tokens.unwrap_or(0),
            length_penalty: self.length_penalty.unwrap_or(defaults.length_penalty),
            repetition_penalty: self.repetition_penalty.unwrap_or(defaults.repetition_penalty),
            early_stopping: match &self.early_stopping {
                Some(Value::Bool(true)) => EarlyStopping::True,
                Some(Value::String(_)) => EarlyStopping::Never,
                _ => EarlyStopping::False,
            },
            eos: Vec::new(),
        }
    }
}

/// Every case of a folder with a checkpoint and its references.
fn check(folder: &Path) {
    let weights = Weights::Local { path: folder.to_owned(), name: folder.display().to_string() };
    let model = LlavaNext::load(&weights, DType::F32, &Device::Cpu).unwrap();
    let mut cases: Vec<PathBuf> =
        fs::read_dir(folder.join("reference")).unwrap().map(|case| case.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), 3);
    for case in cases {
        check_case(&model, &case);
    }
}

fn check_case(model: &LlavaNext, case: &Path) {
    let reference: Reference =
        serde_json::from_slice(&fs::read(case.join("reference.json")).unwrap()).unwrap();
    let tensors = candle_core::safetensors::load(case.join("reference.safetensors"), &Device::Cpu).unwrap();
    let frames: Vec<RgbImage> =
        (0..reference.frames).map(|n| load_image(&case.join(format!("frame_{n}.png"))).unwrap()).collect();
    let mut request = CaptionRequest {
        question: reference.question.clone(),
        prompt: None,
        generation: Generation { max_new_tokens: 24, ..Generation::default() },
        cache: CacheMode::On,
    };
    let input = model.preprocess(&frames, &request).unwrap();
    assert_eq!(input.prompt, reference.prompt);
    assert_eq!(input.tokens.len(), reference.prompt_tokens);
    let ids: Vec<i64> = input.tokens.iter().map(|token| i64::from(*token)).collect();
    assert_eq!(ids, tensors["input_ids"].flatten_all().unwrap().to_vec1::<i64>().unwrap());
    let lengths: Vec<usize> = input.packings.iter().map(Packing::length).collect();
    assert_eq!(lengths, reference.image_feature_lengths);

    let pixels = pixel_difference(&input, &tensors);
    let features = model.features(&input).unwrap();
    let logits = {
        let embeddings = model.model.splice(&input.tokens, model.config.image_token, &features).unwrap();
        let mut session = TextSession::new(model.model.text());
        session.prefill(&embeddings, CacheMode::On).unwrap()
    };
    let features = relative_difference(&features, &tensors["image_features"]);
    let logits = relative_difference(&logits, &tensors["logits_last"]);
    println!("{}: pixels {pixels:.1e}, features {features:.1e}, logits {logits:.1e}", case.display());
    assert!(pixels <= 1e-5, "pixels differ by {pixels}");
    // Measured: 1.1e-6 of the features and 5.6e-7 of the logits at most.
    assert!(features <= 1e-5, "features differ by {features}");
    assert!(logits <= 1e-5, "logits differ by {logits}");

    for (name, expected) in &reference.generations {
        request.generation = expected.settings.generation();
        for (cache, tokens) in [(CacheMode::On, &expected.cache_on), (CacheMode::Off, &expected.cache_off)] {
            request.cache = cache;
            let caption = model.caption(&frames, &request, &mut ()).unwrap();
            assert_eq!(caption.tokens, *tokens, "{} {name} {cache:?}", case.display());
            assert_eq!(caption.text, expected.text, "{} {name} {cache:?}", case.display());
            let ended = tokens.last().is_some_and(|token| model.eos.contains(token));
            assert_eq!(caption.finish == reelbench_protocol::Finish::Eos, ended);
        }
    }
}

/// The largest difference of the tiles' values.
fn pixel_difference(input: &Input, tensors: &HashMap<String, Tensor>) -> f32 {
    // Every picture of the references has five tiles, so that theirs are without padding.
    let found: Vec<f32> = input.tiles.iter().flat_map(|tiles| tiles.pixels.iter().copied()).collect();
    let (expected, stride) = match (tensors.get("pixel_values"), tensors.get("pixel_samples")) {
        (Some(all), _) => (all, 1),
        (None, Some(samples)) => (samples, PIXEL_STRIDE),
        (None, None) => panic!("the reference has no pixels"),
    };
    let expected: Vec<f32> = expected.flatten_all().unwrap().to_vec1().unwrap();
    assert_eq!(expected.len(), found.len().div_ceil(stride));
    let found = found.iter().step_by(stride);
    expected.iter().zip(found).map(|(expected, found)| (expected - found).abs()).fold(0.0, f32::max)
}

/// The largest difference, divided by the largest value.
fn relative_difference(found: &Tensor, expected: &Tensor) -> f32 {
    let largest = |tensor: Tensor| {
        tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
    };
    let found = found.reshape(expected.dims()).unwrap();
    largest((&found - expected).unwrap()) / largest(expected.clone())
}

#[test]
fn the_mistral_fixture_is_matched() {
    check(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/llava-next-mistral")));
}

#[test]
fn the_whole_kit_is_matched() {
    for layout in ["llava-next-mistral", "llava-next-vicuna"] {
        if let Some(folder) = shared(&format!("parity/{layout}")) {
            check(&folder);
        }
    }
}
