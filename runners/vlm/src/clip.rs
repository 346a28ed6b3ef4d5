//! CLIP's vision tower (transformers 4.46: `models/clip/modeling_clip.py`), up to any layer's hidden state.

use candle_core::{D, Result, Tensor, bail};
use candle_nn::VarBuilder;
use reelbench_nn::activation::quick_gelu;
use reelbench_nn::{Bias, LayerNorm, Linear, Precision, Visible, attention, bytes_of};
use serde::Deserialize;

use crate::memory::{linears, singles};

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
    /// ViT-L/14 at 336 pixels, which LLaVA-v1.6 uses.
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

    /// Patches along a side.
    pub(crate) fn patches_per_side(&self) -> usize {
        self.image_size / self.patch_size
    }

    /// Bytes that the weights of the first `layers` layers will take up in memory.
    pub(crate) fn weights_bytes(&self, layers: usize, precision: Precision) -> u64 {
        let &Self { hidden_size: hidden, intermediate_size: inner, patch_size: patch, .. } = self;
        let layer = [
            (hidden, 3 * hidden, 3 * hidden),
            (hidden, hidden, hidden),
            (hidden, inner, inner),
            (inner, hidden, hidden),
        ];
        let layer = linears(precision, &layer) + singles(4 * hidden);
        let positions = self.patches_per_side().pow(2) + 1;
        singles(hidden * (3 * patch * patch + 1 + positions + 2)) + layer * layers as u64
    }

    /// Bytes that as many pictures are computed in.
    pub(crate) fn working_bytes(&self, pictures: usize) -> u64 {
        let positions = pictures * (self.patches_per_side().pow(2) + 1);
        singles(positions * 2 * (self.hidden_size + self.intermediate_size))
    }

    /// Checks that the values fit each other.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        if self.hidden_act != "quick_gelu" {
            return Err(format!("hidden_act: `{}` is not supported; quick_gelu is", self.hidden_act));
        }
        let counts = [
            ("hidden_size", self.hidden_size, 1 << 16),
            ("intermediate_size", self.intermediate_size, 1 << 16),
            ("num_hidden_layers", self.num_hidden_layers, 1 << 10),
            ("image_size", self.image_size, 1 << 12),
        ];
        if let Some((key, count, _)) = counts.iter().find(|(_, count, most)| !(1..=*most).contains(count)) {
            return Err(format!("{key}: {count} is no size that a vision tower has"));
        }
        if self.num_attention_heads == 0 || !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            return Err(format!(
                "num_attention_heads: {} heads do not share a hidden_size of {}",
                self.num_attention_heads, self.hidden_size
            ));
        }
        if self.patch_size == 0
            || self.image_size < self.patch_size
            || !self.image_size.is_multiple_of(self.patch_size)
        {
            return Err(format!(
                "patch_size: patches of {} pixels do not tile an image_size of {}",
                self.patch_size, self.image_size
            ));
        }
        Ok(())
    }
}

/// CLIP's vision tower, cut off after the layer whose output is wanted.
#[derive(Debug)]
pub(crate) struct ClipVision {
    patches: Linear,
    class: Tensor,
    positions: Tensor,
    pre_norm: LayerNorm,
    layers: Vec<Layer>,
    patch_size: usize,
}

#[derive(Debug)]
struct Layer {
    attention_norm: LayerNorm,
    qkv: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    heads: usize,
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
        let (hidden, patch) = (config.hidden_size, config.patch_size);
        let embeddings = tensors.pp("embeddings");
        let kernel = embeddings.pp("patch_embedding").get((hidden, 3, patch, patch), "weight")?;
        let count = config.patches_per_side().pow(2) + 1;
        Ok(Self {
            patches: Linear::new(kernel.reshape((hidden, 3 * patch * patch))?, None),
            class: embeddings.get(hidden, "class_embedding")?,
            positions: embeddings.pp("position_embedding").get((count, hidden), "weight")?,
            // The checkpoints' own spelling.
            pre_norm: LayerNorm::load(hidden, config.layer_norm_eps, &tensors.pp("pre_layrnorm"))?,
            layers: (0..layers)
                .map(|index| Layer::load(config, &tensors.pp("encoder.layers").pp(index), precision))
                .collect::<Result<_>>()?,
            patch_size: patch,
        })
    }

    /// Bytes that the weights take up in memory.
    pub(crate) fn weights_bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Layer::weights_bytes).sum();
        let embeddings = self.patches.weights_bytes() + bytes_of(&self.class) + bytes_of(&self.positions);
        embeddings + self.pre_norm.weights_bytes() + layers
    }

    /// The last kept layer's output for `pixels` of shape (pictures, 3, side, side): shape
    /// (pictures, 1 + patches, hidden), the class first.
    ///
    /// # Errors
    /// When the pictures have another size than the model's.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let patches = self.patches.forward(&unfold(pixels, self.patch_size)?)?;
        let (pictures, _, hidden) = patches.dims3()?;
        let class = self.class.broadcast_as((pictures, 1, hidden))?;
        let x = Tensor::cat(&[&class, &patches], 1)?.broadcast_add(&self.positions)?;
        let mut x = self.pre_norm.forward(&x)?;
        for layer in &self.layers {
            x = layer.forward(&x)?;
        }
        Ok(x)
    }
}

/// Cuts pictures into patches: (pictures, 3, side, side) to (pictures, patches, 3 * patch * patch).
fn unfold(pixels: &Tensor, patch: usize) -> Result<Tensor> {
    let (pictures, channels, height, width) = pixels.dims4()?;
    let (rows, columns) = (height / patch, width / patch);
    if rows * patch != height || columns * patch != width {
        bail!("patches of {patch} pixels do not tile {width}x{height}");
    }
    pixels
        .reshape(vec![pictures, channels, rows, patch, columns, patch])?
        .permute(vec![0, 2, 4, 1, 3, 5])?
        .reshape((pictures, rows * columns, channels * patch * patch))
}

impl Layer {
    fn load(config: &ClipVisionConfig, tensors: &VarBuilder<'_>, precision: Precision) -> Result<Self> {
        let &ClipVisionConfig { hidden_size: hidden, intermediate_size: inner, layer_norm_eps: eps, .. } =
            config;
        let (attention, mlp) = (tensors.pp("self_attn"), tensors.pp("mlp"));
        let qkv = ["q_proj", "k_proj", "v_proj"].map(|name| (hidden, attention.pp(name)));
        Ok(Self {
            attention_norm: LayerNorm::load(hidden, eps, &tensors.pp("layer_norm1"))?,
            qkv: Linear::load_joined(hidden, Bias::With, &qkv, precision)?,
            output: Linear::load(hidden, hidden, Bias::With, &attention.pp("out_proj"), precision)?,
            mlp_norm: LayerNorm::load(hidden, eps, &tensors.pp("layer_norm2"))?,
            inner: Linear::load(hidden, inner, Bias::With, &mlp.pp("fc1"), precision)?,
            outer: Linear::load(inner, hidden, Bias::With, &mlp.pp("fc2"), precision)?,
            heads: config.num_attention_heads,
        })
    }

    fn weights_bytes(&self) -> u64 {
        let linears = [&self.qkv, &self.output, &self.inner, &self.outer];
        let norms = [&self.attention_norm, &self.mlp_norm];
        linears.map(Linear::weights_bytes).iter().sum::<u64>()
            + norms.map(LayerNorm::weights_bytes).iter().sum::<u64>()
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (pictures, positions, hidden) = x.dims3()?;
        let head_dim = hidden / self.heads;
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let qkv = qkv.reshape((pictures, positions, 3 * self.heads, head_dim))?;
        let part = |index: usize| qkv.narrow(D::Minus2, index * self.heads, self.heads);
        let scale = (head_dim as f32).sqrt().recip();
        let attended = attention(&part(0)?, &part(1)?, &part(2)?, scale, Visible::All)?;
        let x = (x + self.output.forward(&attended)?)?;
        let inner = quick_gelu(&self.inner.forward(&self.mlp_norm.forward(&x)?)?)?;
        x + self.outer.forward(&inner)?
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;

    #[test]
    fn unfolding_is_a_convolution_with_stride_of_its_size() {
        let tensors = reelbench_nn::Checkpoint::dummy(5).var_builder(DType::F32, &Device::Cpu);
        let (pixels, kernel) =
            (tensors.get((2, 3, 8, 12), "x").unwrap(), tensors.get((5, 3, 4, 4), "k").unwrap());
        let convolved =
            pixels.conv2d(&kernel, 0, 4, 1, 1).unwrap().flatten_from(2).unwrap().transpose(1, 2).unwrap();
        let linear = Linear::new(kernel.reshape((5, 48)).unwrap(), None);
        let unfolded = linear.forward(&unfold(&pixels, 4).unwrap()).unwrap();
        let difference = (convolved - unfolded).unwrap().abs().unwrap().flatten_all().unwrap();
        assert!(difference.max(0).unwrap().to_scalar::<f32>().unwrap() < 1e-6);
        assert!(unfold(&pixels, 5).is_err());
    }

    #[test]
    fn sizes_that_do_not_fit_are_named() {
        let good = ClipVisionConfig::vit_l_14_336();
        good.check().unwrap();
        let bad = ClipVisionConfig { patch_size: 15, ..good.clone() };
        assert!(bad.check().unwrap_err().starts_with("patch_size"));
        let bad = ClipVisionConfig { image_size: usize::MAX, ..good.clone() };
        assert!(bad.check().unwrap_err().starts_with("image_size"));
        let bad = ClipVisionConfig { num_attention_heads: 7, ..good.clone() };
        assert!(bad.check().unwrap_err().starts_with("num_attention_heads"));
        let bad = ClipVisionConfig { hidden_act: "gelu".to_owned(), ..good };
        assert!(bad.check().unwrap_err().starts_with("hidden_act"));
    }
}
