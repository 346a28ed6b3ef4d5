//! Against transformers 4.46.3 (slow processor, eager attention, `f32`).

use std::path::Path;

use reelbench_testkit::shared;

use super::*;
use crate::parity::{Case, check_generations, prefill};
use crate::testing;

/// The fixtures keep every 331st value of the pixels.
const PIXEL_STRIDE: usize = 331;

/// Every case of a folder with a checkpoint and its references.
fn check(folder: &Path) {
    let model = testing::local(LlavaNext::load, folder).unwrap();
    let cases = Case::all_of(folder);
    for case in &cases {
        check_case(&model, case);
    }
    check_generations(&model, &cases);
}

fn check_case(model: &LlavaNext, case: &Case) {
    let input = model.preprocess(&case.scene(), &testing::request(24, CacheMode::On)).unwrap();
    assert_eq!(input.prompt, case.reference.prompt);
    assert_eq!(input.tokens.len(), case.told::<usize>("prompt_tokens"));
    let ids: Vec<i64> = input.tokens.iter().map(|token| i64::from(*token)).collect();
    assert_eq!(ids, case.values::<i64>("input_ids"));
    let lengths: Vec<usize> = input.packings.iter().map(Packing::length).collect();
    assert_eq!(lengths, case.told::<Vec<usize>>("image_feature_lengths"));

    // Every picture of the references has five tiles, so that theirs are without padding.
    let pixels: Vec<f32> = input.tiles.iter().flat_map(|tiles| tiles.pixels.iter().copied()).collect();
    match case.tensor("pixel_values") {
        Some(_) => case.check_values("pixel_values", 1, &pixels),
        None => case.check_values("pixel_samples", PIXEL_STRIDE, &pixels),
    }
    let features = model.features(&input).unwrap();
    // Measured: 1.1e-6 of the features and 5.6e-7 of the logits at most.
    case.check_tensor("image_features", &features, 1e-5);
    let embeddings = model.model.splice(&input.tokens, model.config.image_token, &features).unwrap();
    case.check_tensor("logits_last", &prefill(model, &embeddings), 1e-5);
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
