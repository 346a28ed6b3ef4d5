//! From the features of windows to a logit for every label.
//!
//! Architecture: `ASTForAudioClassification` of transformers 4.46.3 (`modeling_audio_spectrogram_transformer.py`), after
//! Gong, Chung, Glass: "AST: Audio Spectrogram Transformer", 2021.

use candle_core::{CpuStorage, CustomOp1, Device, Layout, Result, Shape, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use rayon::prelude::*;
use reelbench_nn::storage::contiguous_floats;
use reelbench_nn::{Bias, LayerNorm, Visible, attention};
use reelbench_protocol::Quantization;

use crate::config::ModelConfig;
use crate::projection::Projection;

/// Tokens that gather what the patches say: one learnt from labels, one by distillation.
const GATHERING: usize = 2;

/// The network.
#[derive(Debug)]
pub(crate) struct Model {
    embeddings: Embeddings,
    layers: Vec<Layer>,
    norm: LayerNorm,
    head_norm: LayerNorm,
    head: Projection,
}

impl Model {
    /// Takes its tensors from `vb`, which stands at the checkpoint's root, and quantizes the linear layers of the
    /// blocks. Patches and labels stay in 32-bit floats: they are few, and all that is known goes through them.
    pub(crate) fn load(
        config: &ModelConfig,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let (d, eps) = (config.hidden_size, config.layer_norm_eps);
        let encoder = vb.pp("audio_spectrogram_transformer");
        let layers = (0..config.num_hidden_layers)
            .map(|i| Layer::load(config, quantization, &encoder.pp(format!("encoder.layer.{i}"))));
        let classifier = vb.pp("classifier");
        Ok(Self {
            embeddings: Embeddings::load(config, &encoder.pp("embeddings"))?,
            layers: layers.collect::<Result<_>>()?,
            norm: LayerNorm::load(d, eps, &encoder.pp("layernorm"))?,
            head_norm: LayerNorm::load(d, eps, &classifier.pp("layernorm"))?,
            head: Projection::load(d, config.label_count(), Quantization::None, &classifier.pp("dense"))?,
        })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let layers =
            self.layers.iter().flat_map(|layer| [&layer.qkv, &layer.out, &layer.expand, &layer.contract]);
        let projections: u64 =
            layers.chain([&self.embeddings.projection, &self.head]).map(Projection::bytes).sum();
        let Embeddings { gathering, positions, .. } = &self.embeddings;
        let width = gathering.elem_count() / GATHERING;
        // Two norms in a block and two behind all of them, each with weight and bias.
        let norms = (2 * self.layers.len() + 2) * 2 * width;
        projections + ((gathering.elem_count() + positions.elem_count() + norms) * size_of::<f32>()) as u64
    }

    /// From `features` of windows `[windows, frames, mels]`, one after another, to logits `[windows, labels]`.
    ///
    /// After the last block but one windows are taken by themselves: what is left is for few rows, whose products
    /// depend on how many they are in the last bits. So a window's logits are the same in every batch.
    pub(crate) fn forward(&self, features: Vec<f32>, windows: usize) -> Result<Tensor> {
        let x = self.embeddings.forward(features, windows)?;
        let Some((last, before)) = self.layers.split_last() else { bail!("the model has no blocks") };
        let x = before.iter().try_fold(x, |x, layer| layer.forward(&x, Wanted::All))?;
        let logits = (0..windows).map(|window| {
            let gathered = last.forward(&x.narrow(0, window, 1)?, Wanted::Gathering)?;
            let pooled = self.norm.forward(&gathered)?.mean(1)?;
            self.head.forward(&self.head_norm.forward(&pooled)?)
        });
        Tensor::cat(&logits.collect::<Result<Vec<_>>>()?, 0)
    }
}

/// Patches of the spectrogram with their positions.
#[derive(Debug)]
struct Embeddings {
    unfold: Unfold,
    projection: Projection,
    /// The gathering tokens at their positions `[1, 2, d]`.
    gathering: Tensor,
    /// The patches' positions `[1, patches, d]`.
    positions: Tensor,
    device: Device,
}

impl Embeddings {
    fn load(config: &ModelConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let (d, side, tokens) = (config.hidden_size, config.patch_size, config.tokens());
        let token = |name: &str| vb.get_with_hints((1, 1, d), name, Init::Const(0.0));
        let gathering = Tensor::cat(&[token("cls_token")?, token("distillation_token")?], 1)?;
        let positions = vb.get((1, tokens, d), "position_embeddings")?;
        let vb_patch = vb.pp("patch_embeddings.projection");
        // The kernel's axes are mels and frames; a patch is copied frame by frame, of which the mels lie together.
        let kernel = vb_patch.get((d, 1, side, side), "weight")?.transpose(2, 3)?.contiguous()?;
        let kernel = kernel.reshape((d, side * side))?;
        Ok(Self {
            unfold: Unfold::new(config),
            projection: Projection::new(kernel, vb_patch.get(d, "bias")?),
            gathering: (gathering + positions.narrow(1, 0, GATHERING)?)?,
            positions: positions.narrow(1, GATHERING, tokens - GATHERING)?,
            device: vb.device().clone(),
        })
    }

    /// From features `[windows, frames, mels]` to tokens `[windows, tokens, d]`.
    fn forward(&self, features: Vec<f32>, windows: usize) -> Result<Tensor> {
        let Unfold { frames, mels, .. } = self.unfold;
        let features = Tensor::from_vec(features, (windows, frames, mels), &self.device)?;
        let patches = self.projection.forward(&features.apply_op1_no_bwd(&self.unfold)?)?;
        let patches = patches.broadcast_add(&self.positions)?;
        let (_, count, d) = self.gathering.dims3()?;
        Tensor::cat(&[&self.gathering.expand((windows, count, d))?, &patches], 1)
    }
}

/// Every patch as a row: from `[windows, frames, mels]` to `[windows, patches, side * side]`.
#[derive(Debug, Clone, Copy)]
struct Unfold {
    frames: usize,
    mels: usize,
    side: usize,
    strides: (usize, usize),
    patches: (usize, usize),
}

impl Unfold {
    fn new(config: &ModelConfig) -> Self {
        Self {
            frames: config.max_length,
            mels: config.num_mel_bins,
            side: config.patch_size,
            strides: (config.frequency_stride, config.time_stride),
            patches: config.patches(),
        }
    }
}

impl CustomOp1 for Unfold {
    fn name(&self) -> &'static str {
        "unfold-patches"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Self { frames, mels, side, strides, patches } = *self;
        let (windows, ..) = layout.shape().dims3()?;
        if layout.dims() != [windows, frames, mels] {
            bail!("patches of {frames} frames of {mels} mel filters cannot be cut from {:?}", layout.dims());
        }
        let x = contiguous_floats(x, layout)?;
        let (count, size) = (patches.0 * patches.1, side * side);
        let mut out = vec![0f32; windows * count * size];
        out.par_chunks_mut(patches.1 * size).enumerate().for_each(|(row, out)| {
            let window = &x[row / patches.0 * frames * mels..][..frames * mels];
            let mel = row % patches.0 * strides.0;
            for (along_frames, patch) in out.chunks_exact_mut(size).enumerate() {
                let rows = window.chunks_exact(mels).skip(along_frames * strides.1);
                for (patch, frame) in patch.chunks_exact_mut(side).zip(rows) {
                    patch.copy_from_slice(&frame[mel..mel + side]);
                }
            }
        });
        Ok((CpuStorage::F32(out), Shape::from((windows, count, size))))
    }
}

/// Which tokens a block has to tell of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// All, because a block follows that attends to them.
    All,
    /// The gathering ones: nobody reads the others after the last block.
    Gathering,
}

#[derive(Debug)]
struct Layer {
    heads: usize,
    attention_norm: LayerNorm,
    qkv: Projection,
    out: Projection,
    feed_forward_norm: LayerNorm,
    expand: Projection,
    contract: Projection,
}

impl Layer {
    fn load(config: &ModelConfig, quantization: Quantization, vb: &VarBuilder<'_>) -> Result<Self> {
        let (d, inner) = (config.hidden_size, config.intermediate_size);
        let norm = |name: &str| LayerNorm::load(d, config.layer_norm_eps, &vb.pp(name));
        let attention = vb.pp("attention.attention");
        let parts = ["query", "key", "value"].map(|name| attention.pp(name));
        let bias = if config.qkv_bias { Bias::With } else { Bias::Without };
        let load =
            |inputs, outputs, name: &str| Projection::load(inputs, outputs, quantization, &vb.pp(name));
        Ok(Self {
            heads: config.num_attention_heads,
            attention_norm: norm("layernorm_before")?,
            qkv: Projection::load_joined(d, d, bias, quantization, &parts)?,
            out: load(d, d, "attention.output.dense")?,
            feed_forward_norm: norm("layernorm_after")?,
            expand: load(d, inner, "intermediate.dense")?,
            contract: load(inner, d, "output.dense")?,
        })
    }

    /// `[windows, tokens, d]` to `[windows, wanted tokens, d]`.
    fn forward(&self, x: &Tensor, wanted: Wanted) -> Result<Tensor> {
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let tokens = match wanted {
            Wanted::All => x.dim(1)?,
            Wanted::Gathering => GATHERING,
        };
        let x = x.narrow(1, 0, tokens)?.contiguous()?;
        let x = self.out.forward_onto(&x, &self.attend(&qkv, tokens)?)?;
        let inner = self.expand.forward_gelu(&self.feed_forward_norm.forward(&x)?)?;
        self.contract.forward_onto(&x, &inner)
    }

    /// What the first `queries` tokens hear from all: `[windows, tokens, 3 d]` to `[windows, queries, d]`.
    fn attend(&self, qkv: &Tensor, queries: usize) -> Result<Tensor> {
        let (windows, tokens, width) = qkv.dims3()?;
        let dimension = width / 3 / self.heads;
        let qkv = qkv.reshape((windows, tokens, 3 * self.heads, dimension))?;
        let part = |i: usize| qkv.narrow(2, i * self.heads, self.heads);
        let scale = (dimension as f32).sqrt().recip();
        attention(&part(0)?.narrow(1, 0, queries)?, &part(1)?, &part(2)?, scale, Visible::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::presets::Preset;

    #[test]
    fn patches_go_frame_by_frame_from_low_to_high_mels() {
        let config = ModelConfig {
            patch_size: 2,
            frequency_stride: 2,
            time_stride: 1,
            max_length: 3,
            num_mel_bins: 5,
            ..Preset::find("ast-tiny").unwrap().model_config()
        };
        let x = Tensor::arange(0f32, 30.0, &Device::Cpu).unwrap().reshape((2, 3, 5)).unwrap();
        let patches = x.apply_op1_no_bwd(&Unfold::new(&config)).unwrap();
        let rows: Vec<Vec<Vec<f32>>> = patches.to_vec3().unwrap();
        assert_eq!(rows[0], [[0., 1., 5., 6.], [5., 6., 10., 11.], [2., 3., 7., 8.], [7., 8., 12., 13.]]);
        assert_eq!(rows[1][3], [22., 23., 27., 28.]);
        assert!(
            x.narrow(1, 0, 2).unwrap().contiguous().unwrap().apply_op1_no_bwd(&Unfold::new(&config)).is_err()
        );
    }

    #[test]
    fn the_last_block_leaves_out_only_what_nobody_reads() {
        let config = Preset::find("ast-tiny").unwrap().model_config();
        let tensors = reelbench_nn::Checkpoint::dummy(1).var_builder(candle_core::DType::F32, &Device::Cpu);
        let layer = Layer::load(&config, Quantization::None, &tensors.pp("layer")).unwrap();
        let x = tensors.get((2, 40, config.hidden_size), "x").unwrap();
        let all = layer.forward(&x, Wanted::All).unwrap().narrow(1, 0, GATHERING).unwrap();
        let gathering = layer.forward(&x, Wanted::Gathering).unwrap();
        let difference = (all - gathering).unwrap().abs().unwrap().flatten_all().unwrap();
        let largest: f32 = difference.max(0).unwrap().to_scalar().unwrap();
        assert!(largest < 1e-5, "{largest}");
    }
}
