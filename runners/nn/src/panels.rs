//! Matrices as panels, and their products with vectors on the processor.
//!
//! A panel is 64 rows side by side, so that one pass over it makes 64 sums, none of which has to be
//! added up across a register. Every sum is made in the order of the columns: a product is the same
//! to the bit in whatever company it is computed.

mod kernel;

use std::fmt::{self, Debug, Formatter};
use std::ops::Range;

use candle_core::{DType, Result, Storage, Tensor, WithDType, bail};
use half::f16;
use rayon::prelude::*;

use crate::linear::{Stored, WeightMatrix};
use crate::register::Pair;
pub(crate) use kernel::{Accumulate, Group, Input, Inputs, Rows, Sums, Unit, VECTORS};

/// Rows of a panel.
pub(crate) const PANEL: usize = 64;

/// Up to this many vectors the panels are shared out among the threads, and read once; more vectors
/// are shared out themselves.
const SPREAD_PANELS: usize = 96;

/// Vectors of a task where vectors are shared out: their sums stay in a core's own cache.
const VECTORS_PER_TASK: usize = 32 * VECTORS;

/// Multiplications below which a second thread costs more than it saves.
const PARALLEL_FROM: usize = 1 << 18;

/// Up to 64 rows of a matrix.
pub(crate) trait Panel: Send + Sync {
    /// What its vectors are taken apart into.
    type Input: Input;

    /// How it is stored.
    const STORED: Stored;

    /// Which rows of the matrix they are.
    fn rows(&self) -> Range<usize>;

    /// Bytes in memory.
    fn bytes(&self) -> usize;

    /// Adds its products with every vector to `sums`, one element per vector.
    fn add(&self, inputs: &Inputs<Self::Input>, sums: &mut [[f32; PANEL]]);
}

/// A matrix.
pub(crate) struct Panels<P> {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    pub(crate) parts: Vec<P>,
}

/// Without the millions of numbers.
impl<P> Debug for Panels<P> {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let Self { rows, columns, .. } = self;
        formatter.debug_struct("Panels").field("rows", rows).field("columns", columns).finish_non_exhaustive()
    }
}

/// A panel of plain numbers, step by step.
pub(crate) struct NumberPanel<U> {
    rows: Range<usize>,
    units: Vec<[U; PANEL]>,
}

impl<U: Unit> Panels<NumberPanel<U>>
where
    NumberPanel<U>: Panel,
{
    /// Takes tensors of shape (rows, columns) one after another. Their rows become those of one
    /// matrix.
    ///
    /// # Errors
    /// When a tensor cannot be had, is not on the processor or has another type or other columns.
    pub(crate) fn joined(columns: usize, weights: impl Iterator<Item = Result<Tensor>>) -> Result<Self> {
        let mut matrix = Self { rows: 0, columns, parts: Vec::new() };
        for weight in weights {
            let weight = weight?;
            let (_, found) = weight.dims2()?;
            if found != columns || columns == 0 {
                bail!("{found} columns cannot be rows of {columns}");
            }
            with_values(&weight, |values| matrix.append(values))?;
        }
        Ok(matrix)
    }

    fn append(&mut self, values: &[U::Number]) {
        let (first, columns) = (self.rows, self.columns);
        let panels = values.par_chunks(PANEL * columns).enumerate().map(|(index, values)| {
            let mut units = vec![[U::default(); PANEL]; columns.div_ceil(U::Input::COLUMNS)];
            for (row, values) in values.chunks_exact(columns).enumerate() {
                for (units, values) in units.iter_mut().zip(values.chunks(U::Input::COLUMNS)) {
                    units[row] = U::new(values);
                }
            }
            let start = first + index * PANEL;
            NumberPanel { rows: start..start + values.len() / columns, units }
        });
        self.parts.par_extend(panels);
        self.rows += values.len() / columns;
    }
}

/// Gives out a tensor's values, row by row.
///
/// # Errors
/// When the tensor is not on the processor or has another type.
pub(crate) fn with_values<T: WithDType, R>(tensor: &Tensor, work: impl FnOnce(&[T]) -> R) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else { bail!("the tensor must be on the processor") };
    Ok(work(&T::cpu_storage_as_slice(storage)?[layout.start_offset()..][..tensor.elem_count()]))
}

macro_rules! number_panels {
    ($($unit:ty: $dtype:ident),+) => {$(
        impl Panel for NumberPanel<$unit> {
            type Input = <$unit as Unit>::Input;
            const STORED: Stored = Stored::As(DType::$dtype);

            fn rows(&self) -> Range<usize> {
                self.rows.clone()
            }

            fn bytes(&self) -> usize {
                size_of_val(self.units.as_slice())
            }

            fn add(&self, inputs: &Inputs<Self::Input>, sums: &mut [[f32; PANEL]]) {
                kernel::add(&self.units, inputs, sums);
            }
        }
    )+};
}
number_panels!(f32: F32, f16: F16, Pair: BF16);

impl<P: Panel> WeightMatrix for Panels<P> {
    fn stored(&self) -> Stored {
        P::STORED
    }

    fn dims(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn bytes(&self) -> u64 {
        self.parts.iter().map(|panel| panel.bytes() as u64).sum()
    }

    fn apply(&self, x: &[f32], out: &mut [f32]) {
        if x.len() / self.columns <= SPREAD_PANELS {
            return self.spread_panels(x, out);
        }
        let tasks = out.par_chunks_mut((VECTORS_PER_TASK * self.rows).max(1));
        let tasks = tasks.zip(x.par_chunks(VECTORS_PER_TASK * self.columns));
        tasks.for_each_init(Vec::new, |sums, (out, x)| {
            let inputs = Inputs::new(x, self.columns);
            for panel in &self.parts {
                sums.clear();
                sums.resize(inputs.vectors(), [0.0; PANEL]);
                panel.add(&inputs, sums);
                self.scatter(panel, sums, out);
            }
        });
    }
}

impl<P: Panel> Panels<P> {
    fn spread_panels(&self, x: &[f32], out: &mut [f32]) {
        let inputs = Inputs::new(x, self.columns);
        let mut sums = vec![[0.0; PANEL]; self.parts.len() * inputs.vectors()];
        if sums.is_empty() {
            return;
        }
        let add = |(sums, panel): (&mut [[f32; PANEL]], &P)| panel.add(&inputs, sums);
        if self.rows * x.len() < PARALLEL_FROM {
            sums.chunks_exact_mut(inputs.vectors()).zip(&self.parts).for_each(add);
        } else {
            // A quarter of a thread's share at a time: enough to start with, and to make up for a
            // thread that was held up.
            let at_once = (self.parts.len() / (4 * rayon::current_num_threads())).max(1);
            let tasks = sums.par_chunks_exact_mut(inputs.vectors()).zip(&self.parts);
            tasks.with_min_len(at_once).for_each(add);
        }
        for (sums, panel) in sums.chunks_exact(inputs.vectors()).zip(&self.parts) {
            self.scatter(panel, sums, out);
        }
    }

    /// Puts the products with the rows of a panel where they belong.
    fn scatter(&self, panel: &P, sums: &[[f32; PANEL]], out: &mut [f32]) {
        let rows = panel.rows();
        for (sums, out) in sums.iter().zip(out.chunks_exact_mut(self.rows)) {
            out[rows.clone()].copy_from_slice(&sums[..rows.len()]);
        }
    }
}

#[cfg(test)]
mod tests;
