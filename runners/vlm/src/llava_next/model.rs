//! The tower, the projector and the language model.

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{Bias, Linear, bytes_of};

use reelbench_protocol::WeightsPart;

use super::config::LlavaNextConfig;
use crate::clip::ClipVision;
use crate::precision::Precisions;
use crate::text::TextModel;

/// LLaVA-v1.6's weights.
pub(super) struct LlavaNextModel {
    vision: ClipVision,
    inner: Linear,
    outer: Linear,
    newline: Tensor,
    text: TextModel,
}

impl LlavaNextModel {
    pub(super) fn load(
        config: &LlavaNextConfig,
        tensors: &VarBuilder<'_>,
        precisions: Precisions,
    ) -> Result<Self> {
        let (vision, text) = (config.vision.hidden_size, config.text.hidden_size);
        let projector = tensors.pp("multi_modal_projector");
        Ok(Self {
            vision: ClipVision::load(
                &config.vision,
                config.vision_layers,
                &tensors.pp("vision_tower.vision_model"),
                precisions.vision,
            )?,
            inner: Linear::load(vision, text, Bias::With, &projector.pp("linear_1"), precisions.vision)?,
            outer: Linear::load(text, text, Bias::With, &projector.pp("linear_2"), precisions.vision)?,
            newline: tensors.get(text, "image_newline")?,
            text: TextModel::load(&config.text, &tensors.pp("language_model"), precisions)?,
        })
    }

    pub(super) fn weights(&self) -> Vec<WeightsPart> {
        let linears = self.inner.weights_bytes() + self.outer.weights_bytes();
        let projector = linears + bytes_of(&self.newline);
        vec![
            WeightsPart::new("vision", self.vision.weights_bytes()),
            WeightsPart::new("projector", projector),
            WeightsPart::new("language", self.text.weights_bytes()),
        ]
    }

    pub(super) fn device(&self) -> &Device {
        self.text.device()
    }

    pub(super) fn text(&self) -> &TextModel {
        &self.text
    }

    /// What stands at the end of a row of features, of shape (hidden).
    pub(super) fn newline(&self) -> &Tensor {
        &self.newline
    }

    /// Features of tiles (tiles, 3, side, side) in the language model's space: (tiles, patches, hidden).
    pub(super) fn features(&self, pixels: &Tensor) -> Result<Tensor> {
        let state = self.vision.forward(&pixels.to_dtype(self.newline.dtype())?)?;
        let patches = state.narrow(1, 1, state.dim(1)? - 1)?.contiguous()?;
        self.outer.forward(&self.inner.forward(&patches)?.gelu_erf()?)
    }

    /// The prompt's embeddings, (1, tokens, hidden): row `i` of `features` stands in place of the `i`-th `image_token`.
    pub(super) fn splice(&self, tokens: &[u32], image_token: u32, features: &Tensor) -> Result<Tensor> {
        let mut parts = Vec::new();
        let mut used = 0;
        for run in tokens.chunk_by(|a, b| (*a == image_token) == (*b == image_token)) {
            if run.first() == Some(&image_token) {
                parts.push(features.narrow(0, used, run.len())?);
                used += run.len();
            } else {
                parts.push(self.text.embed(run)?);
            }
        }
        Tensor::cat(&parts, 0)?.unsqueeze(0)
    }
}
