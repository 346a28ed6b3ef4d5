//! ViT-g, InstructBLIP's vision tower.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{LayerNorm, Precision};

use super::config::VisionConfig;
use crate::vit::{VitEmbeddings, VitLayer, VitSizes};

/// The tower's weights.
#[derive(Debug)]
pub(super) struct VisionModel {
    embeddings: VitEmbeddings,
    layers: Vec<VitLayer>,
    post_norm: LayerNorm,
}

impl VisionModel {
    /// Takes `vision_model.*`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(super) fn load(
        config: &VisionConfig,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let sizes = config.sizes();
        let &VitSizes { hidden, patch, eps, .. } = &sizes;
        let embeddings = tensors.pp("embeddings");
        let convolution = embeddings.pp("patch_embedding");
        let kernel = convolution.get((hidden, 3, patch, patch), "weight")?;
        let bias = convolution.get(hidden, "bias")?;
        let class = embeddings.get((1, 1, hidden), "class_embedding")?.flatten_all()?;
        let positions = embeddings.get((1, sizes.positions(), hidden), "position_embedding")?.squeeze(0)?;
        let layers = (0..sizes.layers).map(|index| {
            VitLayer::load(&sizes, config.layout(), &tensors.pp("encoder.layers").pp(index), precision)
        });
        Ok(Self {
            embeddings: VitEmbeddings::new(&kernel, Some(bias), class, positions)?,
            layers: layers.collect::<Result<_>>()?,
            post_norm: LayerNorm::load(hidden, eps, &tensors.pp("post_layernorm"))?,
        })
    }

    /// Bytes that the weights take up in memory.
    pub(super) fn weights_bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(VitLayer::weights_bytes).sum();
        self.embeddings.weights_bytes() + layers + self.post_norm.weights_bytes()
    }

    /// The last hidden state, of shape (pictures, 1 + patches, hidden), for `pixels` of shape
    /// (pictures, 3, side, side).
    ///
    /// # Errors
    /// When the pictures have another size than the model's.
    pub(super) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let x = self.embeddings.forward(pixels)?;
        self.post_norm.forward(&self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))?)
    }
}
