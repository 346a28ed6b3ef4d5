//! Sixteen rows of ggml blocks, side by side.

use candle_core::{Result, bail};
use half::f16;
use half::slice::HalfFloatSliceExt;

/// Rows of a tile.
pub(crate) const ROWS: usize = 16;
/// Columns that share a scale.
pub(super) const SPAN: usize = 32;
/// Columns that one instruction multiplies.
const GROUP: usize = 4;
/// Groups of a span.
const GROUPS: usize = SPAN / GROUP;

/// One group of every row: what one register of 512 bits holds.
pub(super) type Group = [[u8; GROUP]; ROWS];
/// A span of every row, as bytes from 0 on.
pub(super) type Span = [Group; GROUPS];

/// Element = `scale · (byte − ZERO) − minimum`, with the scale and minimum of its row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) scale: [f32; ROWS],
    pub(super) minimum: [f32; ROWS],
}

/// Sixteen rows of blocks.
pub(super) trait Tile: Sized + Send + Sync {
    /// Columns of a block.
    const COLUMNS: usize;
    /// The byte that stands for zero before the minimum is taken off.
    const ZERO: i32;

    /// Lays the blocks of up to sixteen rows side by side; missing rows are zero.
    fn pack(blocks: &[u8], rows: usize) -> Result<Vec<Self>>;

    /// The bytes of span `index`, perhaps unpacked into `room`.
    fn span<'a>(&'a self, index: usize, room: &'a mut Span) -> &'a Span;

    /// What the bytes of span `index` stand for.
    fn range(&self, index: usize) -> Range;

    /// The elements of one row.
    fn row(&self, row: usize, out: &mut [f32]) {
        let mut room = Span::default();
        for (index, out) in out.chunks_exact_mut(SPAN).enumerate() {
            let range = self.range(index);
            let bytes = self.span(index, &mut room).iter().flat_map(|group| group[row]);
            for (out, byte) in out.iter_mut().zip(bytes) {
                *out = range.scale[row] * (i32::from(byte) - Self::ZERO) as f32 - range.minimum[row];
            }
        }
    }
}

/// `Q8_0` of ggml: a 16-bit scale and 32 signed bytes, here moved up by 128.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct TileQ8_0 {
    scale: [f16; ROWS],
    span: Span,
}

impl Tile for TileQ8_0 {
    const COLUMNS: usize = SPAN;
    const ZERO: i32 = 128;

    fn pack(blocks: &[u8], rows: usize) -> Result<Vec<Self>> {
        pack_rows(blocks, rows, Self { scale: [f16::ZERO; ROWS], span: Span::default() }, Self::put)
    }

    fn span<'a>(&'a self, _: usize, _: &'a mut Span) -> &'a Span {
        &self.span
    }

    fn range(&self, _: usize) -> Range {
        Range { scale: widen(&self.scale), minimum: [0.0; ROWS] }
    }
}

impl TileQ8_0 {
    fn put(&mut self, row: usize, block: &[u8; 34]) {
        let [low, high, values @ ..] = block;
        self.scale[row] = f16::from_le_bytes([*low, *high]);
        for (column, value) in values.iter().enumerate() {
            self.span[column / GROUP][row][column % GROUP] = value.wrapping_add(128);
        }
    }
}

/// `Q4_K` of ggml: eight spans of 4-bit values, each with a 6-bit scale and minimum.
#[derive(Debug, Clone)]
#[repr(C)]
pub(super) struct TileQ4k {
    scale: [f16; ROWS],
    minimum: [f16; ROWS],
    scales: [[u8; ROWS]; SPANS],
    minima: [[u8; ROWS]; SPANS],
    /// Per span: groups 0 to 3 in the low halves of the bytes, 4 to 7 in the high ones.
    values: [[Group; GROUPS / 2]; SPANS],
}

/// Spans of a `Q4_K` block.
const SPANS: usize = 8;

impl Tile for TileQ4k {
    const COLUMNS: usize = SPANS * SPAN;
    const ZERO: i32 = 0;

    fn pack(blocks: &[u8], rows: usize) -> Result<Vec<Self>> {
        let empty = Self {
            scale: [f16::ZERO; ROWS],
            minimum: [f16::ZERO; ROWS],
            scales: [[0; ROWS]; SPANS],
            minima: [[0; ROWS]; SPANS],
            values: Default::default(),
        };
        pack_rows(blocks, rows, empty, Self::put)
    }

    fn span<'a>(&'a self, index: usize, room: &'a mut Span) -> &'a Span {
        let (low, high) = room.split_at_mut(GROUPS / 2);
        for ((packed, low), high) in self.values[index].iter().zip(low).zip(high) {
            let bytes = low.as_flattened_mut().iter_mut().zip(high.as_flattened_mut());
            for (packed, (low, high)) in packed.as_flattened().iter().zip(bytes) {
                *low = packed & 15;
                *high = packed >> 4;
            }
        }
        room
    }

    fn range(&self, index: usize) -> Range {
        let mut range = Range { scale: widen(&self.scale), minimum: widen(&self.minimum) };
        for (scale, factor) in range.scale.iter_mut().zip(&self.scales[index]) {
            *scale *= f32::from(*factor);
        }
        for (minimum, factor) in range.minimum.iter_mut().zip(&self.minima[index]) {
            *minimum *= f32::from(*factor);
        }
        range
    }
}

impl TileQ4k {
    fn put(&mut self, row: usize, block: &[u8; 144]) {
        self.scale[row] = f16::from_le_bytes([block[0], block[1]]);
        self.minimum[row] = f16::from_le_bytes([block[2], block[3]]);
        let factors = &block[4..16];
        for span in 0..SPANS {
            // Four spans have their six bits in one byte; the other four have four bits in the last
            // four bytes, and two above the six of the others.
            let (scale, minimum) = if span < 4 {
                (factors[span] & 63, factors[span + 4] & 63)
            } else {
                let shared = factors[span + 4];
                (shared & 15 | factors[span - 4] >> 6 << 4, shared >> 4 | factors[span] >> 6 << 4)
            };
            self.scales[span][row] = scale;
            self.minima[span][row] = minimum;
            // Two neighbouring spans share 32 bytes.
            let bytes = &block[16 + span / 2 * SPAN..][..SPAN];
            for (column, byte) in bytes.iter().enumerate() {
                let value = if span % 2 == 0 { byte & 15 } else { byte >> 4 };
                let (group, place) = (column / GROUP, column % GROUP);
                let half = if group < GROUPS / 2 { value } else { value << 4 };
                self.values[span][group % (GROUPS / 2)][row][place] |= half;
            }
        }
    }
}

/// Turns rows of blocks of `N` bytes into tiles.
fn pack_rows<T: Clone, const N: usize>(
    blocks: &[u8],
    rows: usize,
    empty: T,
    put: fn(&mut T, usize, &[u8; N]),
) -> Result<Vec<T>> {
    let (blocks, rest) = blocks.as_chunks::<N>();
    if !rest.is_empty() || rows == 0 || rows > ROWS || blocks.len() % rows != 0 {
        bail!("{} blocks of {N} bytes and {} more are not {rows} rows", blocks.len(), rest.len());
    }
    let per_row = blocks.len() / rows;
    let mut tiles = vec![empty; per_row];
    for (index, block) in blocks.iter().enumerate() {
        put(&mut tiles[index % per_row], index / per_row, block);
    }
    Ok(tiles)
}

fn widen(halves: &[f16; ROWS]) -> [f32; ROWS] {
    let mut singles = [0.0; ROWS];
    halves.convert_to_f32_slice(&mut singles);
    singles
}
