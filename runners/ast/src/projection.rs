//! Linear layers whose bias, activation and residual are added in one pass over the product.

use candle_core::{CpuStorage, DType, InplaceOp2, Layout, Result, Tensor, bail};
use candle_nn::{Init, VarBuilder};
use rayon::prelude::*;
use reelbench_nn::quantized::Blocks;
use reelbench_nn::storage::{contiguous_floats, contiguous_floats_mut};
use reelbench_nn::{Bias, Linear, Precision, Stored, vector};
use reelbench_protocol::Quantization;

/// Rows that one task works on at least.
const ROWS_PER_TASK: usize = 16;

/// `x · weightᵀ + bias`.
#[derive(Debug)]
pub(crate) struct Projection {
    linear: Linear,
    /// Of shape (outputs); zeros where the layer has none.
    bias: Tensor,
}

impl Projection {
    pub(crate) fn load(
        inputs: usize,
        outputs: usize,
        quantization: Quantization,
        vb: &VarBuilder<'_>,
    ) -> Result<Self> {
        Self::load_joined(inputs, outputs, Bias::With, quantization, std::slice::from_ref(vb))
    }

    /// Layers with the same inputs and the same number of outputs as one, whose outputs stand one after another.
    pub(crate) fn load_joined(
        inputs: usize,
        outputs: usize,
        bias: Bias,
        quantization: Quantization,
        parts: &[VarBuilder<'_>],
    ) -> Result<Self> {
        let biases = parts.iter().map(|part| match bias {
            Bias::With => part.get_with_hints(outputs, "bias", Init::Const(0.0)),
            Bias::Without => Tensor::zeros(outputs, DType::F32, part.device()),
        });
        let bias = Tensor::cat(&biases.collect::<Result<Vec<_>>>()?, 0)?;
        let parts: Vec<_> = parts.iter().map(|part| (outputs, part.clone())).collect();
        let linear = Linear::load_joined(inputs, Bias::Without, &parts, Precision::quantized(quantization))?;
        check_storage(&linear, inputs, quantization)?;
        Ok(Self { linear, bias })
    }

    /// A layer in 32-bit floats from its tensors.
    pub(crate) fn new(weight: Tensor, bias: Tensor) -> Self {
        Self { linear: Linear::new(weight, None), bias }
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        self.linear.weights_bytes() + (self.bias.elem_count() * size_of::<f32>()) as u64
    }

    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.linear.forward(x)?;
        y.inplace_op2(&self.bias, &ToEachRow(vector::add))?;
        Ok(y)
    }

    /// With the exact GELU behind it.
    pub(crate) fn forward_gelu(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.linear.forward(x)?;
        y.inplace_op2(&self.bias, &ToEachRow(vector::gelu_with_bias))?;
        Ok(y)
    }

    /// The projection of `x` added to `residual`.
    pub(crate) fn forward_onto(&self, residual: &Tensor, x: &Tensor) -> Result<Tensor> {
        let y = self.forward(x)?;
        y.inplace_op2(residual, &AddTensor)?;
        Ok(y)
    }
}

/// Refuses a layer that is stored in another way than asked.
fn check_storage(linear: &Linear, inputs: usize, quantization: Quantization) -> Result<()> {
    let as_asked = match quantization {
        Quantization::None => matches!(linear.stored(), Stored::As(_)),
        Quantization::Q8_0 => linear.stored() == Stored::In(Blocks::Q8_0),
        Quantization::Q4k => linear.stored() == Stored::In(Blocks::Q4k),
        Quantization::Nf4 => false,
    };
    if !as_asked {
        bail!(
            "a layer with {inputs} inputs cannot be stored as `{quantization}`, whose blocks it does not fill; use none"
        );
    }
    Ok(())
}

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
    ) -> Result<()> {
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
    ) -> Result<()> {
        let (x, y) = (contiguous_floats_mut(x, x_layout)?, contiguous_floats(y, y_layout)?);
        if x.len() != y.len() {
            bail!("{} values cannot be added to {}", y.len(), x.len());
        }
        let piece = 1 << 14;
        x.par_chunks_mut(piece).zip(y.par_chunks(piece)).for_each(|(x, y)| vector::add(x, y));
        Ok(())
    }
}
