//! Activations between linear layers, each in one pass over memory.

use candle_core::{CpuStorage, CustomOp1, D, DType, Device, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use crate::storage::contiguous_floats;
use crate::vector::sigmoid;

/// Values per task.
const PIECE: usize = 1 << 14;

/// `silu(gate) * up` (Shazeer: "GLU variants improve transformer", 2020), where `x` of shape
/// (…, 2 n) holds n gates and then n ups; the result has shape (…, n).
///
/// # Errors
/// When the last dimension is odd.
pub fn swiglu(x: &Tensor) -> Result<Tensor> {
    if has_kernel(x) {
        return x.contiguous()?.apply_op1_no_bwd(&SwiGlu);
    }
    let [gate, up] = halves(x)?;
    gate.silu()? * up
}

/// CLIP's activation: `x * sigmoid(1.702 x)`.
///
/// # Errors
/// When the device has no memory for the result.
pub fn quick_gelu(x: &Tensor) -> Result<Tensor> {
    if has_kernel(x) {
        return x.contiguous()?.apply_op1_no_bwd(&QuickGelu);
    }
    x * candle_nn::ops::sigmoid(&(x * 1.702)?)?
}

fn has_kernel(x: &Tensor) -> bool {
    matches!(x.device(), Device::Cpu) && x.dtype() == DType::F32
}

fn halves(x: &Tensor) -> Result<[Tensor; 2]> {
    let half = x.dim(D::Minus1)? / 2;
    Ok([x.narrow(D::Minus1, 0, half)?, x.narrow(D::Minus1, half, half)?])
}

struct SwiGlu;

impl CustomOp1 for SwiGlu {
    fn name(&self) -> &'static str {
        "swiglu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let Some((&width, outer)) =
            layout.dims().split_last().filter(|(width, _)| **width % 2 == 0 && **width > 0)
        else {
            bail!("swiglu needs an even last dimension, got {:?}", layout.dims());
        };
        let x = contiguous_floats(x, layout)?;
        let half = width / 2;
        let mut out = vec![0f32; x.len() / 2];
        out.par_chunks_mut(half).zip(x.par_chunks(width)).for_each(|(out, x)| {
            let (gate, up) = x.split_at(half);
            for ((out, gate), up) in out.iter_mut().zip(gate).zip(up) {
                *out = gate * sigmoid(*gate) * up;
            }
        });
        Ok((CpuStorage::F32(out), Shape::from([outer, &[half]].concat())))
    }
}

struct QuickGelu;

impl CustomOp1 for QuickGelu {
    fn name(&self) -> &'static str {
        "quick-gelu"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let x = contiguous_floats(x, layout)?;
        let mut out = vec![0f32; x.len()];
        out.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(out, x)| {
            for (out, x) in out.iter_mut().zip(x) {
                *out = x * sigmoid(1.702 * x);
            }
        });
        Ok((CpuStorage::F32(out), layout.shape().clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &Tensor, b: &Tensor) {
        assert_eq!(a.dims(), b.dims());
        let difference = (a - b).unwrap().abs().unwrap().flatten_all().unwrap();
        assert!(difference.max(0).unwrap().to_scalar::<f32>().unwrap() < 2e-6);
    }

    #[test]
    fn kernels_agree_with_candles_operations() {
        let x = Tensor::arange(-60f32, 60.0, &Device::Cpu).unwrap().reshape((2, 3, 20)).unwrap();
        let x = (x / 8.0).unwrap();
        let [gate, up] = halves(&x).unwrap();
        close(&swiglu(&x).unwrap(), &(gate.silu().unwrap() * up).unwrap());
        let slow = (&x * candle_nn::ops::sigmoid(&(&x * 1.702).unwrap()).unwrap()).unwrap();
        close(&quick_gelu(&x).unwrap(), &slow);
    }

    #[test]
    fn an_odd_dimension_cannot_be_halved() {
        assert!(swiglu(&Tensor::zeros((2, 3), DType::F32, &Device::Cpu).unwrap()).is_err());
    }
}
