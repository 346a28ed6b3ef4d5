//! The keys of matrix.yaml.

use reelbench_protocol::{Dtype, Family, Metric};

use crate::knob::{BaseStage, DURATION, Knob, NUM_BEAMS, QUANTIZATION, WEIGHTS, entry_keys, keys_of};
use crate::run::{HowMany, Order};
use crate::shape::{Key, Keys, Shape};

/// The version of matrix.yaml that is read.
pub(crate) const VERSION: u64 = 1;
/// What is asked about a scene when a model says nothing else.
pub const DEFAULT_QUESTION: &str = "Describe what happens in this scene.";
/// Crops of phi3-v where nothing else is said, as its processor has it.
pub(crate) const DEFAULT_NUM_CROPS: u32 = 4;

/// Of one cell.
const MOST_REPEATS: u64 = 100_000;
const ID: Shape = Shape::pattern("^[A-Za-z0-9._-]{1,100}$");
const NAME: Shape = Shape::pattern("^[a-z0-9-]{1,100}$");
const PERCENTAGE: Shape = Shape::Text { pattern: Some(r"^\d+(\.\d+)?%$"), such_as: Some("5%") };

const MEMORY_LIMIT: Shape =
    Shape::Text { pattern: Some(r"^(auto|none|\d+(\.\d+)? ?([TGMK]iB|[TGM]B|kB))$"), such_as: Some("8GB") };

const USE_CACHE: Shape = Shape::Flag;
const DTYPE: Shape = Shape::word::<Dtype>();
const FRAMES_PER_SCENE: Shape = Shape::up_to(64);
const FRAME_SIZE: Shape = Shape::Count { least: 0, most: 8192 };
const MAX_NEW_TOKENS: Shape = Shape::up_to(32_768);
const MIN_NEW_TOKENS: Shape = Shape::Count { least: 0, most: 32_768 };
const NUM_CROPS: Shape = Shape::up_to(64);
const BATCH_SCENES: Shape = Shape::up_to(1024);
const LENGTH_PENALTY: Shape = Shape::Number { least: -100.0, most: 100.0 };
const EARLY_STOPPING: Shape = Shape::FlagOr("never");
/// 0 would divide by nothing.
const REPETITION_PENALTY: Shape = Shape::Number { least: 0.01, most: 100.0 };
const TEMPERATURE: Shape = Shape::Number { least: 0.0, most: 100.0 };
const TOP_P: Shape = Shape::Number { least: 0.0, most: 1.0 };

/// A matrix.
pub(crate) const MATRIX: Keys = Keys::new(&[
    Key::required("version", Shape::Count { least: VERSION, most: VERSION }, "Version of this format."),
    Key::required("name", NAME, "Name of the matrix: lower-case letters, digits and `-`."),
    Key::required("videos", Shape::List { of: &Shape::Map(&VIDEO), least: 1 }, "The films."),
    Key::optional("stage1", Shape::Map(&STAGE1), "Base stages; a stage that is left out is skipped."),
    Key::optional("models", Shape::List { of: &Shape::Map(&MODEL), least: 1 }, "The captioners."),
    Key::optional("settings", Shape::Map(&SETTINGS), "Settings of every model."),
    Key::optional(
        "exclude",
        Shape::List { of: &Shape::Map(&COMBINATION), least: 0 },
        "Leaves out every cell that has all the values of an entry.",
    ),
    Key::optional(
        "include",
        Shape::List { of: &Shape::Map(&COMBINATION), least: 0 },
        "Adds cells after `exclude`. Left out, `video` and `model` mean every one, and any other key its first value.",
    ),
    Key::optional("run", Shape::Map(&RUN), "How the cells are run."),
    Key::optional("gate", Shape::Map(&GATE), "How a difference is judged."),
]);

/// An element of `videos`.
pub(crate) const VIDEO: Keys = Keys::new(&[
    Key::optional("id", ID, "Name of the film; needed with `path`, the catalog's name otherwise."),
    Key::optional("title", Shape::TEXT, "What reports call the film; its id where left out."),
    Key::optional("path", Shape::TEXT, "The file, relative to the matrix."),
    Key::optional("sha256", Shape::pattern("^[0-9A-Fa-f]{64}$"), "Hash of the file; verified when present."),
    Key::optional(
        "catalog",
        Shape::TEXT,
        "A film of datasets/catalog.yaml, in place of `path` and `sha256`.",
    ),
    Key::optional("reference", Shape::Map(&REFERENCE), "What is right; quality is scored where given."),
]);

/// `reference` of a film.
pub(crate) const REFERENCE: Keys = Keys::new(&[
    Key::optional("transcript", Shape::TEXT, "File with what is said, relative to the matrix."),
    Key::optional("scenes", Shape::TEXT, "File with the scenes, relative to the matrix."),
    Key::optional("captions", Shape::TEXT, "File with captions, relative to the matrix."),
    Key::optional("objects", Shape::TEXT, "File with objects in frames, relative to the matrix."),
    Key::optional("sounds", Shape::TEXT, "File with what is heard when, relative to the matrix."),
]);

/// `stage1`.
pub(crate) const STAGE1: Keys = Keys::new(&[
    Key::optional("scene", Shape::Map(&SCENE), "Scene detection."),
    Key::optional("asr", Shape::Map(&ASR), "Speech."),
    Key::optional("ast", Shape::Map(&AST), "Sounds."),
    Key::optional("yolo", Shape::Map(&YOLO), "Objects."),
    Knob::Parallel.key(),
]);

/// `stage1.scene`.
pub(crate) const SCENE: Keys = Keys::new(&keys_of::<3>(BaseStage::Scene));

/// `stage1.asr`.
pub(crate) const ASR: Keys = Keys {
    known: &keys_of::<12>(BaseStage::Asr),
    elsewhere: &[
        ("api_key", KEYS_STAND_ELSEWHERE),
        ("api-key", KEYS_STAND_ELSEWHERE),
        ("key", KEYS_STAND_ELSEWHERE),
    ],
};
/// Where keys of services are taken from.
pub(crate) const KEYS_STAND_ELSEWHERE: &str =
    "keys come from the environment: AZURE_OPENAI_API_KEY / OPENAI_API_KEY";

/// `stage1.ast`.
pub(crate) const AST: Keys = Keys::new(&keys_of::<4>(BaseStage::Ast));

/// `stage1.yolo`.
pub(crate) const YOLO: Keys = Keys::new(&keys_of::<3>(BaseStage::Yolo));

/// An element of `models`.
pub(crate) const MODEL: Keys = Keys::new(&[
    Key::required("id", ID, "Name of the model."),
    Key::required("family", Shape::word::<Family>(), "Architecture."),
    Key::required("weights", WEIGHTS, "The model: path, hf:owner/name[@revision] or dummy:preset[?seed=N]."),
    Key::optional(
        "question",
        Shape::TEXT,
        "What is asked about every scene; may tell of it with {transcript}, {sounds} and {objects}.",
    ),
    Key::optional(
        "prompt",
        Shape::TEXT,
        "The whole prompt with its image markers, in place of the family's.",
    ),
    Key::optional("settings", Shape::Map(&SETTINGS), "Axes that replace those of all models."),
]);

/// `settings`, of all models and of one.
pub(crate) const SETTINGS: Keys = Keys::new(&[
    Key::optional("use_cache", Shape::Axis(&USE_CACHE), "Keep keys and values of past tokens; default true."),
    Key::optional("quantization", Shape::Axis(&QUANTIZATION), "Storage of the weights; default none."),
    Key::optional("dtype", Shape::Axis(&DTYPE), "Type of the computation; default auto."),
    Key::optional(
        "frames_per_scene",
        Shape::Axis(&FRAMES_PER_SCENE),
        "1 middle; 2 start and middle; n evenly spaced; default 2.",
    ),
    Key::optional(
        "frame_size",
        Shape::Axis(&FRAME_SIZE),
        "Shorter side of a frame in pixels, 0 as decoded; default 336.",
    ),
    Key::optional("num_beams", Shape::Axis(&NUM_BEAMS), "Beams, 1 is greedy; default 1."),
    Key::optional("max_new_tokens", Shape::Axis(&MAX_NEW_TOKENS), "New tokens at most; default 256."),
    Key::optional("min_new_tokens", Shape::Axis(&MIN_NEW_TOKENS), "New tokens at least; default 0."),
    Key::optional("num_crops", Shape::Axis(&NUM_CROPS), "Crops of a frame, phi3-v only; default 4."),
    Key::optional("batch_scenes", Shape::Axis(&BATCH_SCENES), "Scenes captioned together; default 1."),
    Key::optional(
        "length_penalty",
        Shape::Axis(&LENGTH_PENALTY),
        "Exponent of the length that a beam's score is divided by; left out, 1.",
    ),
    Key::optional(
        "early_stopping",
        Shape::Axis(&EARLY_STOPPING),
        "When beam search ends: true, false or never; left out, false.",
    ),
    Key::optional(
        "repetition_penalty",
        Shape::Axis(&REPETITION_PENALTY),
        "Penalty on tokens seen before, 1 is none; left out, none.",
    ),
    Key::optional(
        "temperature",
        Shape::Axis(&TEMPERATURE),
        "Above 0, tokens are drawn from logits divided by it, with `run.seed`; left out or 0, the likeliest is taken.",
    ),
    Key::optional(
        "top_p",
        Shape::Axis(&TOP_P),
        "Draw from the likeliest tokens that together have this probability; left out, from all.",
    ),
]);

/// An element of `exclude` or `include`.
pub(crate) const COMBINATION: Keys = Keys {
    known: &entry_keys::<{ 17 + Knob::ALL.len() }>(&[
        Key::optional("video", ID, "Id of a film."),
        Key::optional("model", ID, "Id of a model."),
        Key::optional("use_cache", USE_CACHE, "As in `settings`."),
        Key::optional("quantization", QUANTIZATION, "As in `settings`."),
        Key::optional("dtype", DTYPE, "As in `settings`."),
        Key::optional("frames_per_scene", FRAMES_PER_SCENE, "As in `settings`."),
        Key::optional("frame_size", FRAME_SIZE, "As in `settings`."),
        Key::optional("num_beams", NUM_BEAMS, "As in `settings`."),
        Key::optional("max_new_tokens", MAX_NEW_TOKENS, "As in `settings`."),
        Key::optional("min_new_tokens", MIN_NEW_TOKENS, "As in `settings`."),
        Key::optional("num_crops", NUM_CROPS, "As in `settings`."),
        Key::optional("batch_scenes", BATCH_SCENES, "As in `settings`."),
        Key::optional("length_penalty", LENGTH_PENALTY, "As in `settings`."),
        Key::optional("early_stopping", EARLY_STOPPING, "As in `settings`."),
        Key::optional("repetition_penalty", REPETITION_PENALTY, "As in `settings`."),
        Key::optional("temperature", TEMPERATURE, "As in `settings`."),
        Key::optional("top_p", TOP_P, "As in `settings`."),
    ]),
    elsewhere: &[("asr.api_key", KEYS_STAND_ELSEWHERE)],
};

/// `run`.
pub(crate) const RUN: Keys = Keys::new(&[
    Key::optional(
        "repeats",
        Shape::CountOr { least: 1, most: MOST_REPEATS, word: HowMany::AUTO },
        "Measured repeats of each cell, or auto: until their times are steady; default 3.",
    ),
    Key::optional(
        "warmup",
        Shape::CountOr { least: 0, most: MOST_REPEATS, word: HowMany::AUTO },
        "Repeats before them, or auto: until two successive ones are within 5%, at most 5; default 1.",
    ),
    Key::optional("min_repeats", Shape::up_to(MOST_REPEATS), "With `repeats: auto`, never fewer; default 5."),
    Key::optional("max_repeats", Shape::up_to(MOST_REPEATS), "With `repeats: auto`, never more; default 30."),
    Key::optional(
        "precision",
        PERCENTAGE,
        "With `repeats: auto`, how far the interval of a cell's median may reach from it; default 2%.",
    ),
    Key::optional(
        "repeat_budget",
        DURATION,
        "With `repeats: auto`, after how much time a cell gets no more than `min_repeats`; default 10m.",
    ),
    Key::optional("timeout", DURATION, "Longest time of one repeat, such as 90s or 30m; default 30m."),
    Key::optional(
        "run_timeout",
        DURATION,
        "Longest time of the whole run, which can be resumed; default none.",
    ),
    Key::optional(
        "memory_limit",
        MEMORY_LIMIT,
        "What a runner may allocate: auto (what the machine has), none, or a size such as 8GB; default auto.",
    ),
    Key::optional(
        "device",
        Shape::pattern("^(auto|cpu|cuda(:[0-9]+)?)$"),
        "auto, cpu or cuda:N; default auto.",
    ),
    Key::optional(
        "seed",
        Shape::Count { least: 0, most: u64::MAX },
        "Seed of the order, and of what is drawn at random; default 0.",
    ),
    Key::optional("order", Shape::word::<Order>(), "Order of the repeats; default interleaved."),
    Key::optional(
        "max_scenes",
        Shape::OrNull(&Shape::up_to(1_000_000)),
        "Caption only the first scenes; default all.",
    ),
    Key::optional(
        "cache_check",
        Shape::Count { least: 0, most: 1000 },
        "Scenes on which `use_cache: true` is held against false, 0 for none; default 1.",
    ),
]);

/// `gate`.
pub(crate) const GATE: Keys = Keys::new(&[
    Key::optional("metric", METRIC, "What is compared, one or several; default rtf."),
    Key::optional("max_regression", PERCENTAGE, "Allowed regression, such as 5%; default 5%."),
    Key::optional("limits", Shape::Map(&LIMITS), "Allowed regression of single metrics."),
    Key::optional(
        "confidence",
        Shape::Number { least: 0.5, most: 0.9999 },
        "Of all intervals; default 0.95.",
    ),
]);

const METRIC: Shape = Shape::Axis(&Shape::word::<Metric>());

/// `gate.limits`.
pub(crate) const LIMITS: Keys = Keys::new(&limit_keys::<{ Metric::ALL.len() }>());

const fn limit_keys<const N: usize>() -> [Key; N] {
    let mut keys = [Key::optional("", PERCENTAGE, "In place of `max_regression`."); N];
    let mut index = 0;
    while index < N {
        keys[index].name = Metric::ALL[index].as_str();
        index += 1;
    }
    keys
}
