//! LLaVA-v1.6 (LLaVA-NeXT): CLIP over anyres tiles, a projector, and Mistral or Vicuna
//! (transformers 4.46: `models/llava_next`).

mod config;
mod model;
mod packing;
mod presets;
mod prompt;
mod tiles;

use candle_core::{DType, Device, Tensor};
use rayon::prelude::*;
use reelbench_media::RgbImage;
use reelbench_nn::{Checkpoint, Generated, Generation, Prompt, StageObserver, Usage, WeightsError, generate};
use reelbench_protocol::{CaptionerSupport, Dtype, Family, Quantization, Stage, Weights};
use serde::Deserialize;
use tokenizers::Tokenizer;

use crate::text::{OneOrMany, TextSession};
use crate::{Caption, CaptionRequest, VlmError};
use config::LlavaNextConfig;
use model::LlavaNextModel;
use packing::Packing;
use tiles::{Extent, Tiles};

/// Tensors of published checkpoints that lie above the hidden state in use.
const UNUSED: &str = "vision_tower.vision_model.post_layernorm.*";

/// Most beams that are worth their memory.
const MAX_NUM_BEAMS: u32 = 16;

/// What this family offers.
pub(crate) fn support() -> CaptionerSupport {
    CaptionerSupport {
        family: Family::LlavaNext,
        quantization: vec![Quantization::None],
        dtype: vec![Dtype::F32, Dtype::Auto],
        use_cache: vec![true, false],
        max_num_beams: MAX_NUM_BEAMS,
        max_batch_scenes: 1,
        num_crops: false,
        presets: presets::NAMES.map(str::to_owned).to_vec(),
    }
}

/// A loaded LLaVA-v1.6.
pub(crate) struct LlavaNext {
    config: LlavaNextConfig,
    model: LlavaNextModel,
    tokenizer: Tokenizer,
    eos: Vec<u32>,
    usage: Usage,
}

/// What the model is given.
struct Input {
    prompt: String,
    /// Tokens, with an image token for every feature of a picture.
    tokens: Vec<u32>,
    tiles: Vec<Tiles>,
    packings: Vec<Packing>,
}

/// `generation_config.json`, whose word goes before the model's configuration.
#[derive(Deserialize)]
struct GenerationConfig {
    eos_token_id: Option<OneOrMany>,
}

impl LlavaNext {
    /// Loads weights, or draws them for a preset.
    pub(crate) fn load(weights: &Weights, dtype: DType, device: &Device) -> Result<Self, VlmError> {
        match weights {
            Weights::Local { path, .. } => {
                let checkpoint = Checkpoint::open(path)?;
                let config = LlavaNextConfig::read(&checkpoint)?;
                let tokenizer = checkpoint.tokenizer()?;
                let mut eos = config.text.eos.clone();
                if checkpoint.has_file("generation_config.json") {
                    let generation: GenerationConfig = checkpoint.read_json("generation_config.json")?;
                    eos = generation.eos_token_id.map_or(eos, Vec::from);
                }
                Self::from_parts(&checkpoint, config, tokenizer, eos, dtype, device)
            }
            Weights::Dummy { preset, seed } => {
                let config = presets::config(preset)?;
                let tokenizer = crate::dummy::tokenizer(prompt::IMAGE, config.image_token)?;
                // Random weights would end a caption by chance, so nothing ends it but its length.
                Self::from_parts(&Checkpoint::dummy(*seed), config, tokenizer, Vec::new(), dtype, device)
            }
        }
    }

    fn from_parts(
        checkpoint: &Checkpoint,
        config: LlavaNextConfig,
        tokenizer: Tokenizer,
        eos: Vec<u32>,
        dtype: DType,
        device: &Device,
    ) -> Result<Self, VlmError> {
        let model = LlavaNextModel::load(&config, &checkpoint.var_builder(dtype, device))
            .map_err(WeightsError::from)?;
        let unused: Vec<String> = (config.vision_layers..config.vision.num_hidden_layers)
            .map(|layer| format!("vision_tower.vision_model.encoder.layers.{layer}.*"))
            .collect();
        let ignorable: Vec<&str> = unused.iter().map(String::as_str).chain([UNUSED]).collect();
        let usage = checkpoint.finish(&ignorable)?;
        Ok(Self { config, model, tokenizer, eos, usage })
    }

    pub(crate) fn weights_bytes(&self) -> u64 {
        self.usage.bytes
    }

    /// Captions one scene's frames.
    pub(crate) fn caption(
        &self,
        frames: &[RgbImage],
        request: &CaptionRequest,
        observer: &mut dyn StageObserver,
    ) -> Result<Caption, VlmError> {
        let input = observer.time(Stage::Preprocess, || self.preprocess(frames, request))?;
        let embeddings = observer.time(Stage::Vision, || {
            let features = self.features(&input)?;
            let embeddings = self.model.splice(&input.tokens, self.config.image_token, &features)?;
            // Work on an accelerator is over when it says so, not when it was ordered.
            self.model.device().synchronize()?;
            Ok::<_, VlmError>(embeddings)
        })?;
        let generation = Generation { eos: self.eos.clone(), ..request.generation.clone() };
        let mut session = TextSession::new(self.model.text());
        let prompt_tokens = input.tokens.len();
        let prompt = Prompt { embeddings, tokens: input.tokens };
        let Generated { tokens, finish } =
            generate(&mut session, &prompt, &generation, request.cache, observer)?;
        let text = self.tokenizer.decode(&tokens, true).map_err(VlmError::tokenizer)?;
        Ok(Caption { prompt: input.prompt, prompt_tokens, tokens, text, finish })
    }

    /// Tiles, prompt and tokens, after checking that they fit the model.
    fn preprocess(&self, frames: &[RgbImage], request: &CaptionRequest) -> Result<Input, VlmError> {
        if frames.is_empty() {
            return Err(VlmError::NoFrames);
        }
        if let Some(frame) = frames.iter().position(|frame| frame.width() == 0 || frame.height() == 0) {
            return Err(VlmError::EmptyFrame { frame });
        }
        let layout = self.config.text.layout;
        let prompt = prompt::prompt(layout, frames.len(), &request.question, request.prompt.as_deref())?;
        let side = self.config.vision.patches_per_side();
        let packings: Vec<Packing> = frames
            .iter()
            .map(Extent::of)
            .map(|picture| Packing::new(picture, self.config.tiling.grid(picture), side))
            .collect();
        let tokens = self.tokens(&prompt, &packings)?;
        self.check_length(tokens.len(), request.generation.max_new_tokens)?;
        let tiles = frames.par_iter().map(|frame| self.config.tiling.tile(frame)).collect();
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

    fn check_length(&self, prompt_tokens: usize, max_new_tokens: usize) -> Result<(), VlmError> {
        // The last new token is given out without being looked at again.
        let positions = prompt_tokens + max_new_tokens.saturating_sub(1);
        let limit = self.config.text.max_position_embeddings;
        if positions > limit {
            return Err(VlmError::TooLong { prompt_tokens, max_new_tokens, positions, limit });
        }
        match self.config.text.sliding_window {
            Some(window) if positions > window => Err(VlmError::SlidingWindow { positions, window }),
            _ => Ok(()),
        }
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

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;
