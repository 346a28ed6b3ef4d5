//! Weights of the decoder, which reads every one of them for every token: what limits it is how
//! many bytes that takes.

mod kernel;

use candle_core::{DType, Tensor};
use half::f16;
use rayon::prelude::*;
use reelbench_nn::QuantizedMatrix;
use reelbench_nn::quantized::Blocks;
use reelbench_protocol::Quantization;

use kernel::Element;

/// Multiplications below which a second thread costs more than it saves.
const PARALLEL_FROM: usize = 1 << 18;
/// Rows of a panel.
pub(crate) const PANEL: usize = 64;

/// A matrix `[rows, columns]` that multiplies a few vectors at a time.
///
/// Without quantization, values that are exactly representable are kept as 16-bit floats, and
/// widened as they are used: the results are those of 32-bit weights at half the memory traffic.
/// The published checkpoints were trained in that type, whatever type their files have.
#[derive(Debug)]
pub(crate) struct Matrix {
    rows: usize,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Half(Panels<f16>),
    Single(Panels<f32>),
    Quantized(QuantizedMatrix),
}

/// A matrix as panels of 64 rows, each column by column: one pass over a panel makes 64 sums side
/// by side, none of which has to be added up across a register. Each is summed in the order of the
/// columns, so a product is the same in whatever company it is computed.
#[derive(Debug)]
pub(crate) struct Panels<E> {
    columns: usize,
    /// Shape (panels, columns), the last panel filled up with zeros.
    values: Vec<[E; PANEL]>,
}

impl<E: Element> Panels<E> {
    /// Takes `rows` rows of `columns` values that stand `stride` apart.
    pub(crate) fn new(values: &[E], rows: usize, columns: usize, stride: usize) -> Self {
        let mut panels = vec![[E::default(); PANEL]; rows.div_ceil(PANEL) * columns];
        for (index, row) in values.chunks(stride).take(rows).enumerate() {
            let panel = &mut panels[index / PANEL * columns..][..columns];
            for (column, &value) in panel.iter_mut().zip(row) {
                column[index % PANEL] = value;
            }
        }
        Self { columns, values: panels }
    }

    /// The transposed matrix of `columns` rows with up to 64 values that stand `stride` apart.
    pub(crate) fn transposed(values: &[E], rows: usize, columns: usize, stride: usize) -> Self {
        let mut panel = vec![[E::default(); PANEL]; columns];
        for (column, values) in panel.iter_mut().zip(values.chunks(stride)) {
            column[..rows].copy_from_slice(&values[..rows]);
        }
        Self { columns, values: panel }
    }

    /// Number of columns.
    pub(crate) fn columns(&self) -> usize {
        self.columns
    }

    fn row(&self, index: usize, out: &mut [f32]) {
        let panel = &self.values[index / PANEL * self.columns..][..self.columns];
        for (out, column) in out.iter_mut().zip(panel) {
            *out = column[index % PANEL].widen();
        }
    }

    /// The products of `x` with every row, those of the last panel's zeros included.
    pub(crate) fn multiply(&self, x: &[f32], products: &mut [[f32; PANEL]]) {
        for (panel, products) in self.values.chunks_exact(self.columns).zip(products) {
            kernel::multiply(panel, x, std::slice::from_mut(products));
        }
    }

    /// The products of every vector of `x` with the rows of every panel, shape (panels, vectors).
    fn multiply_many(&self, x: &[f32]) -> Vec<[f32; PANEL]> {
        let vectors = x.len() / self.columns;
        let mut products = vec![[0.0; PANEL]; self.values.len() / self.columns * vectors];
        let multiply = |(panel, products): (&[[E; PANEL]], &mut [[f32; PANEL]])| {
            kernel::multiply(panel, x, products);
        };
        if self.values.len() * PANEL * vectors < PARALLEL_FROM {
            self.values.chunks_exact(self.columns).zip(products.chunks_exact_mut(vectors)).for_each(multiply);
        } else {
            let panels = self.values.par_chunks_exact(self.columns);
            // A quarter of a thread's share at a time: enough to start with, and to make up for a
            // thread that was held up.
            let at_once = (panels.len() / (4 * rayon::current_num_threads())).max(1);
            panels.zip(products.par_chunks_exact_mut(vectors)).with_min_len(at_once).for_each(multiply);
        }
        products
    }

    fn apply(&self, rows: usize, x: &[f32], out: &mut [f32]) {
        let vectors = x.len() / self.columns;
        for (panel, products) in self.multiply_many(x).chunks_exact(vectors).enumerate() {
            let first = panel * PANEL;
            let used = PANEL.min(rows - first);
            for (products, out) in products.iter().zip(out.chunks_exact_mut(rows)) {
                out[first..first + used].copy_from_slice(&products[..used]);
            }
        }
    }

    fn bytes(&self) -> usize {
        size_of_val(self.values.as_slice())
    }
}

impl Matrix {
    /// Takes a tensor `[rows, columns]`.
    ///
    /// # Errors
    /// When the quantization has no product.
    pub(crate) fn new(tensor: &Tensor, quantization: Quantization) -> candle_core::Result<Self> {
        let (rows, columns) = tensor.dims2()?;
        let values = match Blocks::fitting(quantization, columns)? {
            Some(blocks) => Values::Quantized(QuantizedMatrix::new(tensor, blocks)?),
            None => Values::dense(tensor)?,
        };
        Ok(Self { rows, values })
    }

    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> u64 {
        match &self.values {
            Values::Half(panels) => panels.bytes() as u64,
            Values::Single(panels) => panels.bytes() as u64,
            Values::Quantized(matrix) => matrix.bytes(),
        }
    }

    /// Row `index` as 32-bit floats, into `out`.
    pub(crate) fn row(&self, index: usize, out: &mut [f32]) {
        match &self.values {
            Values::Half(panels) => panels.row(index, out),
            Values::Single(panels) => panels.row(index, out),
            Values::Quantized(matrix) => matrix.row(index, out),
        }
    }

    /// `out = x · Wᵀ`: for every vector of `x: [n, columns]` one of `out: [n, rows]`. All vectors
    /// share one pass over the weights.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32]) {
        match &self.values {
            Values::Half(panels) => panels.apply(self.rows, x, out),
            Values::Single(panels) => panels.apply(self.rows, x, out),
            Values::Quantized(matrix) => matrix.apply(x, out),
        }
    }
}

impl Values {
    fn dense(tensor: &Tensor) -> candle_core::Result<Self> {
        let (rows, columns) = tensor.dims2()?;
        let single: Vec<f32> = tensor.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?;
        let half: Vec<f16> = single.par_iter().map(|&value| f16::from_f32(value)).collect();
        let exact =
            half.par_iter().zip(&single).all(|(half, value)| half.to_f32().to_bits() == value.to_bits());
        Ok(if exact {
            Self::Half(Panels::new(&half, rows, columns, columns))
        } else {
            Self::Single(Panels::new(&single, rows, columns, columns))
        })
    }
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

    fn values(rows: usize, columns: usize, step: f32) -> Vec<f32> {
        (0..rows * columns).map(|i| ((i * 37) % 101) as f32 * step - 50.0 * step).collect()
    }

    #[test]
    fn products_agree_with_their_definition_in_both_storages() {
        for (rows, columns, n) in [(3, 5, 1), (700, 384, 1), (700, 400, 1), (33, 70, 4), (700, 384, 7)] {
            for step in [1.0 / 256.0, 1e-3] {
                let values = values(rows, columns, step);
                let tensor = Tensor::from_vec(values.clone(), (rows, columns), &Device::Cpu).unwrap();
                let matrix = Matrix::new(&tensor, Quantization::None).unwrap();
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

    /// Windows that are written together say what they say alone.
    #[test]
    fn a_product_is_the_same_to_the_bit_in_any_company() {
        let (rows, columns) = (700, 384);
        for (quantization, step) in
            [(Quantization::None, 1.0 / 256.0), (Quantization::None, 1e-3), (Quantization::Q8_0, 1e-3)]
        {
            let tensor =
                Tensor::from_vec(values(rows, columns, step), (rows, columns), &Device::Cpu).unwrap();
            let matrix = Matrix::new(&tensor, quantization).unwrap();
            let x: Vec<f32> = (0..9 * columns).map(|i| (i as f32 * 0.11).sin()).collect();
            let mut together = vec![0.0; 9 * rows];
            matrix.apply(&x, &mut together);
            let mut alone = vec![0.0; rows];
            for (x, together) in x.chunks(columns).zip(together.chunks(rows)) {
                matrix.apply(x, &mut alone);
                assert_eq!(alone, together);
            }
        }
    }

    #[test]
    fn views_are_taken_with_their_stride() {
        let values: Vec<f32> = (0..12).map(|i| i as f32).collect();
        // Rows [0, 1], [4, 5] and [8, 9].
        let mut products = [[0.0; PANEL]];
        Panels::new(&values, 3, 2, 4).multiply(&[1.0, 10.0], &mut products);
        assert_eq!(products[0][..4], [10.0, 54.0, 98.0, 0.0]);
        Panels::transposed(&values, 2, 3, 4).multiply(&[1.0, 10.0, 100.0], &mut products);
        assert_eq!(products[0][..3], [840.0, 951.0, 0.0]);
    }
}
