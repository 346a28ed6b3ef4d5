//! The inner loop of every convolution: a few neighbouring pixels times a few blocks of channels,
//! summed up in registers.

use super::simd::{ACCUMULATORS, LANES, Lanes, Vector};

/// Most blocks of output channels that a kernel computes.
pub(super) const MOST_BLOCKS: usize = 3;

/// Values that are multiplied with one row of weights each: `count` channels that lie one after
/// another, `start` values after the tile's first pixel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tap {
    pub(super) start: usize,
    pub(super) count: usize,
}

/// One tile's work. `out` holds the tile's pixels of the first block; those of the next block
/// stand `pitch` further on.
pub(super) struct Tile<'a> {
    pub(super) input: &'a [f32],
    pub(super) taps: &'a [Tap],
    /// For every channel of every tap, a row of as many [`Lanes`] as there are blocks.
    pub(super) panel: &'a [Lanes],
    pub(super) out: &'a mut [Lanes],
    pub(super) pitch: usize,
}

/// A kernel for a certain tile.
pub(super) type Kernel = fn(Tile<'_>);

/// `PIXELS` pixels, `STRIDE` apart in the input, times `BLOCKS` blocks of output channels.
fn multiply<const PIXELS: usize, const BLOCKS: usize, const STRIDE: usize>(tile: Tile<'_>) {
    let Tile { input, taps, panel, out, pitch } = tile;
    let mut sums = [[Vector::splat(0.0); BLOCKS]; PIXELS];
    let span = (PIXELS - 1) * STRIDE * LANES + 1;
    let mut rows = panel.as_chunks::<BLOCKS>().0.iter();
    for tap in taps {
        for (start, row) in (tap.start..tap.start + tap.count).zip(rows.by_ref()) {
            let pixels = &input[start..start + span];
            let weights: [Vector; BLOCKS] = std::array::from_fn(|block| Vector::load(&row[block]));
            for (pixel, sums) in sums.iter_mut().enumerate() {
                let value = Vector::splat(pixels[pixel * STRIDE * LANES]);
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum = value.mul_add(weight, *sum);
                }
            }
        }
    }
    for block in 0..BLOCKS {
        let out = &mut out[block * pitch..block * pitch + PIXELS];
        for (out, sums) in out.iter_mut().zip(&sums) {
            sums[block].store(out);
        }
    }
}

macro_rules! kernels {
    ($blocks:literal, $stride:literal: $($pixels:literal)*) => {
        [$(multiply::<$pixels, $blocks, $stride> as Kernel),*]
    };
}

macro_rules! kernels_of_stride {
    ($stride:literal) => {
        (
            kernels!(1, $stride: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            kernels!(2, $stride: 1 2 3 4 5 6 7 8 9 10 11 12 13 14),
            kernels!(3, $stride: 1 2 3 4 5 6 7 8 9),
        )
    };
}

/// The kernels of one stride and number of blocks; the first is for one pixel.
pub(super) struct Kernels(&'static [Kernel]);

impl Kernels {
    /// Kernels for a stride of 1 or 2 and one to [`MOST_BLOCKS`] blocks.
    pub(super) fn new(stride: Stride, blocks: usize) -> Self {
        static ONE: ([Kernel; 14], [Kernel; 14], [Kernel; 9]) = kernels_of_stride!(1);
        static TWO: ([Kernel; 14], [Kernel; 14], [Kernel; 9]) = kernels_of_stride!(2);
        let (one, two, three) = match stride {
            Stride::One => &ONE,
            Stride::Two => &TWO,
        };
        let all: &[Kernel] = match blocks {
            1 => one,
            2 => two,
            _ => three,
        };
        Self(&all[..all.len().min(ACCUMULATORS / blocks)])
    }

    /// Cuts a row of `width` pixels into tiles of nearly equal width: calls `compute` with each
    /// tile's first pixel and its kernel.
    pub(super) fn each_tile(&self, width: usize, mut compute: impl FnMut(usize, Kernel)) {
        let tiles = width.div_ceil(self.0.len());
        for tile in 0..tiles {
            let (first, end) = (width * tile / tiles, width * (tile + 1) / tiles);
            compute(first, self.0[end - first - 1]);
        }
    }
}

/// How far apart in the input neighbouring output pixels look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stride {
    /// Neighbours too.
    One,
    /// Every second pixel.
    Two,
}

impl Stride {
    pub(crate) fn pixels(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
        }
    }
}
