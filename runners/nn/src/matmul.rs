//! A matrix product on slices, for kernels that bring their own threads.

use candle_core::{Result, bail};
use gemm::Parallelism;

/// A matrix inside a slice: element `(row, column)` stands at `row * row_stride + column * column_stride`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) row_stride: usize,
    pub(crate) column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// A row of a matrix whose rows lie without gaps.
    pub(crate) fn row(&self, index: usize) -> Result<&'a [f32]> {
        match self.data.get(index * self.row_stride..).and_then(|data| data.get(..self.columns)) {
            Some(values) => Ok(values),
            None => bail!("row {index} is outside of the {} values", self.data.len()),
        }
    }

    /// The matrix with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }

    fn is_inside(&self) -> bool {
        let last = (self.rows.max(1) - 1) * self.row_stride + (self.columns.max(1) - 1) * self.column_stride;
        last < self.data.len()
    }
}

/// Writes `a · b` into `product`, row by row without gaps, on the calling thread.
///
/// # Errors
/// When the shapes do not fit each other or the slices.
pub(crate) fn multiply(a: Matrix<'_>, b: Matrix<'_>, product: &mut [f32]) -> Result<()> {
    let (m, n, k) = (a.rows, b.columns, a.columns);
    if b.rows != k || product.len() != m * n || !a.is_inside() || !b.is_inside() {
        bail!("matrix product {m}x{k} by {}x{n} into {} values", b.rows, product.len());
    }
    // SAFETY: the check above keeps every index that the shapes and strides can form inside its
    // slice, and `product` cannot overlap the operands because it is borrowed mutably.
    #[expect(unsafe_code, reason = "gemm takes pointers; a safe product of this speed does not exist")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            product.as_mut_ptr(),
            1,
            n as isize,
            false,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            0.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strides_are_honoured_and_bounds_are_checked() {
        let a = [1.0, 2.0, 0.0, 3.0, 4.0, 0.0];
        let a = Matrix { data: &a, rows: 2, columns: 2, row_stride: 3, column_stride: 1 };
        let b = Matrix {
            data: &[1.0, 10.0, 100.0, 1000.0],
            rows: 2,
            columns: 2,
            row_stride: 1,
            column_stride: 2,
        };
        let mut product = vec![0.0; 4];
        multiply(a, b, &mut product).unwrap();
        assert_eq!(product, vec![21.0, 2100.0, 43.0, 4300.0]);
        multiply(a, b.transposed(), &mut product).unwrap();
        assert_eq!(product, vec![201.0, 2010.0, 403.0, 4030.0]);
        assert!(multiply(a, Matrix { rows: 3, ..b }, &mut product).is_err());
        assert!(multiply(Matrix { row_stride: 5, ..a }, b, &mut product).is_err());
    }
}
