//! NF4, the 4-bit weights of bitsandbytes, exactly as version 0.50.2 computes them on the processor.
//!
//! 64 neighbours of a tensor, row by row, share a scale, the largest magnitude among them, and each
//! is one of sixteen fractions of it. Scales are quantized too: their mean is taken off, and 256
//! neighbours share the largest magnitude of what is left, of which each is one of 256 fractions.

mod kernel;
mod quantize;
mod stored;

use std::ops::Range;
use std::sync::Arc;

use candle_core::{DType, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};

use crate::linear::Stored;
use crate::panels::{Inputs, PANEL, Panel, Panels, with_values};
pub(crate) use stored::refuse_state;

/// Columns that share a scale.
pub(crate) const BLOCK: usize = 64;

/// Scales that share their largest.
pub(crate) const SCALES: usize = 256;

/// What a weight can be, in units of its block's scale.
const FRACTIONS: [f32; 16] = [
    -1.0,
    -0.696_192_8,
    -0.525_073_05,
    -0.394_917_5,
    -0.284_441_38,
    -0.184_773_43,
    -0.091_050_036,
    0.0,
    0.079_580_3,
    0.160_930_2,
    0.246_112_3,
    0.337_915_24,
    0.440_709_83,
    0.562_617,
    0.722_956_84,
    1.0,
];

/// A quantized tensor as bitsandbytes stores it.
struct Quantized {
    /// Two weights in a byte, the first in its high half.
    weights: Vec<u8>,
    /// One per block.
    scales: Vec<u8>,
    key: ScaleKey,
}

/// What bytes of scales stand for.
struct ScaleKey {
    /// What a byte means, in units of the largest.
    fractions: [f32; 256],
    /// The largest of every 256 scales, the mean taken off.
    largest: Vec<f32>,
    mean: f32,
}

/// Up to 64 rows: the weights two columns at a time, as [`kernel`] reads them.
pub(crate) struct Nf4Panel {
    rows: Range<usize>,
    /// Shape (blocks of a row, 32 pairs of columns).
    weights: Vec<[[u8; PANEL]; BLOCK / 2]>,
    /// Shape (blocks of a row, rows).
    scales: Vec<[u8; PANEL]>,
    /// Which block of the tensor comes first.
    first_block: usize,
    key: Arc<ScaleKey>,
}

impl Panels<Nf4Panel> {
    /// Takes the weights of layers with the same inputs one after another: `parts` holds each
    /// layer's number of outputs and its tensors. What is quantized by bitsandbytes stays as it is.
    ///
    /// # Errors
    /// When a tensor is missing, misshapen or quantized in another way, and when `inputs` are not
    /// whole blocks.
    pub(crate) fn load(inputs: usize, parts: &[(usize, VarBuilder<'_>)]) -> Result<Self> {
        if inputs == 0 || !inputs.is_multiple_of(BLOCK) {
            bail!("{inputs} inputs are not whole blocks of {BLOCK}");
        }
        let mut matrix = Self { rows: 0, columns: inputs, parts: Vec::new() };
        for (outputs, tensors) in parts {
            let quantized = match Quantized::load_state(inputs, *outputs, tensors)? {
                Some(quantized) => quantized,
                None => Quantized::new(&tensors.get_with_hints_dtype(
                    (*outputs, inputs),
                    "weight",
                    Init::Const(0.0),
                    DType::F32,
                )?)?,
            };
            matrix.append(quantized);
        }
        Ok(matrix)
    }

    fn append(&mut self, quantized: Quantized) {
        let (blocks, key) = (self.columns / BLOCK, Arc::new(quantized.key));
        let weights = quantized.weights.chunks(PANEL * self.columns / 2);
        for (index, (weights, scales)) in weights.zip(quantized.scales.chunks(PANEL * blocks)).enumerate() {
            let rows = scales.len() / blocks;
            let mut panel = Nf4Panel {
                rows: self.rows..self.rows + rows,
                weights: vec![[[0; PANEL]; BLOCK / 2]; blocks],
                scales: vec![[0; PANEL]; blocks],
                first_block: index * PANEL * blocks,
                key: Arc::clone(&key),
            };
            for (row, bytes) in weights.chunks_exact(self.columns / 2).enumerate() {
                for (pairs, bytes) in panel.weights.iter_mut().zip(bytes.as_chunks().0) {
                    kernel::lay(row, bytes, pairs);
                }
            }
            for (row, scales) in scales.chunks_exact(blocks).enumerate() {
                for (all, scale) in panel.scales.iter_mut().zip(scales) {
                    all[row] = *scale;
                }
            }
            self.parts.push(panel);
            self.rows += rows;
        }
    }
}

impl Quantized {
    /// Quantizes a tensor of whole blocks.
    fn new(weight: &Tensor) -> Result<Self> {
        with_values(weight, |weight| {
            let (weights, scales) = quantize::quantize_blocks(weight);
            let (scales, key) = quantize::quantize_scales(&scales);
            Self { weights, scales, key }
        })
    }
}

impl Panel for Nf4Panel {
    type Input = f32;
    const STORED: Stored = Stored::Nf4;

    fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    fn bytes(&self) -> usize {
        // The key is shared by the panels of a tensor: its part is what their scales need of it.
        let largest = self.scales.len() * PANEL / SCALES * size_of::<f32>();
        size_of_val(self.weights.as_slice()) + size_of_val(self.scales.as_slice()) + largest
    }

    fn add(&self, inputs: &Inputs<f32>, sums: &mut [[f32; PANEL]]) {
        kernel::add(self, inputs, sums);
    }
}

#[cfg(test)]
mod tests;
