//! What the decoder attends to in a window.

use std::sync::Arc;

use candle_core::{DType, Result, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;
use reelbench_nn::{Bias, Linear, Precision};
use reelbench_protocol::Quantization;

use crate::matrix::{PANEL, Panels};

/// A window that was heard: its keys and values in every layer of the decoder. A clone is the same
/// window.
#[derive(Debug, Clone)]
pub struct Heard {
    layers: Arc<[Vec<Head>]>,
}

/// One head's keys and values.
#[derive(Debug)]
pub(super) struct Head {
    /// Shape (positions, width): products with a query are scores.
    pub(super) keys: Panels<f32>,
    /// Up to 64 values of the width at a time, shape (width, positions): products with scores are
    /// what comes out.
    pub(super) values: Vec<Panels<f32>>,
}

impl Heard {
    pub(super) fn new(layers: impl Iterator<Item = Result<Vec<Head>>>) -> Result<Self> {
        Ok(Self { layers: layers.collect::<Result<_>>()? })
    }

    /// The heads of one layer.
    pub(super) fn layer(&self, index: usize) -> &[Head] {
        self.layers.get(index).map_or(&[], Vec::as_slice)
    }

    /// Number of positions.
    pub(super) fn positions(&self) -> usize {
        self.layer(0).first().map_or(0, Head::positions)
    }
}

/// The projection of what the encoder heard to keys and values, once per window.
#[derive(Debug)]
pub(super) struct CrossProjection {
    linear: Linear,
}

impl CrossProjection {
    pub(super) fn load(d: usize, quantization: Quantization, vb: &VarBuilder<'_>) -> Result<Self> {
        let (k, v) = (vb.pp("k_proj"), vb.pp("v_proj"));
        let no_bias = Tensor::zeros(d, vb.dtype(), vb.device())?;
        let bias = Tensor::cat(&[no_bias, v.get(d, "bias")?], 0)?.to_dtype(DType::F32)?;
        let precision = Precision::quantized(quantization);
        let linear = Linear::load_joined(d, Bias::Without, &[(d, k), (d, v)], precision)?;
        Ok(Self { linear: linear.with_bias(bias) })
    }

    pub(super) fn bytes(&self) -> u64 {
        self.linear.weights_bytes()
    }

    /// The keys and values of every head in `encoded: [t, d]`.
    pub(super) fn apply(&self, encoded: &Tensor, heads: usize) -> Result<Vec<Head>> {
        let (t, d) = encoded.dims2()?;
        let both: Vec<f32> = self.linear.forward(encoded)?.flatten_all()?.to_vec1()?;
        let width = d / heads;
        let head = |head: usize| {
            let (keys, values) = (head * width, d + head * width);
            let part = |start: usize| {
                Panels::transposed(&both[values + start..], PANEL.min(width - start), t, 2 * d)
            };
            Head {
                keys: Panels::new(&both[keys..], t, width, 2 * d),
                values: (0..width).step_by(PANEL).map(part).collect(),
            }
        };
        Ok((0..heads).into_par_iter().map(head).collect())
    }
}

impl Head {
    /// Number of positions.
    pub(super) fn positions(&self) -> usize {
        self.values.first().map_or(0, Panels::columns)
    }
}
