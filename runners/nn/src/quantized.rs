//! Matrices in ggml's blocks, and their products with vectors on the processor.
//!
//! candle rounds the weights, to the same blocks as llama.cpp. Here sixteen rows at a time are laid
//! side by side, once, so that an instruction multiplies four columns of sixteen rows; nothing else
//! of the weights stays in memory. candle's own products are slow for a number of columns that is
//! no multiple of 256, keep the weights twice where they are fast, and spin between products.

mod inputs;
mod kernel;
mod tiles;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{D, DType, Device, Result, Tensor, bail};
use rayon::prelude::*;
use reelbench_protocol::Quantization;

use crate::linear::{Stored, WeightMatrix};
use inputs::Inputs;
use kernel::Sums;
pub(crate) use tiles::ROWS;
use tiles::{Tile, TileQ4k, TileQ8_0};

/// Weights that cannot be quantized.
#[derive(Debug, thiserror::Error)]
pub enum QuantizeError {
    /// A quantization without ggml's blocks.
    #[error(
        "`nf4` is not stored in ggml's blocks and has products on the processor only; use none, q8_0 or q4k"
    )]
    Nf4,
}

/// Carries the error through candle's interface.
impl From<QuantizeError> for candle_core::Error {
    fn from(error: QuantizeError) -> Self {
        Self::wrap(error)
    }
}

/// The blocks that weights are rounded to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocks {
    /// 32 columns with 8-bit values: 8.5 bits per weight.
    Q8_0,
    /// 256 columns with 4-bit values, in eight parts with 6-bit scales and minima: 4.6 bits per weight.
    Q4k,
}

impl Blocks {
    /// The blocks for rows of this many columns; `None` leaves the weights as they are.
    ///
    /// Columns that 256 does not divide get 8-bit values instead of 4-bit ones (llama.cpp falls
    /// back to `Q5_0`, for which candle has no fast product); columns that 32 does not divide, none.
    ///
    /// # Errors
    /// When the quantization is `nf4`.
    pub fn fitting(
        quantization: Quantization,
        columns: usize,
    ) -> std::result::Result<Option<Self>, QuantizeError> {
        let wanted = match quantization {
            Quantization::None => return Ok(None),
            Quantization::Q8_0 => Self::Q8_0,
            Quantization::Q4k => Self::Q4k,
            Quantization::Nf4 => return Err(QuantizeError::Nf4),
        };
        let fits = |blocks: &Self| columns > 0 && columns.is_multiple_of(blocks.columns());
        Ok([wanted, Self::Q8_0].into_iter().find(fits))
    }

    /// Columns of a block.
    pub fn columns(self) -> usize {
        self.ggml().block_size()
    }

    /// Bytes of a row with this many columns, sixteen of which are kept together.
    pub(crate) fn row_bytes(self, columns: usize) -> u64 {
        let tile = match self {
            Self::Q8_0 => size_of::<TileQ8_0>(),
            Self::Q4k => size_of::<TileQ4k>(),
        };
        (columns / self.columns() * tile / ROWS) as u64
    }

    pub(crate) fn ggml(self) -> GgmlDType {
        match self {
            Self::Q8_0 => GgmlDType::Q8_0,
            Self::Q4k => GgmlDType::Q4K,
        }
    }
}

/// A matrix in blocks.
#[derive(Debug)]
pub struct QuantizedMatrix {
    rows: usize,
    columns: usize,
    tiles: Tiles,
}

/// Tiles in order of rows, then of columns.
#[derive(Debug)]
enum Tiles {
    Q8_0(Vec<TileQ8_0>),
    Q4k(Vec<TileQ4k>),
}

impl QuantizedMatrix {
    /// Rounds a tensor of shape (rows, columns).
    ///
    /// # Errors
    /// When the columns are not whole blocks.
    pub fn new(weight: &Tensor, blocks: Blocks) -> Result<Self> {
        Self::joined(weight.dim(D::Minus1)?, blocks, std::iter::once(Ok(weight.clone())))
    }

    /// Rounds tensors of shape (rows, columns) one after another, each of which is let go of before
    /// the next is asked for. Their rows become those of one matrix.
    ///
    /// # Errors
    /// When a tensor cannot be had or has other columns, and when the columns are not whole blocks.
    pub fn joined(
        columns: usize,
        blocks: Blocks,
        weights: impl Iterator<Item = Result<Tensor>>,
    ) -> Result<Self> {
        if columns == 0 || !columns.is_multiple_of(blocks.columns()) {
            bail!("{columns} columns are not whole blocks of {}", blocks.columns());
        }
        let bytes_per_row = columns / blocks.columns() * blocks.ggml().type_size();
        let mut bytes = Vec::new();
        for weight in weights {
            round_onto(&mut bytes, &weight?, columns, blocks.ggml())?;
        }
        let tiles = match blocks {
            Blocks::Q8_0 => Tiles::Q8_0(pack(&bytes, bytes_per_row)?),
            Blocks::Q4k => Tiles::Q4k(pack(&bytes, bytes_per_row)?),
        };
        Ok(Self { rows: bytes.len() / bytes_per_row, columns, tiles })
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Bytes in memory.
    pub fn bytes(&self) -> u64 {
        let bytes = match &self.tiles {
            Tiles::Q8_0(tiles) => size_of_val(tiles.as_slice()),
            Tiles::Q4k(tiles) => size_of_val(tiles.as_slice()),
        };
        bytes as u64
    }

    /// Row `index`, below [`Self::rows`], into `out`, as long as there are columns.
    pub fn row(&self, index: usize, out: &mut [f32]) {
        match &self.tiles {
            Tiles::Q8_0(tiles) => self.row_of(tiles, index, out),
            Tiles::Q4k(tiles) => self.row_of(tiles, index, out),
        }
    }

    fn row_of<T: Tile>(&self, tiles: &[T], index: usize, out: &mut [f32]) {
        let per_row = self.columns / T::COLUMNS;
        let tiles = &tiles[index / ROWS * per_row..][..per_row];
        for (tile, out) in tiles.iter().zip(out.chunks_exact_mut(T::COLUMNS)) {
            tile.row(index % ROWS, out);
        }
    }

    /// `out = x · Wᵀ`: for every vector of `x`, of shape (vectors, columns), one of `out`, of shape
    /// (vectors, rows). The vectors are rounded to 8 bits in blocks of 32 as llama.cpp does it.
    pub fn apply(&self, x: &[f32], out: &mut [f32]) {
        match &self.tiles {
            Tiles::Q8_0(tiles) => self.apply_tiles(tiles, x, out),
            Tiles::Q4k(tiles) => self.apply_tiles(tiles, x, out),
        }
    }

    fn apply_tiles<T: Tile>(&self, tiles: &[T], x: &[f32], out: &mut [f32]) {
        let vectors = x.len() / self.columns;
        if vectors <= kernel::VECTORS {
            return self.spread_rows(tiles, x, out);
        }
        let tasks = out.par_chunks_mut(kernel::VECTORS * self.rows);
        tasks.zip(x.par_chunks(kernel::VECTORS * self.columns)).for_each_init(
            Sums::default,
            |sums, (out, x)| {
                let inputs = Inputs::new(x, self.columns);
                let per_row = self.columns / T::COLUMNS;
                let mut first = 0;
                for tiles in tiles.chunks(kernel::TILE_ROWS * per_row) {
                    for products in sums.products(tiles, per_row, &inputs) {
                        self.scatter(first, products, out);
                        first += ROWS;
                    }
                }
            },
        );
    }

    /// For few vectors: the rows are shared out among the threads.
    fn spread_rows<T: Tile>(&self, tiles: &[T], x: &[f32], out: &mut [f32]) {
        let inputs = Inputs::new(x, self.columns);
        let per_row = self.columns / T::COLUMNS;
        let rows_of_tiles = self.rows.div_ceil(ROWS);
        let multiplications = self.rows * x.len();
        let tasks = if multiplications < kernel::PARALLEL_FROM { 1 } else { rayon::current_num_threads() };
        let rows_per_task = rows_of_tiles.div_ceil(tasks).max(1);
        let mut products = vec![[0.0; ROWS]; rows_of_tiles * inputs.vectors()];
        let multiply = |(products, tiles): (&mut [[f32; ROWS]], &[T])| {
            let rows = products.chunks_exact_mut(inputs.vectors().max(1));
            rows.zip(tiles.chunks_exact(per_row))
                .for_each(|(sums, tiles)| kernel::add([tiles], &inputs, [sums]));
        };
        if tasks == 1 {
            multiply((&mut products, tiles));
        } else {
            let products = products.par_chunks_mut((rows_per_task * inputs.vectors()).max(1));
            products.zip(tiles.par_chunks(rows_per_task * per_row)).for_each(multiply);
        }
        for (index, sums) in products.chunks_exact(inputs.vectors().max(1)).enumerate() {
            self.scatter(index * ROWS, sums, out);
        }
    }

    /// Puts the products of sixteen rows from `first` on where they belong.
    fn scatter(&self, first: usize, products: &[[f32; ROWS]], out: &mut [f32]) {
        let used = ROWS.min(self.rows - first);
        for (products, out) in products.iter().zip(out.chunks_exact_mut(self.rows)) {
            out[first..first + used].copy_from_slice(&products[..used]);
        }
    }
}

impl WeightMatrix for QuantizedMatrix {
    fn stored(&self) -> Stored {
        Stored::In(match self.tiles {
            Tiles::Q8_0(_) => Blocks::Q8_0,
            Tiles::Q4k(_) => Blocks::Q4k,
        })
    }

    fn dims(&self) -> (usize, usize) {
        (self.rows, self.columns)
    }

    fn bytes(&self) -> u64 {
        self.bytes()
    }

    fn apply(&self, x: &[f32], out: &mut [f32]) {
        self.apply(x, out);
    }
}

/// Appends ggml's blocks of a tensor to `bytes`, rounding sixteen rows at a time, so that in 32 bits
/// the whole tensor exists only as it was given.
fn round_onto(bytes: &mut Vec<u8>, weight: &Tensor, columns: usize, dtype: GgmlDType) -> Result<()> {
    let weight = weight.to_device(&Device::Cpu)?;
    let (rows, found) = weight.dims2()?;
    if found != columns {
        bail!("{found} columns stand below rows of {columns}");
    }
    let starts: Vec<usize> = (0..rows).step_by(ROWS).collect();
    let rounded = starts.into_par_iter().map(|start| {
        // candle rounds what a tensor's memory starts with, wherever a view into it begins.
        let rows = weight.narrow(0, start, ROWS.min(rows - start))?.force_contiguous()?;
        let blocks = QTensor::quantize(&rows.to_dtype(DType::F32)?, dtype)?;
        Ok(blocks.data()?.into_owned())
    });
    for rows in rounded.collect::<Result<Vec<_>>>()? {
        bytes.extend_from_slice(&rows);
    }
    Ok(())
}

/// Lays rows of blocks side by side, sixteen at a time.
fn pack<T: Tile>(bytes: &[u8], bytes_per_row: usize) -> Result<Vec<T>> {
    let packed = bytes.par_chunks(ROWS * bytes_per_row).map(|rows| T::pack(rows, rows.len() / bytes_per_row));
    Ok(packed.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests;
