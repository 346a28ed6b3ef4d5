//! Linear layers.

use std::sync::Arc;

use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{CpuStorage, CustomOp1, CustomOp2, DType, Layout, Result, Shape, Tensor, bail};
use candle_nn::{Init, Module, VarBuilder};
use rayon::prelude::*;

use crate::Precision;
use crate::quantized::{Blocks, QuantizedMatrix};
use crate::storage::contiguous_floats;
use crate::vector::dot;

/// Up to this many rows the product is bound by reading the weights, each of which is then read once.
const FEW_ROWS: usize = 8;

/// Output features computed by one task of the product with few rows.
const FEATURES_PER_TASK: usize = 32;

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
    Quantized(Arc<QuantizedMatrix>),
    /// With candle's, on other devices.
    OnDevice(Arc<QTensor>, Blocks),
}

impl Linear {
    /// A layer from its tensors: `weight` of shape (outputs, inputs), `bias` of shape (outputs).
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight: Weight::Dense(weight), bias }
    }

    /// Takes `weight` and, if there is one, `bias`.
    ///
    /// The weight is kept in `precision`, its blocks being chosen by [`Blocks::fitting`];
    /// [`Linear::stored`] tells what came of it. On the processor a layer in blocks computes in
    /// `f32`, whatever type it is given.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen, and when the quantization is `nf4`, which has no
    /// product yet.
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
            Weight::Quantized(weight) => Stored::In(weight.blocks()),
            Weight::OnDevice(_, blocks) => Stored::In(*blocks),
        }
    }

    /// Bytes that weight and bias take up in memory.
    pub fn weights_bytes(&self) -> u64 {
        let bytes = |tensor: &Tensor| (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        let weight = match &self.weight {
            Weight::Dense(weight) => bytes(weight),
            Weight::Quantized(weight) => weight.bytes(),
            Weight::OnDevice(weight, _) => weight.storage_size_in_bytes() as u64,
        };
        weight + self.bias.as_ref().map_or(0, bytes)
    }

    fn dims(&self) -> Result<(usize, usize)> {
        match &self.weight {
            Weight::Dense(weight) => weight.dims2(),
            Weight::Quantized(weight) => Ok((weight.rows(), weight.columns())),
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
        let product = self.weight.product(&x.reshape((rows, inputs))?)?;
        let product = match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        };
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
        Ok(match Blocks::fitting(precision.quantization, inputs)? {
            None => Self::Dense(joined(precision.dtype)?),
            Some(blocks) if first.device().is_cpu() => {
                Self::Quantized(Arc::new(QuantizedMatrix::joined(inputs, blocks, read(DType::F32))?))
            }
            Some(blocks) => {
                let weight = QTensor::quantize(&joined(DType::F32)?.force_contiguous()?, blocks.ggml())?;
                Self::OnDevice(Arc::new(weight), blocks)
            }
        })
    }

    /// `x · weightᵀ` for `x` of shape (rows, inputs), in the type of `x`.
    fn product(&self, x: &Tensor) -> Result<Tensor> {
        let single = || x.to_dtype(DType::F32)?.contiguous();
        match self {
            Self::Dense(weight) => {
                let single = (x.dtype(), weight.dtype()) == (DType::F32, DType::F32);
                if x.dim(0)? <= FEW_ROWS && single && x.device().is_cpu() {
                    return x.contiguous()?.apply_op2_no_bwd(weight, &FewRows);
                }
                x.to_dtype(weight.dtype())?.matmul(&weight.t()?)?.to_dtype(x.dtype())
            }
            Self::Quantized(weight) => {
                single()?.apply_op1_no_bwd(&InBlocks(Arc::clone(weight)))?.to_dtype(x.dtype())
            }
            Self::OnDevice(weight, _) => {
                QMatMul::from_arc(Arc::clone(weight))?.forward(&single()?)?.to_dtype(x.dtype())
            }
        }
    }
}

/// The product with a matrix in blocks.
struct InBlocks(Arc<QuantizedMatrix>);

impl CustomOp1 for InBlocks {
    fn name(&self) -> &'static str {
        "linear-in-blocks"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, _) = layout.shape().dims2()?;
        let mut product = vec![0f32; rows * self.0.rows()];
        self.0.apply(contiguous_floats(x, layout)?, &mut product);
        Ok((CpuStorage::F32(product), Shape::from((rows, self.0.rows()))))
    }
}

/// The product of a few rows with a weight, parallel over its outputs.
struct FewRows;

impl CustomOp2 for FewRows {
    fn name(&self) -> &'static str {
        "linear-few-rows"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = x_layout.shape().dims2()?;
        let (outputs, _) = weight_layout.shape().dims2()?;
        let x = contiguous_floats(x, x_layout)?;
        let weight = contiguous_floats(weight, weight_layout)?;
        // Outputs stand outermost while computing, so that every task has its own part of them.
        let mut product = vec![0f32; outputs * rows];
        let tasks = product.par_chunks_mut(FEATURES_PER_TASK * rows);
        tasks.zip(weight.par_chunks(FEATURES_PER_TASK * inputs)).for_each(|(product, weight)| {
            for (product, weight) in product.chunks_exact_mut(rows).zip(weight.chunks_exact(inputs)) {
                for (value, x) in product.iter_mut().zip(x.chunks_exact(inputs)) {
                    *value = dot(x, weight);
                }
            }
        });
        if rows > 1 {
            product = (0..rows * outputs).map(|i| product[i % outputs * rows + i / outputs]).collect();
        }
        Ok((CpuStorage::F32(product), Shape::from((rows, outputs))))
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;
    use reelbench_protocol::Quantization;

    use super::*;

    #[test]
    fn few_and_many_rows_agree_with_candles_layer() {
        let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
        let weight = tensors.get((67, 40), "weight").unwrap();
        let bias = tensors.get((1, 67), "b").unwrap().squeeze(0).unwrap();
        let layer = Linear::new(weight.clone(), Some(bias.clone()));
        let reference = candle_nn::Linear::new(weight, Some(bias));
        for rows in [1, 3, FEW_ROWS, FEW_ROWS + 1] {
            let x = tensors.get((1, rows, 40), "x").unwrap();
            let expected = reference.forward(&x).unwrap();
            let difference = (layer.forward(&x).unwrap() - expected).unwrap().abs().unwrap();
            let largest: f32 = difference.flatten_all().unwrap().max(0).unwrap().to_scalar().unwrap();
            assert!(largest < 1e-6, "{rows} rows: {largest}");
        }
        assert!(layer.forward(&tensors.get((2, 41), "y").unwrap()).is_err());
    }

    #[test]
    fn joined_layers_stand_one_after_another() {
        let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
        let parts = [(3, tensors.pp("a")), (5, tensors.pp("b"))];
        let joined = Linear::load_joined(4, Bias::With, &parts, Precision::SINGLE).unwrap();
        let x = tensors.get((2, 4), "x").unwrap();
        let [a, b] = parts.map(|(outputs, tensors)| {
            Linear::load(4, outputs, Bias::With, &tensors, Precision::SINGLE).unwrap()
        });
        let apart = Tensor::cat(&[a.forward(&x).unwrap(), b.forward(&x).unwrap()], 1).unwrap();
        assert_eq!(joined.forward(&x).unwrap().to_vec2::<f32>().unwrap(), apart.to_vec2::<f32>().unwrap());
    }

    #[test]
    fn a_quantized_layer_keeps_its_bias_and_tells_what_it_stores() {
        let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
        let load = |inputs, precision| {
            let layer = Linear::load(inputs, 48, Bias::Without, &tensors, precision)?;
            Result::Ok(layer.with_bias(Tensor::full(5f32, 48, &Device::Cpu)?))
        };
        let cases = [
            (Quantization::None, 256, Stored::As(DType::F32), 4 * 256),
            (Quantization::Q8_0, 256, Stored::In(Blocks::Q8_0), 8 * 34),
            (Quantization::Q4k, 256, Stored::In(Blocks::Q4k), 148),
            (Quantization::Q4k, 96, Stored::In(Blocks::Q8_0), 3 * 34),
            (Quantization::Q4k, 40, Stored::As(DType::F32), 4 * 40),
        ];
        for (quantization, inputs, stored, bytes_per_row) in cases {
            let layer = load(inputs, Precision::quantized(quantization)).unwrap();
            assert_eq!(layer.stored(), stored, "{quantization:?}");
            assert_eq!(layer.weights_bytes(), 48 * (bytes_per_row + 4), "{quantization:?}");
            let x = tensors.get((2, 3, inputs), "x").unwrap();
            let (found, exact) =
                (layer.forward(&x).unwrap(), load(inputs, Precision::SINGLE).unwrap().forward(&x).unwrap());
            assert_eq!(found.dims(), exact.dims());
            let error =
                (&found - &exact).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
            let spread =
                (exact - 5.0).unwrap().sqr().unwrap().mean_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(error < 0.02 * spread, "{quantization:?}: {error} of {spread}");
        }
        let error = load(256, Precision::quantized(Quantization::Nf4)).unwrap_err();
        assert!(error.to_string().contains("q4k"), "{error}");
    }

    #[test]
    fn candles_blocks_and_ours_agree() {
        let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
        let weight = tensors.get((48, 256), "weight").unwrap();
        let x = tensors.get((5, 256), "x").unwrap();
        for blocks in [Blocks::Q8_0, Blocks::Q4k] {
            let theirs = QTensor::quantize(&weight, blocks.ggml()).unwrap();
            let theirs = Weight::OnDevice(Arc::new(theirs), blocks).product(&x).unwrap();
            let ours = QuantizedMatrix::new(&weight, blocks).unwrap();
            let ours = Weight::Quantized(Arc::new(ours)).product(&x).unwrap();
            let difference = (theirs - ours).unwrap().abs().unwrap().flatten_all().unwrap();
            let largest: f32 = difference.max(0).unwrap().to_scalar().unwrap();
            // They round inputs per 256 columns, we per 32.
            assert!(largest < 0.05, "{blocks:?}: {largest}");
        }
    }
}
