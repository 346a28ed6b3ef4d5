//! LLaVA-v1.6 (LLaVA-NeXT): CLIP over anyres tiles, a projector, and Mistral or Vicuna
//! (transformers 4.46: `models/llava_next`).

mod config;
mod model;
mod packing;
mod presets;
mod prompt;
mod tiles;

use candle_core::{DType, Tensor};
use rayon::prelude::*;
use reelbench_media::RgbImage;
use reelbench_nn::{CacheMode, Checkpoint, Decoder, Prompt, WeightsError};
use reelbench_protocol::{
    CaptionerSupport, Dtype, Family, MemoryEstimate, Quantization, Stage, Weights, WeightsPart,
};
use tokenizers::Tokenizer;

use crate::family::{self, FamilyModel, LoadRequest, Prepared, SceneTimer};
use crate::memory::Workload;
use crate::text::TextSession;
use crate::{CaptionRequest, SceneInput, VlmError};
use config::LlavaNextConfig;
use model::LlavaNextModel;
use packing::Packing;
use tiles::{Extent, Tiles};

/// Tensors of published checkpoints that lie above the hidden state in use.
const UNUSED: &str = "vision_tower.vision_model.post_layernorm.*";

/// What this family offers.
pub(crate) fn support() -> CaptionerSupport {
    CaptionerSupport {
        family: Family::LlavaNext,
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

/// A loaded LLaVA-v1.6.
pub(crate) struct LlavaNext {
    config: LlavaNextConfig,
    model: LlavaNextModel,
    tokenizer: Tokenizer,
    eos: Vec<u32>,
}

/// What the model is given.
struct Input {
    prompt: String,
    /// Tokens, with an image token for every feature of a picture.
    tokens: Vec<u32>,
    tiles: Vec<Tiles>,
    packings: Vec<Packing>,
}

impl LlavaNext {
    /// Loads weights, or draws them for a preset.
    pub(crate) fn load(request: &LoadRequest<'_>) -> Result<Self, VlmError> {
        match request.weights {
            Weights::Local { path, .. } => {
                let checkpoint = Checkpoint::open(path)?;
                let config = LlavaNextConfig::read(&checkpoint)?;
                let tokenizer = checkpoint.tokenizer()?;
                let eos = family::eos(&checkpoint, &config.text.eos)?;
                Self::from_parts(&checkpoint, config, tokenizer, eos, request)
            }
            Weights::Dummy { preset, seed } => {
                let config = presets::config(preset)?;
                let tokenizer = crate::dummy::tokenizer(&[(prompt::IMAGE, config.image_token)])?;
                Self::from_parts(&Checkpoint::dummy(*seed), config, tokenizer, Vec::new(), request)
            }
        }
    }

    /// What captions by this model need in memory.
    pub(crate) fn memory(request: &LoadRequest<'_>, workload: &Workload) -> Result<MemoryEstimate, VlmError> {
        let config = match request.weights {
            Weights::Local { path, .. } => LlavaNextConfig::read(&Checkpoint::open(path)?)?,
            Weights::Dummy { preset, .. } => presets::config(preset)?,
        };
        Ok(config.memory(request.precisions, workload))
    }

    fn from_parts(
        checkpoint: &Checkpoint,
        config: LlavaNextConfig,
        tokenizer: Tokenizer,
        eos: Vec<u32>,
        request: &LoadRequest<'_>,
    ) -> Result<Self, VlmError> {
        let tensors = checkpoint.var_builder(DType::F32, request.device);
        let model =
            LlavaNextModel::load(&config, &tensors, request.precisions).map_err(WeightsError::from)?;
        let unused: Vec<String> = (config.vision_layers..config.vision.num_hidden_layers)
            .map(|layer| format!("vision_tower.vision_model.encoder.layers.{layer}.*"))
            .collect();
        let ignorable: Vec<&str> = unused.iter().map(String::as_str).chain([UNUSED]).collect();
        checkpoint.finish(&ignorable)?;
        Ok(Self { config, model, tokenizer, eos })
    }

    /// Tiles, prompt and tokens, after checking that they fit the model.
    fn preprocess(&self, scene: &SceneInput<'_>, request: &CaptionRequest) -> Result<Input, VlmError> {
        let frames = scene.frames;
        let prompt =
            prompt::prompt(self.config.form, frames.len(), scene.question, request.prompt.as_deref())?;
        let side = self.config.vision.patches_per_side();
        let packings: Vec<Packing> = frames
            .iter()
            .map(Extent::of)
            .map(|picture| Packing::new(picture, self.config.tiling.grid(picture), side))
            .collect();
        let tokens = self.tokens(&prompt, &packings)?;
        self.config.text.check_length(tokens.len(), request.generation.max_new_tokens)?;
        let tiles = frames.par_iter().map(|frame: &RgbImage| self.config.tiling.tile(frame)).collect();
        Ok(Input { prompt, tokens, tiles, packings })
    }

    /// The prompt's tokens, each picture's one repeated as often as it has features.
    fn tokens(&self, prompt: &str, packings: &[Packing]) -> Result<Vec<u32>, VlmError> {
        let encoding = self.tokenizer.encode(prompt, true).map_err(VlmError::tokenizer)?;
        let image = self.config.image_token;
        let found = encoding.get_ids().iter().filter(|token| **token == image).count();
        if found != packings.len() {
            return Err(VlmError::ImageToken { token: image, found, frames: packings.len() });
        }
        let mut lengths = packings.iter().map(Packing::length);
        let tokens = encoding.get_ids().iter().flat_map(|&token| {
            let count = if token == image { lengths.next().unwrap_or(0) } else { 1 };
            std::iter::repeat_n(token, count)
        });
        Ok(tokens.collect())
    }

    /// The packed features of all pictures, of shape (features, hidden).
    fn features(&self, input: &Input) -> candle_core::Result<Tensor> {
        let counts: Vec<usize> = input.tiles.iter().map(|tiles| tiles.count).collect();
        let pixels: Vec<f32> = input.tiles.iter().flat_map(|tiles| tiles.pixels.iter().copied()).collect();
        let side = self.config.tiling.side;
        let count: usize = counts.iter().sum();
        let pixels = Tensor::from_vec(pixels, (count, 3, side, side), self.model.device())?;
        let features = self.model.features(&pixels)?;
        let mut first = 0;
        let mut packed = Vec::with_capacity(counts.len());
        for (count, packing) in counts.into_iter().zip(&input.packings) {
            packed.push(packing.pack(&features.narrow(0, first, count)?, self.model.newline())?);
            first += count;
        }
        Tensor::cat(&packed, 0)
    }
}

impl FamilyModel for LlavaNext {
    fn prepare(
        &self,
        scene: &SceneInput<'_>,
        request: &CaptionRequest,
        timer: &mut SceneTimer<'_>,
    ) -> Result<Prepared, VlmError> {
        let input = timer.time(Stage::Preprocess, || self.preprocess(scene, request))?;
        let embeddings = timer.time(Stage::Vision, || {
            let features = self.features(&input)?;
            let embeddings = self.model.splice(&input.tokens, self.config.image_token, &features)?;
            // Work on an accelerator is over when it says so, not when it was ordered.
            self.model.device().synchronize()?;
            Ok::<_, VlmError>(embeddings)
        })?;
        let positions = input.tokens.len();
        Ok(Prepared { text: input.prompt, positions, prompt: Prompt { embeddings, tokens: input.tokens } })
    }

    fn decoder(&self, cache: CacheMode) -> Box<dyn Decoder + '_> {
        Box::new(TextSession::new(self.model.text(), cache))
    }

    fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
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
