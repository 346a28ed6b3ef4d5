//! Against transformers 4.46.3 (slow processor, eager attention, `f32`).

use std::path::Path;

use reelbench_media::load_image;
use reelbench_testkit::shared;

use super::*;
use crate::parity::{Case, check_generations, prefill};
use crate::testing;

/// Every case of a folder with a checkpoint and its references.
fn check(folder: &Path) {
    let model = testing::local(InstructBlip::load, folder).unwrap();
    let cases = Case::all_of(folder);
    cases.iter().for_each(|case| check_case(&model, case));
    check_generations(&model, &cases);
}

fn check_case(model: &InstructBlip, case: &Case) {
    let input = model.preprocess(&case.scene(), &testing::request(24, CacheMode::On)).unwrap();
    assert_eq!(input.prompt, case.reference.prompt);
    let ids = |tokens: &[u32]| tokens.iter().map(|token| i64::from(*token)).collect::<Vec<_>>();
    assert_eq!(ids(&input.tokens), case.values::<i64>("input_ids"));
    assert_eq!(ids(&input.qformer_tokens), case.values::<i64>("qformer_input_ids"));

    case.check_values("pixel_values", 1, &input.pixels);
    let InstructBlipModel { qformer, projection, .. } = &model.model;
    let seen = model.seen(&input).unwrap();
    case.check_tensor("vision_last_hidden_state", &seen, 1e-5);
    let answers = qformer.forward(&input.qformer_tokens, &seen).unwrap();
    case.check_tensor("query_output", &answers, 1e-5);
    case.check_tensor("language_projection", &projection.forward(&answers).unwrap(), 1e-5);
    let embeddings = model.model.embeddings(&answers, &input.tokens).unwrap();
    case.check_tensor("logits_last", &prefill(model, &embeddings), 1e-5);
}

fn fixture(layout: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(layout)
}

#[test]
fn the_vicuna_fixture_is_matched() {
    check(&fixture("instructblip-vicuna"));
}

#[test]
fn the_whole_kit_is_matched() {
    for layout in ["instructblip-vicuna", "instructblip-flan-t5"] {
        if let Some(folder) = shared(&format!("parity/{layout}")) {
            check(&folder);
            for case in Case::all_of(&folder) {
                let together = load_image(&Path::new(&case.name).join("image.png")).unwrap();
                assert_eq!(panorama(&case.frames).unwrap().as_raw(), together.as_raw(), "{}", case.name);
            }
        }
    }
}
