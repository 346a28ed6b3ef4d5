//! Whisper's decoder: one token at a time, for one or more hypotheses at once.
//!
//! A step moves all weights through the processor to multiply a single vector with each, so it
//! works on plain slices: no tensor is made for a token.
//!
//! Architecture: `WhisperDecoder` of transformers 4.46.3 (`modeling_whisper.py`).

use candle_core::{DType, Result, Shape, Tensor};
use candle_nn::{Init, VarBuilder};
use rayon::prelude::*;
use reelbench_nn::vector;

use crate::config::ModelConfig;
use crate::encoder::{NORM_EPS, load_qkv};
use crate::matrix::Matrix;

/// Multiplications below which attention stays on one thread.
const PARALLEL_FROM: usize = 1 << 16;

/// The decoder.
#[derive(Debug)]
pub(crate) struct Decoder {
    d: usize,
    heads: usize,
    context: usize,
    embeddings: Matrix,
    positions: Matrix,
    layers: Vec<Layer>,
    norm: Norm,
}

#[derive(Debug)]
struct Layer {
    attention_norm: Norm,
    qkv: Affine,
    out: Affine,
    cross_norm: Norm,
    cross_query: Affine,
    cross_keys_values: CrossProjection,
    cross_out: Affine,
    feed_forward_norm: Norm,
    expand: Affine,
    contract: Affine,
}

/// `x · Wᵀ + b`.
#[derive(Debug)]
struct Affine {
    weight: Matrix,
    bias: Vec<f32>,
}

#[derive(Debug)]
struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// The projection of what the encoder heard to keys and values, once per window.
#[derive(Debug)]
struct CrossProjection {
    weight: Tensor,
    bias: Tensor,
}

/// A window that was heard.
///
/// Keys and values of it, per layer as `[2 · heads, 1500, d / heads]`: first all heads' keys, then
/// all heads' values.
#[derive(Debug)]
pub struct Heard {
    layers: Vec<Vec<f32>>,
}

/// Hypotheses about a window: the keys and values of their tokens, and room for a step.
#[derive(Debug)]
pub(crate) struct Hypotheses {
    /// How many there are.
    rows: usize,
    /// Tokens that each of them has.
    length: usize,
    /// Per layer and hypothesis `[length, d]`, with room for the whole context.
    keys: Vec<Vec<Vec<f32>>>,
    values: Vec<Vec<Vec<f32>>>,
    scratch: Scratch,
}

/// Buffers of one step, each for all hypotheses.
#[derive(Debug, Default)]
struct Scratch {
    hidden: Vec<f32>,
    normed: Vec<f32>,
    qkv: Vec<f32>,
    attended: Vec<f32>,
    projected: Vec<f32>,
    inner: Vec<f32>,
    scores: Vec<f32>,
    logits: Vec<f32>,
}

/// A vector as 32-bit floats, whatever type it is loaded in.
fn vector(tensor: &Tensor) -> Result<Vec<f32>> {
    tensor.to_dtype(DType::F32)?.to_vec1()
}

impl Affine {
    fn load(input: usize, output: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        Self::new(&vb.get((output, input), "weight")?, &vb.get(output, "bias")?)
    }

    fn new(weight: &Tensor, bias: &Tensor) -> Result<Self> {
        Ok(Self { weight: Matrix::new(weight)?, bias: vector(bias)? })
    }

    fn apply(&self, x: &[f32], out: &mut [f32]) {
        self.weight.apply(x, out);
        out.chunks_exact_mut(self.bias.len()).for_each(|row| vector::add(row, &self.bias));
    }

    fn bytes(&self) -> u64 {
        self.weight.bytes() + size_of_val(self.bias.as_slice()) as u64
    }
}

impl Norm {
    fn load(d: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let weight = vb.get_with_hints(Shape::from(d), "weight", Init::Const(1.0))?;
        Ok(Self { weight: vector(&weight)?, bias: vector(&vb.get(d, "bias")?)? })
    }

    fn apply(&self, x: &[f32], out: &mut [f32]) {
        let d = self.weight.len();
        for (x, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
            let mean = x.iter().sum::<f32>() / d as f32;
            let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f32>() / d as f32;
            let factor = (variance + NORM_EPS as f32).sqrt().recip();
            for (((out, x), weight), bias) in out.iter_mut().zip(x).zip(&self.weight).zip(&self.bias) {
                *out = (x - mean) * factor * weight + bias;
            }
        }
    }
}

impl CrossProjection {
    fn load(d: usize, vb: &VarBuilder<'_>) -> Result<Self> {
        let (k, v) = (vb.pp("k_proj"), vb.pp("v_proj"));
        let weight = Tensor::cat(&[k.get((d, d), "weight")?, v.get((d, d), "weight")?], 0)?;
        let no_bias = Tensor::zeros(d, vb.dtype(), vb.device())?;
        let bias = Tensor::cat(&[no_bias, v.get(d, "bias")?], 0)?;
        Ok(Self { weight: weight.to_dtype(DType::F32)?, bias: bias.to_dtype(DType::F32)? })
    }

    /// From `[t, d]` to `[2 · heads, t, d / heads]`.
    fn apply(&self, encoded: &Tensor, heads: usize) -> Result<Vec<f32>> {
        let (t, d) = encoded.dims2()?;
        let both = encoded.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?;
        both.reshape((t, 2 * heads, d / heads))?.transpose(0, 1)?.flatten_all()?.to_vec1()
    }
}

impl Layer {
    fn load(config: &ModelConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let (d, inner) = (config.d_model, config.decoder_ffn_dim);
        let (attention, cross) = (vb.pp("self_attn"), vb.pp("encoder_attn"));
        let (weight, bias) = load_qkv(d, &attention)?;
        Ok(Self {
            attention_norm: Norm::load(d, &vb.pp("self_attn_layer_norm"))?,
            qkv: Affine::new(&weight, &bias)?,
            out: Affine::load(d, d, &attention.pp("out_proj"))?,
            cross_norm: Norm::load(d, &vb.pp("encoder_attn_layer_norm"))?,
            cross_query: Affine::load(d, d, &cross.pp("q_proj"))?,
            cross_keys_values: CrossProjection::load(d, &cross)?,
            cross_out: Affine::load(d, d, &cross.pp("out_proj"))?,
            feed_forward_norm: Norm::load(d, &vb.pp("final_layer_norm"))?,
            expand: Affine::load(d, inner, &vb.pp("fc1"))?,
            contract: Affine::load(inner, d, &vb.pp("fc2"))?,
        })
    }

    fn bytes(&self) -> u64 {
        let affine = [&self.qkv, &self.out, &self.cross_query, &self.cross_out, &self.expand, &self.contract];
        let cross = &self.cross_keys_values;
        let single = cross.weight.elem_count() + cross.bias.elem_count() + 6 * self.cross_norm.weight.len();
        affine.iter().map(|affine| affine.bytes()).sum::<u64>() + (single * size_of::<f32>()) as u64
    }
}

impl Decoder {
    /// Takes its tensors from `vb`, which stands at `model.decoder`.
    pub(crate) fn load(config: &ModelConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let d = config.d_model;
        let layers = (0..config.decoder_layers).map(|i| Layer::load(config, &vb.pp(format!("layers.{i}"))));
        Ok(Self {
            d,
            heads: config.decoder_attention_heads,
            context: config.max_target_positions,
            embeddings: Matrix::new(&vb.get((config.vocab_size, d), "embed_tokens.weight")?)?,
            positions: Matrix::new(&vb.get((config.max_target_positions, d), "embed_positions.weight")?)?,
            layers: layers.collect::<Result<_>>()?,
            norm: Norm::load(d, &vb.pp("layer_norm"))?,
        })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let norm = (2 * self.d * size_of::<f32>()) as u64;
        let layers: u64 = self.layers.iter().map(Layer::bytes).sum();
        self.embeddings.bytes() + self.positions.bytes() + layers + norm
    }

    /// Tokens of a window at most, prompt included.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// What the decoder attends to in an encoded window `[1500, d]`.
    pub(crate) fn hear(&self, encoded: &Tensor) -> Result<Heard> {
        let layers = self.layers.iter().map(|layer| layer.cross_keys_values.apply(encoded, self.heads));
        Ok(Heard { layers: layers.collect::<Result<_>>()? })
    }

    /// Appends one token to every hypothesis: `tokens` are as many as there are hypotheses, at
    /// most [`Self::context`] times.
    pub(crate) fn advance(&self, tokens: &[u32], heard: &Heard, hypotheses: &mut Hypotheses) {
        let Hypotheses { rows, length, keys, values, scratch } = hypotheses;
        debug_assert!(tokens.len() == *rows && *length < self.context);
        scratch.resize(*rows, self);
        self.embed(tokens, *length, scratch);
        let caches = keys.iter_mut().zip(values.iter_mut());
        for ((layer, heard), (keys, values)) in self.layers.iter().zip(&heard.layers).zip(caches) {
            self.attend_to_tokens(layer, *length, keys, values, scratch);
            self.attend_to_sound(layer, heard, scratch);
            layer.feed_forward_norm.apply(&scratch.hidden, &mut scratch.normed);
            layer.expand.weight.apply(&scratch.normed, &mut scratch.inner);
            let inner_rows = scratch.inner.chunks_exact_mut(layer.expand.bias.len());
            inner_rows.for_each(|row| vector::gelu_with_bias(row, &layer.expand.bias));
            layer.contract.apply(&scratch.inner, &mut scratch.projected);
            vector::add(&mut scratch.hidden, &scratch.projected);
        }
        *length += 1;
    }

    /// Computes the logits of each hypothesis' next token.
    pub(crate) fn predict(&self, hypotheses: &mut Hypotheses) {
        let scratch = &mut hypotheses.scratch;
        self.norm.apply(&scratch.hidden, &mut scratch.normed);
        self.embeddings.apply(&scratch.normed, &mut scratch.logits);
    }

    fn embed(&self, tokens: &[u32], position: usize, scratch: &mut Scratch) {
        let rows = scratch.hidden.chunks_exact_mut(self.d).zip(scratch.projected.chunks_exact_mut(self.d));
        for (&token, (hidden, place)) in tokens.iter().zip(rows) {
            self.embeddings.row(token as usize, hidden);
            self.positions.row(position, place);
            vector::add(hidden, place);
        }
    }

    fn attend_to_tokens(
        &self,
        layer: &Layer,
        position: usize,
        keys: &mut [Vec<f32>],
        values: &mut [Vec<f32>],
        scratch: &mut Scratch,
    ) {
        let d = self.d;
        layer.attention_norm.apply(&scratch.hidden, &mut scratch.normed);
        layer.qkv.apply(&scratch.normed, &mut scratch.qkv);
        let rows = scratch.qkv.chunks_exact(3 * d).zip(scratch.attended.chunks_exact_mut(d));
        for ((qkv, out), (keys, values)) in rows.zip(keys.iter_mut().zip(values)) {
            keys.extend_from_slice(&qkv[d..2 * d]);
            values.extend_from_slice(&qkv[2 * d..]);
            self.attend(&qkv[..d], out, &mut scratch.scores, position + 1, |head| {
                let column = head * (d / self.heads);
                (Rows { values: &keys[column..], stride: d }, Rows { values: &values[column..], stride: d })
            });
        }
        layer.out.apply(&scratch.attended, &mut scratch.projected);
        vector::add(&mut scratch.hidden, &scratch.projected);
    }

    fn attend_to_sound(&self, layer: &Layer, heard: &[f32], scratch: &mut Scratch) {
        let d = self.d;
        let width = d / self.heads;
        layer.cross_norm.apply(&scratch.hidden, &mut scratch.normed);
        layer.cross_query.apply(&scratch.normed, &mut scratch.projected);
        let (keys, values) = heard.split_at(heard.len() / 2);
        let head_size = keys.len() / self.heads;
        let t = head_size / width;
        let rows = scratch.projected.chunks_exact(d).zip(scratch.attended.chunks_exact_mut(d));
        for (query, out) in rows {
            self.attend(query, out, &mut scratch.scores, t, |head| {
                let place = head * head_size..(head + 1) * head_size;
                let (keys, values) = (&keys[place.clone()], &values[place]);
                (Rows { values: keys, stride: width }, Rows { values, stride: width })
            });
        }
        layer.cross_out.apply(&scratch.attended, &mut scratch.projected);
        vector::add(&mut scratch.hidden, &scratch.projected);
    }

    /// Attention of one query `[d]` to `t` keys and values of each head.
    fn attend<'a>(
        &self,
        query: &[f32],
        out: &mut [f32],
        scores: &mut [f32],
        t: usize,
        of_head: impl Fn(usize) -> (Rows<'a>, Rows<'a>) + Sync,
    ) {
        let width = self.d / self.heads;
        let scale = (width as f32).sqrt().recip();
        let attend_head = |(head, (out, scores)): (usize, (&mut [f32], &mut [f32]))| {
            let query = &query[head * width..(head + 1) * width];
            let (keys, values) = of_head(head);
            let scores = &mut scores[..t];
            for (score, key) in scores.iter_mut().zip(keys.iter(width)) {
                *score = vector::dot(query, key);
            }
            vector::softmax(scores, scale);
            out.fill(0.0);
            for (&score, value) in scores.iter().zip(values.iter(width)) {
                vector::add_scaled(out, score, value);
            }
        };
        let scores_per_head = scores.len() / self.heads;
        if self.d * t < PARALLEL_FROM {
            let heads = out.chunks_exact_mut(width).zip(scores.chunks_exact_mut(scores_per_head));
            heads.enumerate().for_each(attend_head);
        } else {
            let heads = out.par_chunks_exact_mut(width).zip(scores.par_chunks_exact_mut(scores_per_head));
            heads.enumerate().for_each(attend_head);
        }
    }
}

/// Vectors at equal distances in a slice.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f32],
    stride: usize,
}

impl<'a> Rows<'a> {
    fn iter(self, width: usize) -> impl Iterator<Item = &'a [f32]> {
        self.values.chunks(self.stride).map(move |row| &row[..width])
    }
}

impl Scratch {
    fn resize(&mut self, rows: usize, decoder: &Decoder) {
        let d = decoder.d;
        let inner = decoder.layers.first().map_or(0, |layer| layer.expand.bias.len());
        for buffer in [&mut self.hidden, &mut self.normed, &mut self.attended, &mut self.projected] {
            buffer.resize(rows * d, 0.0);
        }
        self.qkv.resize(rows * 3 * d, 0.0);
        self.inner.resize(rows * inner, 0.0);
        self.logits.resize(rows * decoder.embeddings.rows(), 0.0);
    }
}

impl Hypotheses {
    /// One hypothesis without tokens about a window.
    pub(crate) fn new(decoder: &Decoder, heard: &Heard) -> Self {
        let room = decoder.context * decoder.d;
        let cache = || (0..decoder.layers.len()).map(|_| vec![Vec::with_capacity(room)]).collect();
        let heard_positions = heard.layers.first().map_or(0, |layer| layer.len() / (2 * decoder.d));
        let scores = vec![0.0; decoder.heads * heard_positions.max(decoder.context)];
        let scratch = Scratch { scores, ..Scratch::default() };
        Self { rows: 1, length: 0, keys: cache(), values: cache(), scratch }
    }

    /// The logits that [`Decoder::predict`] computed last, one row per hypothesis.
    pub(crate) fn logits(&mut self) -> impl Iterator<Item = &mut [f32]> {
        let vocab_size = (self.scratch.logits.len() / self.rows).max(1);
        self.scratch.logits.chunks_exact_mut(vocab_size)
    }

    /// Goes on with hypothesis `parents[i]` as the `i`-th.
    pub(crate) fn select(&mut self, parents: &[usize]) {
        for cache in self.keys.iter_mut().chain(&mut self.values) {
            *cache = parents.iter().map(|&parent| copy_with_room(&cache[parent])).collect();
        }
        self.rows = parents.len();
    }
}

/// A copy that can grow as far as the original without moving.
fn copy_with_room(values: &Vec<f32>) -> Vec<f32> {
    let mut copy = Vec::with_capacity(values.capacity());
    copy.extend_from_slice(values);
    copy
}

#[cfg(test)]
mod tests;
