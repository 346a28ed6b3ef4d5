//! Weights of the decoder, which reads every one of them for every token: what limits it is how
//! many bytes that takes.

use candle_core::{DType, Tensor};
use half::f16;
use half::slice::HalfFloatSliceExt;
use rayon::prelude::*;
use reelbench_nn::vector;

/// Multiplications below which a second thread costs more than it saves.
const PARALLEL_FROM: usize = 1 << 18;
/// Elements widened at a time where the processor has no instruction for it.
const BLOCK: usize = 32;

/// A matrix `[rows, columns]` that multiplies a few vectors at a time.
///
/// Values that are exactly representable are kept as 16-bit floats, and widened as they are used:
/// the results are those of 32-bit weights at half the memory traffic. The published checkpoints
/// were trained in that type, whatever type their files have.
#[derive(Debug)]
pub(crate) struct Matrix {
    rows: usize,
    columns: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Half(Vec<f16>),
    Single(Vec<f32>),
}

impl Matrix {
    /// Takes a tensor `[rows, columns]`.
    pub(crate) fn new(tensor: &Tensor) -> candle_core::Result<Self> {
        let (rows, columns) = tensor.dims2()?;
        let single: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let half: Vec<f16> = single.par_iter().map(|&value| f16::from_f32(value)).collect();
        let exact =
            half.par_iter().zip(&single).all(|(half, value)| half.to_f32().to_bits() == value.to_bits());
        let values = if exact { Values::Half(half) } else { Values::Single(single) };
        Ok(Self { rows, columns, values })
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let size = match self.values {
            Values::Half(_) => size_of::<f16>(),
            Values::Single(_) => size_of::<f32>(),
        };
        (self.rows * self.columns * size) as u64
    }

    /// Row `index` as 32-bit floats, into `out`.
    pub(crate) fn row(&self, index: usize, out: &mut [f32]) {
        let range = index * self.columns..(index + 1) * self.columns;
        match &self.values {
            Values::Half(values) => values[range].convert_to_f32_slice(out),
            Values::Single(values) => out.copy_from_slice(&values[range]),
        }
    }

    /// `out = x · Wᵀ`: for every vector of `x: [n, columns]` one of `out: [n, rows]`.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32]) {
        let n = x.len() / self.columns;
        if n == 1 {
            return self.apply_rows(x, out);
        }
        // All vectors share one pass over the weights; rows then stand where vectors should.
        let mut by_row = vec![0.0; out.len()];
        self.apply_rows(x, &mut by_row);
        for (row, products) in by_row.chunks_exact(n).enumerate() {
            for (vector, &product) in products.iter().enumerate() {
                out[vector * self.rows + row] = product;
            }
        }
    }

    /// The same with the result as `[rows, n]`.
    fn apply_rows(&self, x: &[f32], out: &mut [f32]) {
        let n = x.len() / self.columns;
        let multiply = |first: usize, out: &mut [f32]| {
            for (row, products) in out.chunks_exact_mut(n).enumerate() {
                self.products(first + row, x, products);
            }
        };
        if self.rows * self.columns * n < PARALLEL_FROM {
            return multiply(0, out);
        }
        let rows_per_thread = self.rows.div_ceil(rayon::current_num_threads());
        out.par_chunks_mut(rows_per_thread * n)
            .enumerate()
            .for_each(|(chunk, out)| multiply(chunk * rows_per_thread, out));
    }

    /// The products of one row with every vector of `x`.
    fn products(&self, row: usize, x: &[f32], products: &mut [f32]) {
        let range = row * self.columns..(row + 1) * self.columns;
        let vectors = x.chunks_exact(self.columns);
        match &self.values {
            Values::Half(values) => {
                let weights = &values[range];
                products.iter_mut().zip(vectors).for_each(|(product, x)| *product = dot_half(weights, x));
            }
            Values::Single(values) => {
                let weights = &values[range];
                products.iter_mut().zip(vectors).for_each(|(product, x)| *product = vector::dot(weights, x));
            }
        }
    }
}

/// Σ aᵢ · bᵢ with 32-bit products and sums.
fn dot_half(a: &[f16], b: &[f32]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx512f") {
        #[expect(unsafe_code, reason = "the processor has AVX-512, as just checked")]
        // SAFETY: calling a function compiled for AVX-512 only requires that the processor has it.
        return unsafe { dot_half_avx512(a, b) };
    }
    let mut widened = [0.0; BLOCK];
    a.chunks(BLOCK).zip(b.chunks(BLOCK)).fold(0.0, |sum, (a, b)| {
        let widened = &mut widened[..a.len()];
        a.convert_to_f32_slice(widened);
        sum + vector::dot(widened, b)
    })
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn dot_half_avx512(a: &[f16], b: &[f32]) -> f32 {
    use std::arch::x86_64::{
        __m256i, _mm256_loadu_si256, _mm512_add_ps, _mm512_cvtph_ps, _mm512_fmadd_ps, _mm512_loadu_ps,
        _mm512_reduce_add_ps, _mm512_setzero_ps,
    };
    let (a_blocks, b_blocks) = (a.chunks_exact(BLOCK), b.chunks_exact(BLOCK));
    let rest: f32 = a_blocks.remainder().iter().zip(b_blocks.remainder()).map(|(a, b)| a.to_f32() * b).sum();
    let (mut even, mut odd) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    for (a, b) in a_blocks.zip(b_blocks) {
        let (a, b) = (a.as_ptr(), b.as_ptr());
        #[expect(unsafe_code, clippy::cast_ptr_alignment, reason = "unaligned vector loads take pointers")]
        // SAFETY: both blocks hold 32 elements, and the four loads cover exactly those: 16 from
        // either start, 16 from element 16 on. `f16` is a transparent `u16`.
        let ((a0, b0), (a1, b1)) = unsafe {
            (
                (_mm256_loadu_si256(a.cast::<__m256i>()), _mm512_loadu_ps(b)),
                (_mm256_loadu_si256(a.add(16).cast::<__m256i>()), _mm512_loadu_ps(b.add(16))),
            )
        };
        even = _mm512_fmadd_ps(_mm512_cvtph_ps(a0), b0, even);
        odd = _mm512_fmadd_ps(_mm512_cvtph_ps(a1), b1, odd);
    }
    rest + _mm512_reduce_add_ps(_mm512_add_ps(even, odd))
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn naive(matrix: &[f32], columns: usize, x: &[f32]) -> Vec<f64> {
        let dot =
            |row: &[f32], x: &[f32]| row.iter().zip(x).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        x.chunks(columns).flat_map(|x| matrix.chunks(columns).map(move |row| dot(row, x))).collect()
    }

    #[test]
    fn products_agree_with_their_definition_in_both_storages() {
        for (rows, columns, n) in [(3, 5, 1), (700, 384, 1), (700, 400, 1), (33, 70, 4), (700, 384, 5)] {
            for step in [1.0 / 256.0, 1e-3] {
                let values: Vec<f32> =
                    (0..rows * columns).map(|i| ((i * 37) % 101) as f32 * step - 50.0 * step).collect();
                let tensor = Tensor::from_vec(values.clone(), (rows, columns), &Device::Cpu).unwrap();
                let matrix = Matrix::new(&tensor).unwrap();
                let exact_in_half = step.to_bits() == (1.0_f32 / 256.0).to_bits();
                assert_eq!(matches!(matrix.values, Values::Half(_)), exact_in_half);
                let x: Vec<f32> = (0..n * columns).map(|i| (i as f32 * 0.11).sin()).collect();
                let mut out = vec![f32::NAN; n * rows];
                matrix.apply(&x, &mut out);
                for (out, exact) in out.iter().zip(naive(&values, columns, &x)) {
                    assert!((f64::from(*out) - exact).abs() < 1e-4, "{out} is not {exact}");
                }
                let mut row = vec![0.0; columns];
                matrix.row(rows - 1, &mut row);
                assert_eq!(row, values[(rows - 1) * columns..]);
            }
        }
    }
}
