//! What the families' parity tests share: the reference kit's cases, and the captions expected of them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use reelbench_media::{RgbImage, load_image};
use reelbench_nn::{CacheMode, Generation};
use reelbench_protocol::{EarlyStopping, Finish};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::family::{self, FamilyModel};
use crate::{CaptionRequest, SceneInput, testing};

/// What every case asks, unless it says otherwise.
const QUESTION: &str = "Describe what happens in this scene.";

/// One folder of references.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) frames: Vec<RgbImage>,
    pub(crate) reference: Reference,
    tensors: HashMap<String, Tensor>,
}

/// `reference.json`.
#[derive(Deserialize)]
pub(crate) struct Reference {
    pub(crate) prompt: String,
    question: Option<String>,
    frames: usize,
    generations: BTreeMap<String, Expected>,
    /// What one family alone tells.
    #[serde(flatten)]
    own: HashMap<String, Value>,
}

#[derive(Deserialize)]
struct Expected {
    settings: Settings,
    cache_on: Vec<u32>,
    cache_off: Vec<u32>,
    text: String,
}

#[derive(Clone, PartialEq, Deserialize)]
struct Settings {
    num_beams: usize,
    max_new_tokens: usize,
    min_new_tokens: Option<usize>,
    length_penalty: Option<f64>,
    repetition_penalty: Option<f64>,
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
            ..defaults
        }
    }
}

impl Case {
    /// Every case of a folder with a checkpoint and its references.
    pub(crate) fn all_of(folder: &Path) -> Vec<Self> {
        let reference = folder.join("reference");
        let mut cases: Vec<PathBuf> =
            fs::read_dir(reference).unwrap().map(|case| case.unwrap().path()).collect();
        cases.sort();
        assert!(cases.len() > 1, "{}", folder.display());
        cases.iter().map(|case| Self::read(case)).collect()
    }

    fn read(folder: &Path) -> Self {
        let reference: Reference =
            serde_json::from_slice(&fs::read(folder.join("reference.json")).unwrap()).unwrap();
        let frame = |n| load_image(&folder.join(format!("frame_{n}.png"))).unwrap();
        Self {
            name: folder.display().to_string(),
            frames: (0..reference.frames).map(frame).collect(),
            reference,
            tensors: candle_core::safetensors::load(folder.join("reference.safetensors"), &Device::Cpu)
                .unwrap(),
        }
    }

    pub(crate) fn scene(&self) -> SceneInput<'_> {
        let question = self.reference.question.as_deref().unwrap_or(QUESTION);
        SceneInput { frames: &self.frames, question }
    }

    /// The tensor of that name, if there is one.
    pub(crate) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// All values of a tensor.
    pub(crate) fn values<T: candle_core::WithDType>(&self, name: &str) -> Vec<T> {
        self.tensors[name].flatten_all().unwrap().to_vec1().unwrap()
    }

    /// What `reference.json` tells under that name.
    pub(crate) fn told<T: DeserializeOwned>(&self, name: &str) -> T {
        serde_json::from_value(self.reference.own[name].clone()).unwrap()
    }

    /// How far a tensor is from the reference's, which it is told and may not be further away from
    /// than `most`: the largest difference, divided by the largest value.
    pub(crate) fn check_tensor(&self, name: &str, found: &Tensor, most: f32) {
        let expected = &self.tensors[name];
        let largest = |tensor: &Tensor| {
            tensor.abs().unwrap().flatten_all().unwrap().max(0).unwrap().to_scalar::<f32>().unwrap()
        };
        assert_eq!(found.elem_count(), expected.elem_count(), "{}: {name}", self.name);
        let found = found.to_dtype(DType::F32).unwrap().reshape(expected.dims()).unwrap();
        let difference = largest(&(found - expected).unwrap()) / largest(expected);
        println!("{}: {name} differ by {difference:.1e}", self.name);
        assert!(difference <= most, "{}: {name} differ by {difference}", self.name);
    }

    /// How far values are from every `stride`-th of the reference's, which may not be more than 1e-5.
    pub(crate) fn check_values(&self, name: &str, stride: usize, found: &[f32]) {
        let expected: Vec<f32> = self.values(name);
        assert_eq!(expected.len(), found.len().div_ceil(stride), "{}: {name}", self.name);
        let pairs = expected.iter().zip(found.iter().step_by(stride));
        let difference = pairs.map(|(expected, found)| (expected - found).abs()).fold(0.0, f32::max);
        println!("{}: {name} differ by {difference:.1e}", self.name);
        assert!(difference <= 1e-5, "{}: {name} differ by {difference}", self.name);
    }
}

/// The logits after a prompt whose embeddings have shape (1, positions, hidden).
pub(crate) fn prefill(model: &dyn FamilyModel, embeddings: &Tensor) -> Tensor {
    model.decoder(CacheMode::On).prefill(embeddings).unwrap()
}

/// Every generation of every case, with the cache on and off, alone and together with the other
/// cases: always the reference's tokens.
pub(crate) fn check_generations(model: &dyn FamilyModel, cases: &[Case]) {
    for name in cases[0].reference.generations.keys() {
        let expected: Vec<&Expected> = cases.iter().map(|case| &case.reference.generations[name]).collect();
        assert!(expected.iter().all(|other| other.settings == expected[0].settings), "{name}");
        for cache in [CacheMode::On, CacheMode::Off] {
            let generation = expected[0].settings.generation();
            let request = CaptionRequest { generation, ..testing::request(1, cache) };
            let scenes: Vec<SceneInput<'_>> = cases.iter().map(Case::scene).collect();
            for together in [scenes.len(), 1] {
                let batches = scenes.chunks(together);
                let captions = batches.flat_map(|batch| family::caption(model, batch, &request, &mut ()));
                for ((case, expected), caption) in cases.iter().zip(&expected).zip(captions) {
                    let place = format!("{} {name} {cache:?}, {together} together", case.name);
                    let caption = caption.expect(&place);
                    let tokens = match cache {
                        CacheMode::On => &expected.cache_on,
                        CacheMode::Off => &expected.cache_off,
                    };
                    assert_eq!(caption.tokens, *tokens, "{place}");
                    assert_eq!(caption.text, expected.text, "{place}");
                    let ended = tokens.last().is_some_and(|token| model.eos().contains(token));
                    assert_eq!(caption.finish == Finish::Eos, ended, "{place}");
                }
            }
        }
    }
}
