//! The layers of encoder and decoder. Nothing is scaled before a softmax: the weights were trained to
//! be small instead.

use candle_core::{D, Result, Tensor};
use candle_nn::VarBuilder;
use reelbench_nn::{Bias, KvCache, Linear, Precision, RmsNorm, Visible, attention};

use super::config::{Gelu, T5Config, outer_precision};

const SCALE: f32 = 1.0;

/// Keys and values of shape (1, positions, heads, dimension).
pub(super) type KeysValues = (Tensor, Tensor);

/// A prompt's keys and values for one layer, and how many rows look at them.
pub(super) type SeenByRows<'a> = (&'a KeysValues, usize);

/// Positions that look at each other.
#[derive(Debug)]
pub(super) struct SelfAttention {
    norm: RmsNorm,
    /// Queries, keys and values, one after another.
    qkv: Linear,
    output: Linear,
    heads: usize,
}

impl SelfAttention {
    pub(super) fn load(config: &T5Config, tensors: &VarBuilder<'_>, precision: Precision) -> Result<Self> {
        let (hidden, width) = (config.hidden_size, config.width());
        let attention = tensors.pp("SelfAttention");
        let qkv = ["q", "k", "v"].map(|name| (width, attention.pp(name)));
        Ok(Self {
            norm: RmsNorm::load(hidden, config.layer_norm_eps, &tensors.pp("layer_norm"))?,
            qkv: Linear::load_joined(hidden, Bias::Without, &qkv, precision)?,
            output: Linear::load(width, hidden, Bias::Without, &attention.pp("o"), precision)?,
            heads: config.heads,
        })
    }

    pub(super) fn weights_bytes(&self) -> u64 {
        self.norm.weights_bytes() + self.qkv.weights_bytes() + self.output.weights_bytes()
    }

    /// Queries, keys and values of shape (rows, positions, heads, dimension).
    fn qkv(&self, x: &Tensor) -> Result<[Tensor; 3]> {
        let (rows, positions, _) = x.dims3()?;
        let qkv = self.qkv.forward(&self.norm.forward(x)?)?;
        let qkv = qkv.reshape((rows, positions, 3 * self.heads, ()))?;
        let part = |index: usize| qkv.narrow(2, index * self.heads, self.heads);
        Ok([part(0)?, part(1)?, part(2)?])
    }

    /// All positions of `x`, of shape (rows, positions, hidden), with `bias` of shape
    /// (heads, positions, positions). Keys and values become a context of `cache`.
    pub(super) fn whole(&self, x: &Tensor, bias: &Tensor, cache: Option<&mut KvCache>) -> Result<Tensor> {
        let [q, k, v] = self.qkv(x)?;
        let attended = attention_with_bias(&q, &k, &v, bias)?;
        if let Some(cache) = cache {
            cache.add_context(Some((k, v)))?;
        }
        x + self.output.forward(&attended)?
    }

    /// One more position of each row, of shape (1, rows, hidden), with `bias` of shape (heads, positions).
    pub(super) fn step(&self, x: &Tensor, bias: &Tensor, cache: &mut KvCache) -> Result<Tensor> {
        let [q, k, v] = self.qkv(x)?;
        x + self.output.forward(&cache.step(&q, &k, &v, SCALE, Some(bias))?)?
    }
}

/// Softmax of `q·kᵀ + bias` times `v`, all of shape (rows, positions, heads, dimension): the result
/// has shape (rows, positions, heads * dimension).
fn attention_with_bias(q: &Tensor, k: &Tensor, v: &Tensor, bias: &Tensor) -> Result<Tensor> {
    let (rows, positions, _, _) = q.dims4()?;
    let q = q.transpose(1, 2)?.contiguous()?;
    let scores = q.matmul(&k.permute((0, 2, 3, 1))?.contiguous()?)?.broadcast_add(bias)?;
    let weights = candle_nn::ops::softmax_last_dim(&scores)?;
    let attended = weights.matmul(&v.transpose(1, 2)?.contiguous()?)?;
    attended.transpose(1, 2)?.reshape((rows, positions, ()))
}

/// The decoder's positions that look at the encoder's.
#[derive(Debug)]
pub(super) struct CrossAttention {
    norm: RmsNorm,
    queries: Linear,
    /// Keys, then values.
    keys_values: Linear,
    output: Linear,
    heads: usize,
}

impl CrossAttention {
    pub(super) fn load(config: &T5Config, tensors: &VarBuilder<'_>, precision: Precision) -> Result<Self> {
        let (hidden, width) = (config.hidden_size, config.width());
        let attention = tensors.pp("EncDecAttention");
        let keys_values = ["k", "v"].map(|name| (width, attention.pp(name)));
        Ok(Self {
            norm: RmsNorm::load(hidden, config.layer_norm_eps, &tensors.pp("layer_norm"))?,
            queries: Linear::load(hidden, width, Bias::Without, &attention.pp("q"), precision)?,
            keys_values: Linear::load_joined(hidden, Bias::Without, &keys_values, precision)?,
            output: Linear::load(width, hidden, Bias::Without, &attention.pp("o"), precision)?,
            heads: config.heads,
        })
    }

    pub(super) fn weights_bytes(&self) -> u64 {
        let linears = [&self.queries, &self.keys_values, &self.output].map(Linear::weights_bytes);
        self.norm.weights_bytes() + linears.iter().sum::<u64>()
    }

    /// Keys and values of what the encoder says, of shape (1, positions, hidden).
    pub(super) fn keys_values(&self, encoded: &Tensor) -> Result<KeysValues> {
        let kv = self.keys_values.forward(encoded)?;
        let kv = kv.reshape((1, encoded.dim(1)?, 2 * self.heads, ()))?;
        let part = |index: usize| kv.narrow(2, index * self.heads, self.heads)?.force_contiguous();
        Ok((part(0)?, part(1)?))
    }

    /// `x` of shape (1, rows, hidden), whose rows look at the prompts in order.
    pub(super) fn forward(&self, x: &Tensor, prompts: &[SeenByRows<'_>]) -> Result<Tensor> {
        let rows = x.dim(1)?;
        let q = self.queries.forward(&self.norm.forward(x)?)?.reshape((1, rows, self.heads, ()))?;
        let mut first = 0;
        let mut attended = Vec::with_capacity(prompts.len());
        for &((k, v), rows) in prompts {
            // To keys that they share, rows are as so many positions.
            attended.push(attention(&q.narrow(1, first, rows)?, k, v, SCALE, Visible::All)?);
            first += rows;
        }
        x + self.output.forward(&Tensor::cat(&attended, 1)?)?
    }
}

/// The feed-forward part, with a gate.
#[derive(Debug)]
pub(super) struct Mlp {
    norm: RmsNorm,
    /// Gates, then what they let through.
    gate_up: Linear,
    outer: Linear,
    gelu: Gelu,
}

impl Mlp {
    pub(super) fn load(config: &T5Config, tensors: &VarBuilder<'_>, precision: Precision) -> Result<Self> {
        let (hidden, inner) = (config.hidden_size, config.intermediate_size);
        let dense = tensors.pp("DenseReluDense");
        let gate_up = ["wi_0", "wi_1"].map(|name| (inner, dense.pp(name)));
        let outer = outer_precision(precision);
        Ok(Self {
            norm: RmsNorm::load(hidden, config.layer_norm_eps, &tensors.pp("layer_norm"))?,
            gate_up: Linear::load_joined(hidden, Bias::Without, &gate_up, precision)?,
            outer: Linear::load(inner, hidden, Bias::Without, &dense.pp("wo"), outer)?,
            gelu: config.gelu,
        })
    }

    pub(super) fn weights_bytes(&self) -> u64 {
        self.norm.weights_bytes() + self.gate_up.weights_bytes() + self.outer.weights_bytes()
    }

    /// `x` of shape (…, hidden).
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let gate_up = self.gate_up.forward(&self.norm.forward(x)?)?;
        let inner = gate_up.dim(D::Minus1)? / 2;
        let gate = gate_up.narrow(D::Minus1, 0, inner)?.contiguous()?;
        let gate = match self.gelu {
            Gelu::Exact => gate.gelu_erf()?,
            Gelu::Tanh => gate.gelu()?,
        };
        x + self.outer.forward(&(gate * gate_up.narrow(D::Minus1, inner, inner)?)?)?
    }
}
