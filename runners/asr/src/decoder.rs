//! Whisper's decoder: one token at a time, for one or more hypotheses at once, each about a window
//! of its own.
//!
//! A step moves all weights through the processor to multiply a few vectors with each, so it works
//! on plain slices: no tensor is made for a token. What a hypothesis comes to does not depend on
//! those beside it.
//!
//! Architecture: `WhisperDecoder` of transformers 4.46.3 (`modeling_whisper.py`).

mod attention;
mod heard;
mod hypotheses;
mod parts;

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::vector;
use reelbench_protocol::Quantization;

use crate::config::ModelConfig;
use crate::encoder::load_qkv;
use crate::matrix::Matrix;
use heard::CrossProjection;
pub use heard::Heard;
pub(crate) use hypotheses::Hypotheses;
use hypotheses::Scratch;
use parts::{Affine, Norm};

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

impl Layer {
    fn load(config: &ModelConfig, quantization: Quantization, vb: &VarBuilder<'_>) -> Result<Self> {
        let (d, inner) = (config.d_model, config.decoder_ffn_dim);
        let (attention, cross) = (vb.pp("self_attn"), vb.pp("encoder_attn"));
        let affine = |input, output, vb: VarBuilder<'_>| Affine::load(input, output, quantization, &vb);
        let (weight, bias) = load_qkv(d, &attention)?;
        Ok(Self {
            attention_norm: Norm::load(d, &vb.pp("self_attn_layer_norm"))?,
            qkv: Affine::new(&weight, &bias, quantization)?,
            out: affine(d, d, attention.pp("out_proj"))?,
            cross_norm: Norm::load(d, &vb.pp("encoder_attn_layer_norm"))?,
            cross_query: affine(d, d, cross.pp("q_proj"))?,
            cross_keys_values: CrossProjection::load(d, quantization, &cross)?,
            cross_out: affine(d, d, cross.pp("out_proj"))?,
            feed_forward_norm: Norm::load(d, &vb.pp("final_layer_norm"))?,
            expand: affine(d, inner, vb.pp("fc1"))?,
            contract: affine(inner, d, vb.pp("fc2"))?,
        })
    }

    fn bytes(&self) -> u64 {
        let affine = [&self.qkv, &self.out, &self.cross_query, &self.cross_out, &self.expand, &self.contract];
        let norms = [&self.attention_norm, &self.cross_norm, &self.feed_forward_norm];
        affine.iter().map(|affine| affine.bytes()).sum::<u64>()
            + norms.iter().map(|norm| norm.bytes()).sum::<u64>()
            + self.cross_keys_values.bytes()
    }
}

impl Decoder {
    /// Takes its tensors from `vb`, which stands at `model.decoder`. The embeddings of tokens are
    /// the weights of the last projection too, and are stored once, as that is.
    pub(crate) fn load(
        config: &ModelConfig,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        let d = config.d_model;
        let layer = |i: usize| Layer::load(config, quantization, &vb.pp(format!("layers.{i}")));
        let positions = vb.get((config.max_target_positions, d), "embed_positions.weight")?;
        Ok(Self {
            d,
            heads: config.decoder_attention_heads,
            context: config.max_target_positions,
            embeddings: Matrix::new(&vb.get((config.vocab_size, d), "embed_tokens.weight")?, quantization)?,
            positions: Matrix::new(&positions, Quantization::None)?,
            layers: (0..config.decoder_layers).map(layer).collect::<Result<_>>()?,
            norm: Norm::load(d, &vb.pp("layer_norm"))?,
        })
    }

    /// Bytes of the weights in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let layers: u64 = self.layers.iter().map(Layer::bytes).sum();
        self.embeddings.bytes() + self.positions.bytes() + layers + self.norm.bytes()
    }

    /// Tokens of a window at most, prompt included.
    pub(crate) fn context(&self) -> usize {
        self.context
    }

    /// What the decoder attends to in an encoded window `[1500, d]`.
    pub(crate) fn hear(&self, encoded: &Tensor) -> Result<Heard> {
        Heard::new(self.layers.iter().map(|layer| layer.cross_keys_values.apply(encoded, self.heads)))
    }

    /// Appends one token to every hypothesis: `tokens` are as many as there are hypotheses, each of
    /// which takes at most [`Self::context`].
    pub(crate) fn advance(&self, tokens: &[u32], hypotheses: &mut Hypotheses) {
        debug_assert_eq!(tokens.len(), hypotheses.rows.len());
        let Hypotheses { rows, scratch } = hypotheses;
        scratch.resize(rows.len(), self);
        self.embed(tokens, rows.iter().map(|row| row.length), scratch);
        for (index, layer) in self.layers.iter().enumerate() {
            self.attend_to_tokens(layer, index, rows, scratch);
            self.attend_to_sound(layer, index, rows, scratch);
            layer.feed_forward_norm.apply(&scratch.hidden, &mut scratch.normed);
            layer.expand.apply_gelu(&scratch.normed, &mut scratch.inner);
            layer.contract.apply(&scratch.inner, &mut scratch.projected);
            vector::add(&mut scratch.hidden, &scratch.projected);
        }
        for row in rows {
            row.length += 1;
        }
    }

    /// Computes the logits of each hypothesis' next token.
    pub(crate) fn predict(&self, hypotheses: &mut Hypotheses) {
        let scratch = &mut hypotheses.scratch;
        self.norm.apply(&scratch.hidden, &mut scratch.normed);
        self.embeddings.apply(&scratch.normed, &mut scratch.logits);
    }

    fn embed(&self, tokens: &[u32], positions: impl Iterator<Item = usize>, scratch: &mut Scratch) {
        let rows = scratch.hidden.chunks_exact_mut(self.d).zip(scratch.projected.chunks_exact_mut(self.d));
        for ((&token, position), (hidden, place)) in tokens.iter().zip(positions).zip(rows) {
            self.embeddings.row(token as usize, hidden);
            self.positions.row(position, place);
            vector::add(hidden, place);
        }
    }
}

#[cfg(test)]
mod tests;
