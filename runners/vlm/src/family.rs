//! What a family brings, and the way from frames to a caption that all of them share.

use candle_core::{DType, Device};
use reelbench_media::RgbImage;
use reelbench_nn::{
    CacheMode, Checkpoint, Decoder, GenerateError, Generated, Generation, Prompt, StageObserver, generate,
};
use reelbench_protocol::{Dtype, Quantization, Stage, Weights, WeightsPart};

use serde::Deserialize;
use tokenizers::Tokenizer;

use crate::precision::Precisions;
use crate::text::OneOrMany;
use crate::{Caption, CaptionRequest, SceneInput, VlmError};

/// Most beams that are worth their memory.
pub(crate) const MAX_NUM_BEAMS: u32 = 16;

/// Most scenes that are worth being captioned together.
pub(crate) const MAX_BATCH_SCENES: u32 = 64;

/// What a family is loaded from.
pub(crate) struct LoadRequest<'a> {
    pub(crate) weights: &'a Weights,
    pub(crate) precisions: Precisions,
    pub(crate) device: &'a Device,
}

impl<'a> LoadRequest<'a> {
    pub(crate) fn new(
        weights: &'a Weights,
        quantization: Quantization,
        dtype: Dtype,
        device: &'a Device,
    ) -> Self {
        let dtype = match dtype {
            Dtype::F32 | Dtype::Auto => DType::F32,
            Dtype::F16 => DType::F16,
            Dtype::Bf16 => DType::BF16,
        };
        Self { weights, precisions: Precisions::new(quantization, dtype), device }
    }
}

/// A loaded captioner of one family.
pub(crate) trait FamilyModel: Send {
    /// What the decoder starts from, timed as `preprocess` and `vision`. Frames are as the caller gave
    /// them, at least one and none of them empty.
    fn prepare(
        &self,
        scene: &SceneInput<'_>,
        request: &CaptionRequest,
        timer: &mut SceneTimer<'_>,
    ) -> Result<Prepared, VlmError>;

    /// A decoder without contexts.
    fn decoder(&self, cache: CacheMode) -> Box<dyn Decoder + '_>;

    /// The language model's tokenizer.
    fn tokenizer(&self) -> &Tokenizer;

    /// Tokens that end a caption; none of them for random weights, which would end it by chance.
    fn eos(&self) -> &[u32];

    /// The parts, and what the weights of each take up in memory.
    fn weights(&self) -> Vec<WeightsPart>;

    /// Crops of a picture at most, where that is a setting.
    fn num_crops(&self, _request: &CaptionRequest) -> Option<usize> {
        None
    }
}

/// A scene that is ready to be captioned.
pub(crate) struct Prepared {
    /// The prompt as given to the tokenizer.
    pub(crate) text: String,
    /// Its positions, one for every feature of a picture included.
    pub(crate) positions: usize,
    /// What the decoder starts from.
    pub(crate) prompt: Prompt,
}

/// Times the stages of one scene.
pub(crate) struct SceneTimer<'a> {
    observer: &'a mut dyn StageObserver,
    scene: usize,
}

impl SceneTimer<'_> {
    pub(crate) fn time<T>(&mut self, stage: Stage, work: impl FnOnce() -> T) -> T {
        self.observer.time(stage, Some(self.scene), work)
    }
}

/// Captions scenes together. One that cannot be shown to the model fails alone; a computation that
/// fails while they are decoded fails them all.
pub(crate) fn caption(
    model: &dyn FamilyModel,
    scenes: &[SceneInput<'_>],
    request: &CaptionRequest,
    observer: &mut dyn StageObserver,
) -> Vec<Result<Caption, VlmError>> {
    let prepare = |(scene, input): (usize, &SceneInput<'_>)| {
        check_frames(input.frames)?;
        model.prepare(input, request, &mut SceneTimer { observer: &mut *observer, scene })
    };
    let prepared: Vec<Result<Prepared, VlmError>> = scenes.iter().enumerate().map(prepare).collect();
    let shown =
        prepared.iter().enumerate().filter_map(|(scene, prepared)| Some((scene, prepared.as_ref().ok()?)));
    let (shown, prompts): (Vec<usize>, Vec<Prompt>) =
        shown.map(|(scene, prepared)| (scene, prepared.prompt.clone())).unzip();
    if prompts.is_empty() {
        return prepared.into_iter().filter_map(Result::err).map(Err).collect();
    }
    let generation = Generation { eos: model.eos().to_vec(), ..request.generation.clone() };
    let mut decoder = model.decoder(request.cache);
    let mut observer = Renumbered { observer, scenes: &shown };
    let answers = match generate(&mut *decoder, &prompts, &generation, &mut observer) {
        Ok(answers) => answers.into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error); prompts.len()],
    };
    let mut answers = answers.into_iter();
    let answered = prepared.into_iter().map(|prepared| {
        let prepared = prepared?;
        let unanswered = || Err(GenerateError::Model("a prompt was left without an answer".to_owned()));
        let Generated { tokens, finish } = answers.next().unwrap_or_else(unanswered)?;
        let text = model.tokenizer().decode(&tokens, true).map_err(VlmError::tokenizer)?;
        Ok(Caption { prompt: prepared.text, prompt_tokens: prepared.positions, tokens, text, finish })
    });
    answered.collect()
}

fn check_frames(frames: &[RgbImage]) -> Result<(), VlmError> {
    if frames.is_empty() {
        return Err(VlmError::NoFrames);
    }
    match frames.iter().position(|frame| frame.width() == 0 || frame.height() == 0) {
        Some(frame) => Err(VlmError::EmptyFrame { frame }),
        None => Ok(()),
    }
}

/// Tells an observer of scenes what happens to prompts.
struct Renumbered<'a> {
    observer: &'a mut dyn StageObserver,
    /// Each prompt's scene.
    scenes: &'a [usize],
}

impl Renumbered<'_> {
    fn scene(&self, prompt: Option<usize>) -> Option<usize> {
        self.scenes.get(prompt?).copied()
    }
}

impl StageObserver for Renumbered<'_> {
    fn begin(&mut self, stage: Stage, prompt: Option<usize>) {
        self.observer.begin(stage, self.scene(prompt));
    }

    fn end(&mut self, stage: Stage, prompt: Option<usize>) {
        self.observer.end(stage, self.scene(prompt));
    }
}

/// `generation_config.json`, whose word goes before the model's configuration.
#[derive(Deserialize)]
struct GenerationConfig {
    eos_token_id: Option<OneOrMany>,
}

/// The tokens that end a caption by a checkpoint's files, where `config.json` says `configured`.
pub(crate) fn eos(checkpoint: &Checkpoint, configured: &[u32]) -> Result<Vec<u32>, VlmError> {
    let file = "generation_config.json";
    let generation: Option<GenerationConfig> =
        if checkpoint.has_file(file) { Some(checkpoint.read_json(file)?) } else { None };
    let eos = generation.and_then(|generation| generation.eos_token_id);
    Ok(eos.map_or_else(|| configured.to_vec(), Vec::from))
}

/// Checks that a prompt and what may follow it fit `limit` positions.
pub(crate) fn check_length(
    prompt_tokens: usize,
    max_new_tokens: usize,
    limit: usize,
) -> Result<usize, VlmError> {
    // The last new token is given out without being looked at again.
    let positions = prompt_tokens + max_new_tokens.saturating_sub(1);
    if positions > limit {
        return Err(VlmError::TooLong { prompt_tokens, max_new_tokens, positions, limit });
    }
    Ok(positions)
}
