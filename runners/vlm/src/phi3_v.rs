//! Phi-3.5-vision: CLIP over the crops of an HD transform, a projector, and Phi-3 (the published
//! checkpoint's own `processing_phi3_v.py` and `modeling_phi3_v.py`).
//!
//! A context of more than 4,096 positions turns by other frequencies than a shorter one. One that is
//! longer from its prompt on turns by these throughout. One that grows past 4,096 while it is decoded
//! computes its new positions with the other frequencies, and keys that a cache kept stay as they were,
//! while without a cache all of them are computed anew: as with the published code, a caption may then
//! depend on `use_cache`.

mod bicubic;
mod config;
mod hd;
mod model;
mod presets;
mod prompt;

use candle_core::{DType, Tensor};
use rayon::prelude::*;
use reelbench_nn::{CacheMode, Checkpoint, Decoder, Prompt, WeightsError};
use reelbench_protocol::{
    CaptionerSupport, Dtype, Family, MemoryEstimate, Quantization, Stage, Weights, WeightsPart,
};
use tokenizers::Tokenizer;

use crate::dummy::FIRST_FREE;
use crate::family::{self, FamilyModel, LoadRequest, Prepared, SceneTimer};
use crate::memory::Workload;
use crate::text::TextSession;
use crate::{CaptionRequest, SceneInput, VlmError};
use config::Phi3VConfig;
use hd::Crops;
use model::{Phi3VModel, TOWER};

/// Crops of a picture at most, as a matrix may ask for them.
pub(crate) const MOST_CROPS: usize = 64;

/// What `repetition_penalty` counts as seen where a picture stands: the published code makes this token
/// of the marks that it keeps its place by.
const PICTURE_TOKEN: u32 = 0;

/// What this family offers.
pub(crate) fn support() -> CaptionerSupport {
    CaptionerSupport {
        family: Family::Phi3V,
        quantization: Quantization::ALL.to_vec(),
        dtype: Dtype::ALL.to_vec(),
        use_cache: vec![true, false],
        max_num_beams: family::MAX_NUM_BEAMS,
        max_batch_scenes: family::MAX_BATCH_SCENES,
        num_crops: true,
        sampling: true,
        presets: presets::NAMES.map(str::to_owned).to_vec(),
    }
}

/// A loaded Phi-3.5-vision.
pub(crate) struct Phi3V {
    config: Phi3VConfig,
    model: Phi3VModel,
    tokenizer: Tokenizer,
    eos: Vec<u32>,
}

/// What the model is given.
struct Input {
    prompt: String,
    /// The tokens before, between and after the pictures.
    chunks: Vec<Vec<u32>>,
    pictures: Vec<Crops>,
}

impl Phi3V {
    /// Loads weights, or draws them for a preset.
    pub(crate) fn load(request: &LoadRequest<'_>) -> Result<Self, VlmError> {
        match request.weights {
            Weights::Local { path, .. } => {
                let checkpoint = Checkpoint::open(path)?;
                let config = Phi3VConfig::read(&checkpoint)?;
                let tokenizer = checkpoint.tokenizer()?;
                let missing = prompt::MARKS.into_iter().find(|mark| tokenizer.token_to_id(mark).is_none());
                if let Some(mark) = missing {
                    return Err(VlmError::Mark(mark, Family::Phi3V));
                }
                let eos = family::eos(&checkpoint, &config.text.eos)?;
                Self::from_parts(&checkpoint, config, tokenizer, eos, request)
            }
            Weights::Dummy { preset, seed } => {
                let config = presets::config(preset)?;
                let marks: Vec<(&str, u32)> = prompt::MARKS.into_iter().zip(FIRST_FREE..).collect();
                let tokenizer = crate::dummy::tokenizer(&marks)?;
                Self::from_parts(&Checkpoint::dummy(*seed), config, tokenizer, Vec::new(), request)
            }
        }
    }

    /// What captions by this model need in memory.
    pub(crate) fn memory(request: &LoadRequest<'_>, workload: &Workload) -> Result<MemoryEstimate, VlmError> {
        let config = match request.weights {
            Weights::Local { path, .. } => Phi3VConfig::read(&Checkpoint::open(path)?)?,
            Weights::Dummy { preset, .. } => presets::config(preset)?,
        };
        Ok(config.memory(request.precisions, workload))
    }

    fn from_parts(
        checkpoint: &Checkpoint,
        config: Phi3VConfig,
        tokenizer: Tokenizer,
        eos: Vec<u32>,
        request: &LoadRequest<'_>,
    ) -> Result<Self, VlmError> {
        let tensors = checkpoint.var_builder(DType::F32, request.device);
        let model = Phi3VModel::load(&config, &tensors, request.precisions).map_err(WeightsError::from)?;
        // Layers above the hidden state in use.
        let layers = config.vision_layers..config.vision.num_hidden_layers;
        let unused: Vec<String> = layers
            .map(|layer| format!("{TOWER}.encoder.layers.{layer}.*"))
            .chain([format!("{TOWER}.post_layernorm.*")])
            .collect();
        let ignorable: Vec<&str> = unused.iter().map(String::as_str).collect();
        checkpoint.finish(&ignorable)?;
        Ok(Self { config, model, tokenizer, eos })
    }

    /// Crops, prompt and tokens, after checking that they fit the model.
    fn preprocess(&self, scene: &SceneInput<'_>, request: &CaptionRequest) -> Result<Input, VlmError> {
        let frames = scene.frames;
        let num_crops = self.config.num_crops(request.num_crops)?;
        let prompt = prompt::prompt(frames.len(), scene.question, request.prompt.as_deref());
        let chunks = prompt::chunks(&prompt, frames.len())?;
        let chunks = chunks.into_iter().map(|chunk| self.tokens(chunk)).collect::<Result<Vec<_>, _>>()?;
        let crops = frames.par_iter().map(|frame| self.config.transform.crops(frame, num_crops));
        let crops: Vec<Option<Crops>> = crops.collect();
        let pictures = crops.into_iter().zip(frames).enumerate().map(|(frame, (crops, picture))| {
            let (width, height) = picture.dimensions();
            crops.ok_or(VlmError::NarrowFrame { frame, width, height })
        });
        let input = Input { prompt, chunks, pictures: pictures.collect::<Result<_, _>>()? };
        self.config.text.check_length(self.positions(&input), request.generation.max_new_tokens)?;
        Ok(input)
    }

    /// The tokens of one part of a prompt, each with a beginning of its own as the published processor
    /// makes them.
    fn tokens(&self, chunk: &str) -> Result<Vec<u32>, VlmError> {
        let encoding = self.tokenizer.encode(chunk, true).map_err(VlmError::tokenizer)?;
        Ok(encoding.get_ids().to_vec())
    }

    fn features_of(&self, crops: &Crops) -> usize {
        self.config.features(crops.rows, crops.columns)
    }

    fn positions(&self, input: &Input) -> usize {
        let tokens: usize = input.chunks.iter().map(Vec::len).sum();
        tokens + input.pictures.iter().map(|crops| self.features_of(crops)).sum::<usize>()
    }

    /// A token for every position.
    fn seen_tokens(&self, input: &Input) -> Vec<u32> {
        let mut tokens = Vec::with_capacity(self.positions(input));
        let mut pictures = input.pictures.iter();
        for chunk in &input.chunks {
            tokens.extend(chunk);
            let features = pictures.next().map_or(0, |crops| self.features_of(crops));
            tokens.extend(std::iter::repeat_n(PICTURE_TOKEN, features));
        }
        tokens
    }

    /// The prompt's embeddings, (1, positions, hidden).
    fn embeddings(&self, input: &Input) -> candle_core::Result<Tensor> {
        let features = self.model.features(&input.pictures, self.config.transform.side)?;
        let mut features = features.into_iter();
        let mut parts = Vec::with_capacity(2 * input.chunks.len());
        for chunk in &input.chunks {
            if !chunk.is_empty() {
                parts.push(self.model.text().embed(chunk)?);
            }
            parts.extend(features.next());
        }
        Tensor::cat(&parts, 0)?.unsqueeze(0)
    }
}

impl FamilyModel for Phi3V {
    fn prepare(
        &self,
        scene: &SceneInput<'_>,
        request: &CaptionRequest,
        timer: &mut SceneTimer<'_>,
    ) -> Result<Prepared, VlmError> {
        let input = timer.time(Stage::Preprocess, || self.preprocess(scene, request))?;
        let embeddings = timer.time(Stage::Vision, || {
            let embeddings = self.embeddings(&input)?;
            // Work on an accelerator is over when it says so, not when it was ordered.
            self.model.device().synchronize()?;
            Ok::<_, VlmError>(embeddings)
        })?;
        let tokens = self.seen_tokens(&input);
        Ok(Prepared { text: input.prompt, positions: tokens.len(), prompt: Prompt { embeddings, tokens } })
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

    fn num_crops(&self, request: &CaptionRequest) -> Option<usize> {
        self.config.num_crops(request.num_crops).ok()
    }
}

#[cfg(test)]
mod parity;
#[cfg(test)]
mod tests;
