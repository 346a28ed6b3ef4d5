//! CLIP's vision tower (transformers 4.46: `models/clip/modeling_clip.py`), up to any layer's hidden state.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{LayerNorm, Precision};
use serde::Deserialize;

use crate::vit::{VitEmbeddings, VitLayer, VitLayout, VitSizes};

/// `vision_config`, with the defaults of transformers' `CLIPVisionConfig`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default)]
pub(crate) struct ClipVisionConfig {
    /// Width of a position.
    pub(crate) hidden_size: usize,
    /// Width inside the feed-forward part.
    pub(crate) intermediate_size: usize,
    /// Layers.
    pub(crate) num_hidden_layers: usize,
    /// Heads.
    pub(crate) num_attention_heads: usize,
    /// Side of a picture in pixels.
    pub(crate) image_size: usize,
    /// Side of a patch in pixels.
    pub(crate) patch_size: usize,
    /// Added to the variance before its root.
    pub(crate) layer_norm_eps: f64,
    /// Activation; only `quick_gelu` is known.
    pub(crate) hidden_act: String,
}

impl Default for ClipVisionConfig {
    fn default() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            image_size: 224,
            patch_size: 32,
            layer_norm_eps: 1e-5,
            hidden_act: "quick_gelu".to_owned(),
        }
    }
}

impl ClipVisionConfig {
    /// ViT-L/14 at 336 pixels, which LLaVA-v1.6 and Phi-3.5-vision use.
    pub(crate) fn vit_l_14_336() -> Self {
        Self {
            hidden_size: 1024,
            intermediate_size: 4096,
            num_hidden_layers: 24,
            num_attention_heads: 16,
            image_size: 336,
            patch_size: 14,
            ..Self::default()
        }
    }

    fn sizes(&self) -> VitSizes {
        VitSizes {
            hidden: self.hidden_size,
            inner: self.intermediate_size,
            layers: self.num_hidden_layers,
            heads: self.num_attention_heads,
            side: self.image_size,
            patch: self.patch_size,
            eps: self.layer_norm_eps,
        }
    }

    /// Patches along a side.
    pub(crate) fn patches_per_side(&self) -> usize {
        self.sizes().patches_per_side()
    }

    /// How many layers lie below a hidden state: 0 is the embeddings', and a negative one is counted
    /// from the last layer's, which is -1.
    ///
    /// # Errors
    /// When there is no such state.
    pub(crate) fn layers_below(&self, state: i64) -> std::result::Result<usize, String> {
        let layers = self.num_hidden_layers as i64;
        let below = if state < 0 { layers.saturating_add(1).saturating_add(state) } else { state };
        if (0..=layers).contains(&below) {
            Ok(below as usize)
        } else {
            Err(format!("{state} is not a hidden state of {layers} layers"))
        }
    }

    /// Bytes that the weights of the first `layers` layers will take up in memory.
    pub(crate) fn weights_bytes(&self, layers: usize, precision: Precision) -> u64 {
        let sizes = self.sizes();
        let layer = sizes.layer_bytes(VitLayout::Clip, precision);
        sizes.embeddings_bytes() + layer * layers as u64
    }

    /// Bytes that as many pictures are computed in.
    pub(crate) fn working_bytes(&self, pictures: usize) -> u64 {
        self.sizes().working_bytes(pictures)
    }

    /// Checks that the values fit each other.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        if self.hidden_act != "quick_gelu" {
            return Err(format!("hidden_act: `{}` is not supported; quick_gelu is", self.hidden_act));
        }
        self.sizes().check()
    }
}

/// CLIP's vision tower, cut off after the layer whose output is wanted.
#[derive(Debug)]
pub(crate) struct ClipVision {
    embeddings: VitEmbeddings,
    pre_norm: LayerNorm,
    layers: Vec<VitLayer>,
}

impl ClipVision {
    /// Takes the first `layers` layers of `vision_model.*`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub(crate) fn load(
        config: &ClipVisionConfig,
        layers: usize,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let sizes = config.sizes();
        let &VitSizes { hidden, patch, eps, .. } = &sizes;
        let embeddings = tensors.pp("embeddings");
        let kernel = embeddings.pp("patch_embedding").get((hidden, 3, patch, patch), "weight")?;
        let class = embeddings.get(hidden, "class_embedding")?;
        let positions = embeddings.pp("position_embedding").get((sizes.positions(), hidden), "weight")?;
        let layers = (0..layers).map(|index| {
            VitLayer::load(&sizes, VitLayout::Clip, &tensors.pp("encoder.layers").pp(index), precision)
        });
        Ok(Self {
            embeddings: VitEmbeddings::new(&kernel, None, class, positions)?,
            // The checkpoints' own spelling.
            pre_norm: LayerNorm::load(hidden, eps, &tensors.pp("pre_layrnorm"))?,
            layers: layers.collect::<Result<_>>()?,
        })
    }

    /// Bytes that the weights take up in memory.
    pub(crate) fn weights_bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(VitLayer::weights_bytes).sum();
        self.embeddings.weights_bytes() + self.pre_norm.weights_bytes() + layers
    }

    /// The last kept layer's output for `pixels` of shape (pictures, 3, side, side): shape
    /// (pictures, 1 + patches, hidden), the class first.
    ///
    /// # Errors
    /// When the pictures have another size than the model's.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let x = self.pre_norm.forward(&self.embeddings.forward(pixels)?)?;
        self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        let good = ClipVisionConfig::vit_l_14_336();
        good.check().unwrap();
        let bad = ClipVisionConfig { patch_size: 15, ..good.clone() };
        assert!(bad.check().unwrap_err().starts_with("patch_size"));
        let bad = ClipVisionConfig { hidden_act: "gelu".to_owned(), ..good };
        assert!(bad.check().unwrap_err().starts_with("hidden_act"));
    }
}
