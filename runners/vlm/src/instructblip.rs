//! InstructBLIP: ViT-g over a panorama of the frames, a Q-Former that is told the question, and
//! Vicuna or Flan-T5 (transformers 4.46: `models/instructblip`).

mod config;
mod language;
mod memory;
mod model;
mod panorama;
mod presets;
mod qformer;
mod vision;

use candle_core::{DType, Tensor};
use reelbench_media::RgbImage;
use reelbench_media::resize::pil_bicubic;
use reelbench_nn::{CacheMode, Checkpoint, Decoder, Prompt, WeightsError};
use reelbench_protocol::{
    CaptionerSupport, Dtype, Family, MemoryEstimate, Quantization, Stage, Weights, WeightsPart,
};
use tokenizers::Tokenizer;

use crate::family::{self, FamilyModel, LoadRequest, Prepared, SceneTimer};
use crate::memory::Workload;
use crate::{CaptionRequest, SceneInput, VlmError};
use config::{InstructBlipConfig, QFormerConfig};
use model::InstructBlipModel;
use panorama::panorama;

/// What this family offers.
pub(crate) fn support() -> CaptionerSupport {
    CaptionerSupport {
        family: Family::Instructblip,
        quantization: Quantization::ALL.to_vec(),
        dtype: Dtype::ALL.to_vec(),
        use_cache: vec![true, false],
        max_num_beams: family::MAX_NUM_BEAMS,
        max_batch_scenes: family::MAX_BATCH_SCENES,
        num_crops: false,
        sampling: true,
        presets: presets::NAMES.map(str::to_owned).to_vec(),
    }
}

/// A loaded InstructBLIP.
pub(crate) struct InstructBlip {
    config: InstructBlipConfig,
    model: InstructBlipModel,
    tokenizers: Tokenizers,
    eos: Vec<u32>,
}

/// The same text is read twice.
struct Tokenizers {
    language: Tokenizer,
    qformer: Tokenizer,
}

/// What the model is given.
struct Input {
    /// The panorama, of shape (3, side, side).
    pixels: Vec<f32>,
    prompt: String,
    tokens: Vec<u32>,
    qformer_tokens: Vec<u32>,
}

impl InstructBlip {
    /// Loads weights, or draws them for a preset.
    pub(crate) fn load(request: &LoadRequest<'_>) -> Result<Self, VlmError> {
        match request.weights {
            Weights::Local { path, .. } => {
                let checkpoint = Checkpoint::open(path)?;
                let config = InstructBlipConfig::read(&checkpoint)?;
                let tokenizers = Tokenizers {
                    language: checkpoint.tokenizer()?,
                    qformer: checkpoint.tokenizer_at("qformer_tokenizer/tokenizer.json")?,
                };
                // The reference leaves generation to the language model, which knows its own
                // configuration only.
                let eos = config.language.eos().to_vec();
                Self::from_parts(&checkpoint, config, tokenizers, eos, request)
            }
            Weights::Dummy { preset, seed } => {
                let config = presets::config(preset)?;
                let tokenizers = Tokenizers {
                    language: crate::dummy::tokenizer(&[])?,
                    qformer: crate::dummy::tokenizer(&[])?,
                };
                Self::from_parts(&Checkpoint::dummy(*seed), config, tokenizers, Vec::new(), request)
            }
        }
    }

    /// What captions by this model need in memory.
    pub(crate) fn memory(request: &LoadRequest<'_>, workload: &Workload) -> Result<MemoryEstimate, VlmError> {
        let config = match request.weights {
            Weights::Local { path, .. } => InstructBlipConfig::read(&Checkpoint::open(path)?)?,
            Weights::Dummy { preset, .. } => presets::config(preset)?,
        };
        Ok(config.memory(request.precisions, workload))
    }

    fn from_parts(
        checkpoint: &Checkpoint,
        config: InstructBlipConfig,
        tokenizers: Tokenizers,
        eos: Vec<u32>,
        request: &LoadRequest<'_>,
    ) -> Result<Self, VlmError> {
        let tensors = checkpoint.var_builder(DType::F32, request.device);
        let model =
            InstructBlipModel::load(&config, &tensors, request.precisions).map_err(WeightsError::from)?;
        checkpoint.finish(config.language.ignorable())?;
        Ok(Self { config, model, tokenizers, eos })
    }

    /// Panorama, prompt and tokens, after checking that they fit the model.
    fn preprocess(&self, scene: &SceneInput<'_>, request: &CaptionRequest) -> Result<Input, VlmError> {
        let prompt = request.prompt.as_deref().unwrap_or(scene.question);
        let tokens = tokens(&self.tokenizers.language, prompt)?;
        let (positions, limit) = (self.config.queries + tokens.len(), self.config.language.max_positions());
        family::check_length(positions, request.generation.max_new_tokens, limit)?;
        let qformer_tokens = tokens_for_qformer(&self.tokenizers.qformer, prompt, &self.config.qformer)?;
        Ok(Input { pixels: self.pixels(scene.frames)?, prompt: prompt.to_owned(), tokens, qformer_tokens })
    }

    /// The panorama as the vision tower takes it: as a square, whatever its shape.
    fn pixels(&self, frames: &[RgbImage]) -> Result<Vec<f32>, VlmError> {
        let side = self.config.vision.image_size;
        let square = pil_bicubic(&*panorama(frames)?, side as u32, side as u32);
        let mut pixels = vec![0f32; 3 * side * side];
        self.config.levels.write(&square, &mut pixels);
        Ok(pixels)
    }

    /// The vision tower's last hidden state, of shape (1, positions, hidden).
    fn seen(&self, input: &Input) -> candle_core::Result<Tensor> {
        let side = self.config.vision.image_size;
        let pixels = Tensor::from_slice(&input.pixels, (1, 3, side, side), self.model.language.device())?;
        self.model.vision.forward(&pixels)
    }
}

fn tokens(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>, VlmError> {
    Ok(tokenizer.encode(text, true).map_err(VlmError::tokenizer)?.get_ids().to_vec())
}

fn tokens_for_qformer(
    tokenizer: &Tokenizer,
    text: &str,
    config: &QFormerConfig,
) -> Result<Vec<u32>, VlmError> {
    let tokens = tokens(tokenizer, text)?;
    let limit = config.max_position_embeddings;
    if tokens.len() > limit {
        return Err(VlmError::LongQuestion { tokens: tokens.len(), limit });
    }
    Ok(tokens)
}

impl FamilyModel for InstructBlip {
    fn prepare(
        &self,
        scene: &SceneInput<'_>,
        request: &CaptionRequest,
        timer: &mut SceneTimer<'_>,
    ) -> Result<Prepared, VlmError> {
        let input = timer.time(Stage::Preprocess, || self.preprocess(scene, request))?;
        let embeddings = timer.time(Stage::Vision, || {
            let answers = self.model.qformer.forward(&input.qformer_tokens, &self.seen(&input)?)?;
            let embeddings = self.model.embeddings(&answers, &input.tokens)?;
            // Work on an accelerator is over when it says so, not when it was ordered.
            self.model.language.device().synchronize()?;
            Ok::<_, VlmError>(embeddings)
        })?;
        let positions = embeddings.dim(1)?;
        let prompt = Prompt { embeddings, tokens: self.config.language.begun() };
        Ok(Prepared { text: input.prompt, positions, prompt })
    }

    fn decoder(&self, cache: CacheMode) -> Box<dyn Decoder + '_> {
        self.model.language.decoder(cache)
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizers.language
    }

    fn eos(&self) -> &[u32] {
        &self.eos
    }

    fn weights(&self) -> Vec<WeightsPart> {
        self.model.weights()
    }
}

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;
