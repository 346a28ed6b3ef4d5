//! Against transformers 4.46.3 (slow processor, eager attention, `f32`).

use std::path::{Path, PathBuf};

use candle_core::Device;
use reelbench_media::load_image;
use reelbench_nn::{Generation, generate};
use reelbench_testkit::shared;

use super::config::RawConfig;
use super::language::{Language, LanguageConfig};
use super::*;
use crate::parity::{Case, check_generations, prefill};
use crate::precision::Precisions;
use crate::t5::{Gelu, T5Config};
use crate::testing;

/// Every case of a folder with a checkpoint and its references.
fn check(folder: &Path) {
    let model = testing::local(InstructBlip::load, folder).unwrap();
    let cases = Case::all_of(folder);
    for case in &cases {
        check_case(&model, case);
    }
    check_generations(&model, &cases);
}

fn check_case(model: &InstructBlip, case: &Case) {
    let input = model.preprocess(&case.scene(), &testing::request(24, CacheMode::On)).unwrap();
    assert_eq!(input.prompt, case.reference.prompt);
    assert_eq!(ids(&input.tokens), case.values::<i64>("input_ids"));
    assert_eq!(ids(&input.qformer_tokens), case.values::<i64>("qformer_input_ids"));

    case.check_values("pixel_values", 1, &input.pixels);
    let InstructBlipModel { qformer, projection, .. } = &model.model;
    let seen = model.seen(&input).unwrap();
    // Measured: 1.2e-6 of the vision tower, 8.3e-7 of the Q-Former, 1.7e-6 of the logits at most.
    case.check_tensor("vision_last_hidden_state", &seen, 1e-5);
    let answers = qformer.forward(&input.qformer_tokens, &seen).unwrap();
    case.check_tensor("query_output", &answers, 1e-5);
    case.check_tensor("language_projection", &projection.forward(&answers).unwrap(), 1e-5);
    let embeddings = model.model.embeddings(&answers, &input.tokens).unwrap();
    case.check_tensor("logits_last", &prefill(model, &embeddings), 1e-5);
}

/// A language model that is told what the reference's Q-Former found, for a checkpoint without the rest.
struct Told<'a> {
    language: Language,
    config: LanguageConfig,
    tokenizer: Tokenizer,
    cases: &'a [Case],
}

impl<'a> Told<'a> {
    fn load(checkpoint: &Checkpoint, config: LanguageConfig, cases: &'a [Case]) -> Self {
        let tensors = checkpoint.var_builder(DType::F32, &Device::Cpu).pp("language_model");
        let precisions = Precisions::new(Quantization::None, DType::F32);
        let language = Language::load(&config, &tensors, precisions).unwrap();
        checkpoint.finish(&[]).unwrap();
        Self { language, config, tokenizer: checkpoint.tokenizer().unwrap(), cases }
    }

    fn embeddings(&self, case: &Case) -> Tensor {
        let tokens = tokens(&self.tokenizer, case.scene().question).unwrap();
        assert_eq!(ids(&tokens), case.values::<i64>("input_ids"));
        let answers = case.tensor("language_projection").unwrap();
        Tensor::cat(&[answers, &self.language.embed(&tokens).unwrap().unsqueeze(0).unwrap()], 1).unwrap()
    }
}

impl FamilyModel for Told<'_> {
    fn prepare(
        &self,
        scene: &SceneInput<'_>,
        _: &CaptionRequest,
        _: &mut SceneTimer<'_>,
    ) -> Result<Prepared, VlmError> {
        // The cases differ in how many frames they have.
        let case = self.cases.iter().find(|case| case.frames.len() == scene.frames.len()).unwrap();
        let embeddings = self.embeddings(case);
        let positions = embeddings.dim(1)?;
        let prompt = Prompt { embeddings, tokens: self.config.begun() };
        Ok(Prepared { text: scene.question.to_owned(), positions, prompt })
    }

    fn decoder(&self, cache: CacheMode) -> Box<dyn Decoder + '_> {
        self.language.decoder(cache)
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    fn eos(&self) -> &[u32] {
        self.config.eos()
    }

    fn weights(&self) -> Vec<WeightsPart> {
        vec![WeightsPart::new("language", self.language.weights_bytes())]
    }
}

/// Tokens as the references hold them.
fn ids(tokens: &[u32]) -> Vec<i64> {
    tokens.iter().map(|token| i64::from(*token)).collect()
}

fn fixture(layout: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(layout)
}

#[test]
fn the_vicuna_fixture_is_matched() {
    check(&fixture("instructblip-vicuna"));
}

/// The fixture holds the language model alone: the rest is of the same form as beside Vicuna.
#[test]
fn the_flan_t5_fixture_is_matched() {
    let folder = fixture("instructblip-flan-t5");
    let cases = Case::all_of(&folder);
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let model = Told::load(&checkpoint, language(&checkpoint), &cases);
    for case in &cases {
        case.check_tensor("logits_last", &prefill(&model, &model.embeddings(case)), 1e-5);
    }
    check_generations(&model, &cases);
}

/// What the kit's short texts do not reach: positions beyond the farthest bucket, in the encoder and
/// in the decoder, and gates with the exact GELU, as in the published checkpoint.
#[test]
fn long_texts_through_exact_gates_are_matched() {
    let folder = fixture("instructblip-flan-t5");
    let checkpoint = Checkpoint::open(&folder).unwrap();
    let LanguageConfig::T5(config) = language(&checkpoint) else { panic!("T5 is expected") };
    let model = Told::load(&checkpoint, LanguageConfig::T5(T5Config { gelu: Gelu::Exact, ..config }), &[]);
    let expected = candle_core::safetensors::load(folder.join("long.safetensors"), &Device::Cpu).unwrap();
    let tokens: Vec<i64> = expected["tokens"].to_vec1().unwrap();
    let values = (0..300).flat_map(|i| (0..64).map(move |j| ((i * 37 + j * 11) % 101 - 50) as f32 / 25.0));
    let prompt = Tensor::from_vec(values.collect::<Vec<f32>>(), (1, 300, 64), &Device::Cpu).unwrap();
    for cache in [CacheMode::On, CacheMode::Off] {
        let mut decoder = model.decoder(cache);
        let close = |name: &str, found: &Tensor| {
            let scale = expected[name].abs().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap();
            let difference = (found.squeeze(0).unwrap() - &expected[name]).unwrap().abs().unwrap();
            let largest = difference.max(0).unwrap().to_scalar::<f32>().unwrap() / scale;
            // Measured: 1.1e-6 at most.
            assert!(largest < 1e-5, "{cache:?} {name}: {largest}");
        };
        let mut logits = decoder.prefill(&prompt).unwrap();
        close("logits_first", &logits);
        for token in &tokens[..tokens.len() - 1] {
            logits = decoder.step(&[*token as u32]).unwrap();
        }
        close("logits_last", &logits);

        let generation = Generation {
            max_new_tokens: tokens.len(),
            min_new_tokens: tokens.len(),
            eos: model.eos().to_vec(),
            ..Generation::default()
        };
        let prompts = [Prompt { embeddings: prompt.clone(), tokens: model.config.begun() }];
        let found = generate(&mut *model.decoder(cache), &prompts, &generation, &mut ()).unwrap();
        assert_eq!(ids(&found[0].tokens), tokens, "{cache:?}");
    }
}

fn language(checkpoint: &Checkpoint) -> LanguageConfig {
    let config: RawConfig = checkpoint.config().unwrap();
    config.resolve().unwrap().language
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
