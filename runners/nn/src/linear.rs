//! Linear layers.

use std::fmt::Debug;
use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{CpuStorage, CustomOp1, D, DType, Layout, Result, Shape, Tensor, bail};
use candle_nn::{Init, Module, VarBuilder};
use half::f16;
use rayon::prelude::*;
use reelbench_protocol::Quantization;

use crate::Precision;
use crate::nf4::{self, Nf4Panel};
use crate::panels::{NumberPanel, Panels, with_values};
use crate::quantized::{Blocks, QuantizedMatrix};
use crate::register::Pair;
use crate::storage::contiguous_floats;
use crate::vector;

/// Whether a layer adds a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bias {
    /// It does.
    With,
    /// It does not.
    Without,
}

/// How a layer's weight is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stored {
    /// As numbers of a type.
    As(DType),
    /// In ggml's blocks.
    In(Blocks),
    /// In bitsandbytes' NF4, double quantization included.
    Nf4,
}

/// `x · weightᵀ + bias`. How the weight is stored is this type's own business.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Weight,
    bias: Option<Tensor>,
}

#[derive(Debug, Clone)]
enum Weight {
    Dense(Tensor),
    /// With products of our own, on the processor.
    Own(Arc<dyn WeightMatrix>),
    /// With candle's, on other devices.
    OnDevice(Arc<QTensor>, Blocks),
}

/// A weight with a product of its own on the processor.
pub(crate) trait WeightMatrix: Debug + Send + Sync {
    /// How it is stored.
    fn stored(&self) -> Stored;

    /// Its rows and columns: outputs and inputs of a layer.
    fn dims(&self) -> (usize, usize);

    /// Bytes in memory.
    fn bytes(&self) -> u64;

    /// `out = x · Wᵀ`: for every vector of `x`, of shape (vectors, columns), one of `out`, of shape
    /// (vectors, rows).
    fn apply(&self, x: &[f32], out: &mut [f32]);
}

impl Linear {
    /// A layer from its tensors: `weight` of shape (outputs, inputs), `bias` of shape (outputs).
    ///
    /// On the processor it multiplies a copy of the weight.
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        let packed = || {
            let inputs = weight.dim(D::Minus1)?;
            Weight::numbers(inputs, weight.dtype(), std::iter::once(Ok(weight.clone())))
        };
        let packed = if weight.device().is_cpu() { packed().ok() } else { None };
        Self { weight: packed.unwrap_or(Weight::Dense(weight)), bias }
    }

    /// Takes `weight` and, if there is one, `bias`.
    ///
    /// The weight is kept in `precision`, ggml's blocks being chosen by [`Blocks::fitting`] and
    /// those of NF4 being 64 inputs; [`Linear::stored`] tells what came of it. A weight that
    /// bitsandbytes has quantized to NF4 is taken as it is where that is the precision.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen, when it is quantized already but in another way than
    /// asked, and with `nf4` on another device than the processor.
    pub fn load(
        inputs: usize,
        outputs: usize,
        bias: Bias,
        tensors: &VarBuilder<'_>,
        precision: Precision,
    ) -> Result<Self> {
        Self::load_joined(inputs, bias, &[(outputs, tensors.clone())], precision)
    }

    /// Takes several layers with the same inputs as one, whose outputs stand one after another.
    /// `parts` holds each layer's number of outputs and its tensors. Weights are quantized one by
    /// one, so that only one of them is in memory as it was read.
    ///
    /// # Errors
    /// As [`Linear::load`], and when `parts` is empty.
    pub fn load_joined(
        inputs: usize,
        bias: Bias,
        parts: &[(usize, VarBuilder<'_>)],
        precision: Precision,
    ) -> Result<Self> {
        let weight = Weight::load(inputs, parts, precision)?;
        let biases =
            parts.iter().map(|(outputs, tensors)| tensors.get_with_hints(*outputs, "bias", Init::Const(0.0)));
        let bias = match bias {
            Bias::With => Some(Tensor::cat(&biases.collect::<Result<Vec<_>>>()?, 0)?),
            Bias::Without => None,
        };
        Ok(Self { weight, bias })
    }

    /// The same layer with `bias`, of shape (outputs), instead of its own.
    #[must_use]
    pub fn with_bias(self, bias: Tensor) -> Self {
        Self { bias: Some(bias), ..self }
    }

    /// How the weight is stored.
    pub fn stored(&self) -> Stored {
        match &self.weight {
            Weight::Dense(weight) => Stored::As(weight.dtype()),
            Weight::Own(weight) => weight.stored(),
            Weight::OnDevice(_, blocks) => Stored::In(*blocks),
        }
    }

    /// Bytes that weight and bias take up in memory.
    pub fn weights_bytes(&self) -> u64 {
        let bytes = |tensor: &Tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        let weight = match &self.weight {
            Weight::Dense(weight) => bytes(weight),
            Weight::Own(weight) => weight.bytes(),
            Weight::OnDevice(weight, _) => weight.storage_size_in_bytes() as u64,
        };
        weight + self.bias.as_ref().map_or(0, bytes)
    }

    fn dims(&self) -> Result<(usize, usize)> {
        match &self.weight {
            Weight::Dense(weight) => weight.dims2(),
            Weight::Own(weight) => Ok(weight.dims()),
            Weight::OnDevice(weight, _) => weight.shape().dims2(),
        }
    }

    /// Maps the last dimension of `x` from inputs to outputs.
    ///
    /// # Errors
    /// When the last dimension is not the number of inputs.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.dims()?;
        let Some((&last, outer)) = x.dims().split_last() else { bail!("a linear layer needs a dimension") };
        if last != inputs {
            bail!("a linear layer of {inputs} inputs got {:?}", x.dims());
        }
        let rows: usize = outer.iter().product();
        let product = self.weight.product(&x.reshape((rows, inputs))?, self.bias.as_ref())?;
        product.reshape([outer, &[outputs]].concat())
    }
}

impl Weight {
    fn load(inputs: usize, parts: &[(usize, VarBuilder<'_>)], precision: Precision) -> Result<Self> {
        let Some((_, first)) = parts.first() else { bail!("a linear layer needs a weight") };
        let read = |dtype| {
            parts.iter().map(move |(outputs, tensors)| {
                tensors.get_with_hints_dtype((*outputs, inputs), "weight", Init::Const(0.0), dtype)
            })
        };
        let joined = |dtype| match read(dtype).collect::<Result<Vec<_>>>()?.as_slice() {
            [weight] => Ok(weight.clone()),
            weights => Tensor::cat(weights, 0),
        };
        let on_processor = first.device().is_cpu();
        let nf4_fits = inputs > 0 && inputs.is_multiple_of(nf4::BLOCK);
        let precision = match precision.quantization {
            Quantization::Nf4 if on_processor && nf4_fits => {
                return Ok(Self::Own(Arc::new(Panels::<Nf4Panel>::load(inputs, parts)?)));
            }
            Quantization::Nf4 if on_processor => Precision { quantization: Quantization::None, ..precision },
            _ => precision,
        };
        parts.iter().try_for_each(|(_, tensors)| nf4::refuse_state(tensors))?;
        Ok(match (Blocks::fitting(precision.quantization, inputs)?, on_processor) {
            (None, true) => Self::numbers(inputs, precision.dtype, read(precision.dtype))?,
            (None, false) => Self::Dense(joined(precision.dtype)?),
            (Some(blocks), true) => {
                Self::Own(Arc::new(QuantizedMatrix::joined(inputs, blocks, read(DType::F32))?))
            }
            (Some(blocks), false) => {
                let weight = QTensor::quantize(&joined(DType::F32)?.force_contiguous()?, blocks.ggml())?;
                Self::OnDevice(Arc::new(weight), blocks)
            }
        })
    }

    /// As panels of numbers, on the processor.
    fn numbers(inputs: usize, dtype: DType, weights: impl Iterator<Item = Result<Tensor>>) -> Result<Self> {
        Ok(Self::Own(match dtype {
            DType::F32 => Arc::new(Panels::<NumberPanel<f32>>::joined(inputs, weights)?),
            DType::BF16 => Arc::new(Panels::<NumberPanel<Pair>>::joined(inputs, weights)?),
            DType::F16 => Arc::new(Panels::<NumberPanel<f16>>::joined(inputs, weights)?),
            other => bail!("linear layers cannot be stored as {other:?}; use F32, F16 or BF16"),
        }))
    }

    /// `x · weightᵀ + bias` for `x` of shape (rows, inputs), in the type of `x`.
    fn product(&self, x: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
        let single = || x.to_dtype(DType::F32)?.contiguous();
        let product = match self {
            Self::Dense(weight) => x.to_dtype(weight.dtype())?.matmul(&weight.t()?)?.to_dtype(x.dtype())?,
            Self::Own(weight) => {
                let bias = bias.map(|bias| bias.to_dtype(DType::F32)).transpose()?;
                let product = OwnProduct { weight: Arc::clone(weight), bias };
                return single()?.apply_op1_no_bwd(&product)?.to_dtype(x.dtype());
            }
            Self::OnDevice(weight, _) => {
                QMatMul::from_arc(Arc::clone(weight))?.forward(&single()?)?.to_dtype(x.dtype())?
            }
        };
        match bias {
            Some(bias) => product.broadcast_add(bias),
            None => Ok(product),
        }
    }
}

/// The product that a weight brings, and the bias, which is added where the product lies.
struct OwnProduct {
    weight: Arc<dyn WeightMatrix>,
    bias: Option<Tensor>,
}

impl CustomOp1 for OwnProduct {
    fn name(&self) -> &'static str {
        "linear-own-product"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (vectors, _) = layout.shape().dims2()?;
        let (rows, _) = self.weight.dims();
        let mut product = vec![0f32; vectors * rows];
        self.weight.apply(contiguous_floats(x, layout)?, &mut product);
        if let Some(bias) = &self.bias {
            with_values(bias, |bias: &[f32]| {
                product.par_chunks_mut(rows.max(1)).for_each(|product| vector::add(product, bias));
            })?;
        }
        Ok((CpuStorage::F32(product), Shape::from((vectors, rows))))
    }
}

#[cfg(test)]
mod tests;
