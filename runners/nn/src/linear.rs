//! Linear layers.

use candle_core::{CpuStorage, CustomOp2, DType, Device, Layout, Result, Shape, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use rayon::prelude::*;

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

/// `x · weightᵀ + bias`. How the weight is stored is this type's own business.
#[derive(Debug, Clone)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
}

impl Linear {
    /// A layer from its tensors: `weight` of shape (outputs, inputs), `bias` of shape (outputs).
    pub fn new(weight: Tensor, bias: Option<Tensor>) -> Self {
        Self { weight, bias }
    }

    /// Takes `weight` and, if there is one, `bias`.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen.
    pub fn load(inputs: usize, outputs: usize, bias: Bias, tensors: &VarBuilder<'_>) -> Result<Self> {
        let weight = tensors.get((outputs, inputs), "weight")?;
        let bias = match bias {
            Bias::With => Some(tensors.get_with_hints(outputs, "bias", Init::Const(0.0))?),
            Bias::Without => None,
        };
        Ok(Self { weight, bias })
    }

    /// Takes several layers with the same inputs as one, whose outputs stand one after another.
    /// `parts` holds each layer's number of outputs and its tensors.
    ///
    /// # Errors
    /// When a tensor is missing or misshapen, or `parts` is empty.
    pub fn load_joined(inputs: usize, bias: Bias, parts: &[(usize, VarBuilder<'_>)]) -> Result<Self> {
        let parts: Vec<Self> = parts
            .iter()
            .map(|(outputs, tensors)| Self::load(inputs, *outputs, bias, tensors))
            .collect::<Result<_>>()?;
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Vec<&Tensor> = parts.iter().filter_map(|part| part.bias.as_ref()).collect();
        let bias = if biases.is_empty() { None } else { Some(Tensor::cat(&biases, 0)?) };
        Ok(Self { weight: Tensor::cat(&weights, 0)?, bias })
    }

    /// Maps the last dimension of `x` from inputs to outputs.
    ///
    /// # Errors
    /// When the last dimension is not the number of inputs.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (outputs, inputs) = self.weight.dims2()?;
        let Some((&last, outer)) = x.dims().split_last() else { bail!("a linear layer needs a dimension") };
        if last != inputs {
            bail!("a linear layer of {inputs} inputs got {:?}", x.dims());
        }
        let rows: usize = outer.iter().product();
        let flat = x.reshape((rows, inputs))?;
        let product = if rows <= FEW_ROWS && x.dtype() == DType::F32 && matches!(x.device(), Device::Cpu) {
            flat.contiguous()?.apply_op2_no_bwd(&self.weight, &FewRows)?
        } else {
            flat.matmul(&self.weight.t()?)?
        };
        let product = match &self.bias {
            Some(bias) => product.broadcast_add(bias)?,
            None => product,
        };
        product.reshape([outer, &[outputs]].concat())
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
    use super::*;

    #[test]
    fn few_and_many_rows_agree_with_candles_layer() {
        let tensors = crate::Checkpoint::dummy(1).var_builder(DType::F32, &Device::Cpu);
        let layer = Linear::load(40, 67, Bias::Without, &tensors).unwrap();
        let bias = tensors.get((1, 67), "b").unwrap().squeeze(0).unwrap();
        let layer = Linear::new(layer.weight, Some(bias.clone()));
        let reference = candle_nn::Linear::new(layer.weight.clone(), Some(bias));
        for rows in [1, 3, FEW_ROWS, FEW_ROWS + 1] {
            let x = tensors.get((1, rows, 40), "x").unwrap();
            let expected = candle_nn::Module::forward(&reference, &x).unwrap();
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
        let joined = Linear::load_joined(4, Bias::With, &parts).unwrap();
        let x = tensors.get((2, 4), "x").unwrap();
        let [a, b] = parts.map(|(outputs, tensors)| Linear::load(4, outputs, Bias::With, &tensors).unwrap());
        let apart = Tensor::cat(&[a.forward(&x).unwrap(), b.forward(&x).unwrap()], 1).unwrap();
        assert_eq!(joined.forward(&x).unwrap().to_vec2::<f32>().unwrap(), apart.to_vec2::<f32>().unwrap());
    }
}
