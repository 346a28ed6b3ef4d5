//! What vision transformers have in common: patches in, layers with the norm in front
//! (Dosovitskiy et al.: "An image is worth 16x16 words", 2021).

use candle_core::{D, Result, Tensor, bail};
use candle_nn::VarBuilder;
use reelbench_nn::activation::quick_gelu;
use reelbench_nn::{Bias, LayerNorm, Linear, Precision, Visible, attention, bytes_of};

use crate::checks;
use crate::memory::{linears, singles};

/// A tower's sizes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct VitSizes {
    /// Width of a position.
    pub(crate) hidden: usize,
    /// Width inside the feed-forward part.
    pub(crate) inner: usize,
    /// Layers.
    pub(crate) layers: usize,
    /// Heads.
    pub(crate) heads: usize,
    /// Side of a picture in pixels.
    pub(crate) side: usize,
    /// Side of a patch in pixels.
    pub(crate) patch: usize,
    /// Added to the variance before its root.
    pub(crate) eps: f64,
}

impl VitSizes {
    /// Patches along a side.
    pub(crate) fn patches_per_side(&self) -> usize {
        self.side / self.patch
    }

    /// Positions: the class and every patch.
    pub(crate) fn positions(&self) -> usize {
        self.patches_per_side().pow(2) + 1
    }

    /// Bytes that the patches' kernel, the class, the positions and a norm will take up in memory.
    pub(crate) fn embeddings_bytes(&self) -> u64 {
        let kernel = Precision::SINGLE.weight_bytes(3 * self.patch.pow(2), self.hidden);
        kernel + singles(self.hidden * (1 + self.positions() + 2))
    }

    /// Bytes that the weights of a layer will take up in memory.
    pub(crate) fn layer_bytes(&self, layout: VitLayout, precision: Precision) -> u64 {
        let &Self { hidden, inner, .. } = self;
        let square = (hidden, hidden, hidden);
        let qkv = match layout {
            VitLayout::Clip => linears(precision, &[square; 3]),
            VitLayout::Blip { qkv_bias: Bias::With } => {
                linears(precision, &[(hidden, 3 * hidden, 3 * hidden)])
            }
            VitLayout::Blip { qkv_bias: Bias::Without } => linears(precision, &[(hidden, 3 * hidden, 0)]),
        };
        let others = [square, (hidden, inner, inner), (inner, hidden, hidden)];
        qkv + linears(precision, &others) + singles(4 * hidden)
    }

    /// Bytes that as many pictures are computed in.
    pub(crate) fn working_bytes(&self, pictures: usize) -> u64 {
        singles(pictures * self.positions() * 2 * (self.hidden + self.inner))
    }

    /// Checks that the sizes fit each other.
    ///
    /// # Errors
    /// What is wrong, beginning with the key that transformers gives it.
    pub(crate) fn check(&self) -> std::result::Result<(), String> {
        checks::counts(&[
            ("hidden_size", self.hidden, 1 << 16),
            ("intermediate_size", self.inner, 1 << 16),
            ("num_hidden_layers", self.layers, 1 << 10),
            ("image_size", self.side, 1 << 12),
        ])?;
        checks::heads(self.heads, self.hidden)?;
        if self.patch == 0 || self.side < self.patch || !self.side.is_multiple_of(self.patch) {
            return Err(format!(
                "patch_size: patches of {} pixels do not tile an image_size of {}",
                self.patch, self.side
            ));
        }
        Ok(())
    }
}

/// In what a layer of one model differs from those of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VitLayout {
    /// `q_proj`, `k_proj`, `v_proj` and `out_proj`; the quick form of GELU.
    Clip,
    /// `qkv` and `projection`; GELU with the error function.
    Blip {
        /// Whether queries, keys and values have one.
        qkv_bias: Bias,
    },
}

/// From pixels to positions.
#[derive(Debug)]
pub(crate) struct VitEmbeddings {
    patches: Linear,
    class: Tensor,
    positions: Tensor,
    patch: usize,
}

impl VitEmbeddings {
    /// Takes a convolution's `kernel`, of shape (hidden, 3, patch, patch), and its bias, the `class`
    /// of shape (hidden), and `positions` of shape (positions, hidden).
    ///
    /// # Errors
    /// When the kernel has another shape.
    pub(crate) fn new(
        kernel: &Tensor,
        bias: Option<Tensor>,
        class: Tensor,
        positions: Tensor,
    ) -> Result<Self> {
        let (_, _, _, patch) = kernel.dims4()?;
        Ok(Self { patches: Linear::new(kernel.flatten_from(1)?, bias), class, positions, patch })
    }

    /// Bytes that the weights take up in memory.
    pub(crate) fn weights_bytes(&self) -> u64 {
        self.patches.weights_bytes() + bytes_of(&self.class) + bytes_of(&self.positions)
    }

    /// `pixels` of shape (pictures, 3, side, side) to (pictures, positions, hidden), the class first.
    ///
    /// # Errors
    /// When the pictures have another size than the model's.
    pub(crate) fn forward(&self, pixels: &Tensor) -> Result<Tensor> {
        let patches = self.patches.forward(&unfold(pixels, self.patch)?)?;
        let (pictures, _, hidden) = patches.dims3()?;
        let class = self.class.broadcast_as((pictures, 1, hidden))?;
        Tensor::cat(&[&class, &patches], 1)?.broadcast_add(&self.positions)
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

/// Attention and a feed-forward part, each behind a norm and beside a way around it.
#[derive(Debug)]
pub(crate) struct VitLayer {
    attention_norm: LayerNorm,
    /// Queries, keys and values, one after another.
    qkv: Linear,
    output: Linear,
    mlp_norm: LayerNorm,
    inner: Linear,
    outer: Linear,
    heads: usize,
    layout: VitLayout,
}

impl VitLayer {
    /// Takes a layer's tensors.
    ///
    /// # Errors
    /// When one is missing or misshapen.
    pub(crate) fn load(
        sizes: &VitSizes,
        layout: VitLayout,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        let &VitSizes { hidden, inner, heads, eps, .. } = sizes;
        let (attention, mlp) = (tensors.pp("self_attn"), tensors.pp("mlp"));
        let (qkv, output) = match layout {
            VitLayout::Clip => {
                let parts = ["q_proj", "k_proj", "v_proj"].map(|name| (hidden, attention.pp(name)));
                (Linear::load_joined(hidden, Bias::With, &parts, precision)?, "out_proj")
            }
            VitLayout::Blip { qkv_bias } => {
                let qkv = attention.pp("qkv");
                (Linear::load(hidden, 3 * hidden, qkv_bias, &qkv, precision)?, "projection")
            }
        };
        Ok(Self {
            attention_norm: LayerNorm::load(hidden, eps, &tensors.pp("layer_norm1"))?,
            qkv,
            output: Linear::load(hidden, hidden, Bias::With, &attention.pp(output), precision)?,
            mlp_norm: LayerNorm::load(hidden, eps, &tensors.pp("layer_norm2"))?,
            inner: Linear::load(hidden, inner, Bias::With, &mlp.pp("fc1"), precision)?,
            outer: Linear::load(inner, hidden, Bias::With, &mlp.pp("fc2"), precision)?,
            heads,
            layout,
        })
    }

    /// Bytes that the weights take up in memory.
    pub(crate) fn weights_bytes(&self) -> u64 {
        let linears = [&self.qkv, &self.output, &self.inner, &self.outer];
        let norms = [&self.attention_norm, &self.mlp_norm];
        linears.map(Linear::weights_bytes).iter().sum::<u64>()
            + norms.map(LayerNorm::weights_bytes).iter().sum::<u64>()
    }

    /// `x` of shape (pictures, positions, hidden) to the same shape.
    ///
    /// # Errors
    /// When the shape is another.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (pictures, positions, hidden) = x.dims3()?;
        let head_dim = hidden / self.heads;
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let qkv = qkv.reshape((pictures, positions, 3 * self.heads, head_dim))?;
        let part = |index: usize| qkv.narrow(D::Minus2, index * self.heads, self.heads);
        let scale = (head_dim as f32).sqrt().recip();
        let attended = attention(&part(0)?, &part(1)?, &part(2)?, scale, Visible::All)?;
        let x = (x + self.output.forward(&attended)?)?;
        let inner = self.inner.forward(&self.mlp_norm.forward(&x)?)?;
        let inner = match self.layout {
            VitLayout::Clip => quick_gelu(&inner)?,
            VitLayout::Blip { .. } => inner.gelu_erf()?,
        };
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
        let good = VitSizes { hidden: 48, inner: 96, layers: 2, heads: 4, side: 56, patch: 14, eps: 1e-6 };
        good.check().unwrap();
        for (bad, key) in [
            (VitSizes { patch: 15, ..good }, "patch_size"),
            (VitSizes { patch: 0, ..good }, "patch_size"),
            (VitSizes { side: usize::MAX, ..good }, "image_size"),
            (VitSizes { heads: 7, ..good }, "num_attention_heads"),
            (VitSizes { layers: 0, ..good }, "num_hidden_layers"),
        ] {
            assert!(bad.check().unwrap_err().starts_with(key), "{bad:?}");
        }
    }
}
