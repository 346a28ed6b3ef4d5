//! Layers of checkpoints that bitsandbytes has quantized, as transformers saves them.

use candle_core::{DType, Result, Shape, Tensor};
use candle_nn::{Init, VarBuilder};
use serde::Deserialize;

use super::{BLOCK, FRACTIONS, Quantized, SCALES, ScaleKey};

const STATE: &str = "weight.quant_state.bitsandbytes__nf4";
const STATE_FP4: &str = "weight.quant_state.bitsandbytes__fp4";
/// The scales of 8-bit rows.
const SCALES_INT8: &str = "SCB";

/// A layer that is quantized in a way that cannot be taken.
#[derive(Debug, thiserror::Error)]
#[error("tensor `{layer}.weight` {reason}")]
struct StateError {
    layer: String,
    reason: String,
}

impl StateError {
    fn at(tensors: &VarBuilder<'_>, reason: impl Into<String>) -> candle_core::Error {
        candle_core::Error::wrap(Self { layer: tensors.prefix(), reason: reason.into() })
    }
}

/// What is known of a quantized tensor beside its bytes.
#[derive(Deserialize)]
struct State {
    quant_type: String,
    blocksize: usize,
    shape: Vec<usize>,
    nested_blocksize: Option<usize>,
    nested_offset: Option<f32>,
}

/// Ends in an error where a layer is quantized already, as it cannot be stored in another way.
pub(crate) fn refuse_state(tensors: &VarBuilder<'_>) -> Result<()> {
    refuse_other_state(tensors)?;
    if tensors.contains_tensor(STATE) {
        let reason =
            "is quantized by bitsandbytes already; use `quantization: nf4`, or a checkpoint that is not";
        return Err(StateError::at(tensors, reason));
    }
    Ok(())
}

fn refuse_other_state(tensors: &VarBuilder<'_>) -> Result<()> {
    for (name, kind) in [(STATE_FP4, "fp4"), (SCALES_INT8, "int8")] {
        if tensors.contains_tensor(name) {
            let reason = format!(
                "is quantized by bitsandbytes to {kind}, of which nothing here can multiply; use a checkpoint \
                 that is not quantized, or in nf4"
            );
            return Err(StateError::at(tensors, reason));
        }
    }
    Ok(())
}

impl Quantized {
    /// Takes a layer that is quantized already; `None` when it is not.
    pub(super) fn load_state(
        inputs: usize,
        outputs: usize,
        tensors: &VarBuilder<'_>,
    ) -> Result<Option<Self>> {
        refuse_other_state(tensors)?;
        if !tensors.contains_tensor(STATE) {
            return Ok(None);
        }
        let (blocks, count) = (inputs * outputs / BLOCK, inputs * outputs);
        let mean = State::load(tensors)?
            .mean(&[outputs, inputs])
            .map_err(|reason| StateError::at(tensors, reason))?;
        let map = floats(tensors, "weight.quant_map", FRACTIONS.len())?;
        if map.iter().zip(FRACTIONS).any(|(found, expected)| found.to_bits() != expected.to_bits()) {
            return Err(StateError::at(tensors, "has a `quant_map` that is not NF4's; its file is damaged"));
        }
        let fractions = floats(tensors, "weight.nested_quant_map", 256)?;
        let key = ScaleKey {
            fractions: std::array::from_fn(|index| fractions[index]),
            largest: floats(tensors, "weight.nested_absmax", blocks.div_ceil(SCALES))?,
            mean,
        };
        let weights = read(tensors, "weight", (count / 2, 1), DType::U8)?.flatten_all()?.to_vec1()?;
        let scales = read(tensors, "weight.absmax", blocks, DType::U8)?.to_vec1()?;
        Ok(Some(Self { weights, scales, key }))
    }
}

impl State {
    fn load(tensors: &VarBuilder<'_>) -> Result<Self> {
        let text: Vec<u8> = tensors.get_unchecked_dtype(STATE, DType::U8)?.to_vec1()?;
        serde_json::from_slice(&text).map_err(|error| {
            StateError::at(tensors, format!("has a `quant_state` that cannot be read: {error}"))
        })
    }

    /// The mean of the scales, if everything else is as expected.
    fn mean(&self, shape: &[usize]) -> std::result::Result<f32, String> {
        let Self { quant_type, blocksize, shape: found, nested_blocksize, nested_offset } = self;
        if quant_type != "nf4" || *blocksize != BLOCK {
            return Err(format!(
                "is quantized to {quant_type} in blocks of {blocksize}; only nf4 in blocks of {BLOCK} can be taken"
            ));
        }
        if found != shape {
            return Err(format!("was quantized from shape {found:?}, but config.json asks for {shape:?}"));
        }
        match (nested_blocksize, nested_offset) {
            (Some(SCALES), Some(mean)) => Ok(*mean),
            _ => Err("is quantized without double quantization in blocks of 256; use a checkpoint with it, or one that is not quantized".to_owned()),
        }
    }
}

fn floats(tensors: &VarBuilder<'_>, name: &str, count: usize) -> Result<Vec<f32>> {
    read(tensors, name, count, DType::F32)?.to_vec1()
}

fn read(tensors: &VarBuilder<'_>, name: &str, shape: impl Into<Shape>, dtype: DType) -> Result<Tensor> {
    tensors.get_with_hints_dtype(shape, name, Init::Const(0.0), dtype)
}
