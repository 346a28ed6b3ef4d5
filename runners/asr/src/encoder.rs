//! Whisper's encoder: from a window of log-mel frames to one vector per 20 ms.
//!
//! Architecture: `WhisperEncoder` of transformers 4.46.3 (`modeling_whisper.py`).

use candle_core::{CpuStorage, D, Device, InplaceOp2, Layout, Tensor, bail};
use candle_nn::VarBuilder;
use rayon::prelude::*;
use reelbench_nn::storage::{contiguous_floats, contiguous_floats_mut};
use reelbench_nn::vector;
use reelbench_nn::{Bias, LayerNorm, Linear, Precision, Visible, attention};
use reelbench_protocol::Quantization;

use crate::config::ModelConfig;
use crate::mel::WINDOW_FRAMES;

/// What the square root in a layer norm is kept away from zero by.
pub(crate) const NORM_EPS: f64 = 1e-5;

/// The encoder.
#[derive(Debug)]
pub(crate) struct Encoder {
    mels: usize,
    device: Device,
    conv1: Projection,
    conv2: Projection,
    positions: Tensor,
    layers: Vec<Layer>,
    norm: LayerNorm,
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

/// `x · Wᵀ + b`, the bias added in place.
#[derive(Debug)]
struct Projection {
    linear: Linear,
    bias: Tensor,
}

impl Projection {
    fn load(
        input: usize,
        output: usize,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> candle_core::Result<Self> {
        let linear = Linear::load(input, output, Bias::Without, vb, Precision::quantized(quantization))?;
        Ok(Self { linear, bias: vb.get(output, "bias")? })
    }

    /// The projections to queries, keys and values as one.
    fn load_qkv(d: usize, quantization: Quantization, vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let parts = QKV.map(|name| (d, vb.pp(name)));
        let linear = Linear::load_joined(d, Bias::Without, &parts, Precision::quantized(quantization))?;
        Ok(Self { linear, bias: qkv_bias(d, vb)? })
    }

    /// A convolution over time of 3 steps as a projection of 3 neighbouring frames.
    fn load_conv(input: usize, output: usize, vb: &VarBuilder<'_>) -> candle_core::Result<Self> {
        let weight = vb.get((output, input, 3), "weight")?.transpose(1, 2)?.contiguous()?;
        let weight = weight.reshape((output, 3 * input))?;
        Ok(Self { linear: Linear::new(weight, None), bias: vb.get(output, "bias")? })
    }

    fn bytes(&self) -> u64 {
        self.linear.weights_bytes() + (self.bias.elem_count() * size_of::<f32>()) as u64
    }

    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = self.linear.forward(x)?;
        y.inplace_op2(&self.bias, &ToEachRow(vector::add))?;
        Ok(y)
    }

    fn forward_gelu(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = self.linear.forward(x)?;
        y.inplace_op2(&self.bias, &ToEachRow(vector::gelu_with_bias))?;
        Ok(y)
    }

    /// The projection of `x` added to `residual`.
    fn forward_onto(&self, residual: &Tensor, x: &Tensor) -> candle_core::Result<Tensor> {
        let y = self.forward(x)?;
        y.inplace_op2(residual, &AddTensor)?;
        Ok(y)
    }
}

/// The projections to queries, keys and values.
const QKV: [&str; 3] = ["q_proj", "k_proj", "v_proj"];

/// Fused weights `[3d, d]` and bias `[3d]` of the projections to queries, keys and values.
pub(crate) fn load_qkv(d: usize, vb: &VarBuilder<'_>) -> candle_core::Result<(Tensor, Tensor)> {
    let weights = QKV.map(|name| vb.pp(name).get((d, d), "weight"));
    let weights = weights.into_iter().collect::<candle_core::Result<Vec<_>>>()?;
    Ok((Tensor::cat(&weights, 0)?, qkv_bias(d, vb)?))
}

/// Their biases, of which keys have none.
fn qkv_bias(d: usize, vb: &VarBuilder<'_>) -> candle_core::Result<Tensor> {
    let no_bias = Tensor::zeros(d, vb.dtype(), vb.device())?;
    Tensor::cat(&[vb.pp("q_proj").get(d, "bias")?, no_bias, vb.pp("v_proj").get(d, "bias")?], 0)
}

impl Layer {
    fn load(
        config: &ModelConfig,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> candle_core::Result<Self> {
        let (d, inner) = (config.d_model, config.encoder_ffn_dim);
        let norm = |name: &str| LayerNorm::load(d, NORM_EPS, &vb.pp(name));
        let projection = |input, output, name| Projection::load(input, output, quantization, &vb.pp(name));
        Ok(Self {
            heads: config.encoder_attention_heads,
            attention_norm: norm("self_attn_layer_norm")?,
            qkv: Projection::load_qkv(d, quantization, &vb.pp("self_attn"))?,
            out: projection(d, d, "self_attn.out_proj")?,
            feed_forward_norm: norm("final_layer_norm")?,
            expand: projection(d, inner, "fc1")?,
            contract: projection(inner, d, "fc2")?,
        })
    }

    /// `[t, d]` to `[t, d]`.
    fn forward(&self, x: &Tensor) -> candle_core::Result<Tensor> {
        let qkv = self.qkv.forward(&self.attention_norm.forward(x)?)?;
        let x = self.out.forward_onto(x, &self.attend(&qkv)?)?;
        let inner = self.expand.forward_gelu(&self.feed_forward_norm.forward(&x)?)?;
        self.contract.forward_onto(&x, &inner)
    }

    /// `[t, 3d]` to `[t, d]`.
    fn attend(&self, qkv: &Tensor) -> candle_core::Result<Tensor> {
        let (t, width) = qkv.dims2()?;
        let dimension = width / 3 / self.heads;
        let qkv = qkv.reshape((1, t, 3 * self.heads, dimension))?;
        let part = |i: usize| qkv.narrow(2, i * self.heads, self.heads);
        let scale = (dimension as f32).sqrt().recip();
        attention(&part(0)?, &part(1)?, &part(2)?, scale, Visible::All)?.squeeze(0)
    }
}

impl Encoder {
    /// Takes its tensors from `vb`, which stands at `model.encoder`. The convolutions and positions
    /// are never quantized.
    pub(crate) fn load(
        config: &ModelConfig,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> candle_core::Result<Self> {
        let d = config.d_model;
        let layer = |i: usize| Layer::load(config, quantization, &vb.pp(format!("layers.{i}")));
        Ok(Self {
            mels: config.num_mel_bins,
            device: vb.device().clone(),
            conv1: Projection::load_conv(config.num_mel_bins, d, &vb.pp("conv1"))?,
            conv2: Projection::load_conv(d, d, &vb.pp("conv2"))?,
            positions: vb.get((config.max_source_positions, d), "embed_positions.weight")?,
            layers: (0..config.encoder_layers).map(layer).collect::<candle_core::Result<_>>()?,
            norm: LayerNorm::load(d, NORM_EPS, &vb.pp("layer_norm"))?,
        })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let layers =
            self.layers.iter().flat_map(|layer| [&layer.qkv, &layer.out, &layer.expand, &layer.contract]);
        let projections: u64 = layers.chain([&self.conv1, &self.conv2]).map(Projection::bytes).sum();
        let (_, d) = self.positions.dims2().unwrap_or_default();
        let norms = (2 * self.layers.len() + 1) * 2 * d;
        projections + ((norms + self.positions.elem_count()) * size_of::<f32>()) as u64
    }

    /// From a window `[3000, mels]` to `[1500, d]`.
    pub(crate) fn forward(&self, window: Vec<f32>) -> candle_core::Result<Tensor> {
        let x = Tensor::from_vec(window, (WINDOW_FRAMES, self.mels), &self.device)?;
        let x = self.conv1.forward_gelu(&neighbours(&x, 1)?)?;
        let x = self.conv2.forward_gelu(&neighbours(&x, 2)?)?;
        let x = (x + &self.positions)?;
        let x = self.layers.iter().try_fold(x, |x, layer| layer.forward(&x))?;
        self.norm.forward(&x)
    }
}

/// For every `stride`-th row of `x: [t, c]` that row between its neighbours, `[t / stride, 3c]`;
/// rows outside are 0.
fn neighbours(x: &Tensor, stride: usize) -> candle_core::Result<Tensor> {
    let (t, c) = x.dims2()?;
    let outputs = t / stride;
    let padded = x.pad_with_zeros(0, 1, 1)?;
    // Row `i` of part `p` is row `i · stride + p` of the padded input: every `stride`-th row from p.
    let part = |p: usize| {
        let rows = padded.narrow(0, p, (outputs - 1) * stride + 1)?;
        let rows = rows.pad_with_zeros(0, 0, stride - 1)?;
        rows.reshape((outputs, stride * c))?.narrow(1, 0, c)
    };
    Tensor::cat(&[part(0)?, part(1)?, part(2)?], D::Minus1)
}

/// Rows that one task works on at least.
const ROWS_PER_TASK: usize = 16;

/// Applies a function in place to every row of the first tensor and the whole of the second.
struct ToEachRow(fn(&mut [f32], &[f32]));

impl InplaceOp2 for ToEachRow {
    fn name(&self) -> &'static str {
        "to-each-row"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        row: &CpuStorage,
        row_layout: &Layout,
    ) -> candle_core::Result<()> {
        let row = contiguous_floats(row, row_layout)?;
        let rows = contiguous_floats_mut(x, x_layout)?.par_chunks_mut(row.len().max(1));
        rows.with_min_len(ROWS_PER_TASK).for_each(|x| self.0(x, row));
        Ok(())
    }
}

/// Adds the second tensor to the first, in place.
struct AddTensor;

impl InplaceOp2 for AddTensor {
    fn name(&self) -> &'static str {
        "add-tensor"
    }

    fn cpu_fwd(
        &self,
        x: &mut CpuStorage,
        x_layout: &Layout,
        y: &CpuStorage,
        y_layout: &Layout,
    ) -> candle_core::Result<()> {
        let (x, y) = (contiguous_floats_mut(x, x_layout)?, contiguous_floats(y, y_layout)?);
        if x.len() != y.len() {
            bail!("{} values cannot be added to {}", y.len(), x.len());
        }
        let piece = 1 << 14;
        x.par_chunks_mut(piece).zip(y.par_chunks(piece)).for_each(|(x, y)| vector::add(x, y));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_the_columns_of_a_convolution() {
        let x =
            Tensor::from_vec((1..=12).map(|i| i as f32).collect::<Vec<_>>(), (6, 2), &Device::Cpu).unwrap();
        let one: Vec<Vec<f32>> = neighbours(&x, 1).unwrap().to_vec2().unwrap();
        assert_eq!(one.len(), 6);
        assert_eq!(one[0], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(one[5], [9.0, 10.0, 11.0, 12.0, 0.0, 0.0]);
        let two: Vec<Vec<f32>> = neighbours(&x, 2).unwrap().to_vec2().unwrap();
        assert_eq!(two.len(), 3);
        assert_eq!(two[0], [0.0, 0.0, 1.0, 2.0, 3.0, 4.0]);
        assert_eq!(two[2], [7.0, 8.0, 9.0, 10.0, 11.0, 12.0]);
    }
}
