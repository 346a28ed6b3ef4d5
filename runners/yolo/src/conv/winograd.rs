//! Convolution of side 3 and stride 1 by tiles of 4 × 4 pixels with a quarter of the
//! multiplications: Winograd's minimal filtering F(4×4, 3×3), as A. Lavin and S. Gray describe it
//! ("Fast algorithms for convolutional neural networks", 2015).
//!
//! Polynomials are interpolated at 0, ±3/4, ±3/2 and ∞ instead of the paper's 0, ±1, ±2 and ∞:
//! that halves the rounding error (to twice that of the definition in `f32`), and every constant
//! of the transforms of pixels is exact.

use std::cell::RefCell;

use rayon::prelude::*;

use super::epilogue::Epilogue;
use super::filters::{Filters, Group};
use super::kernel::{Kernels, Stride, Tap, Tile};
use super::map::{Channels, TILE, Target, View};
use super::rows_per_task;
use super::simd::{LANES, Lanes, Vector};

/// Rows and columns of input under a tile, and points of interpolation per axis.
const PATCH: usize = TILE + 2;
/// Points of interpolation of a tile.
const POINTS: usize = PATCH * PATCH;

/// The inner points of interpolation are ±`A` and ±`B`.
const A: f32 = 0.75;
const B: f32 = 1.5;

/// Fewest tiles worth a walk through the weights.
const TILES_PER_TASK: usize = 32;

thread_local! {
    /// Transformed pixels and products of a task; kept, so that their memory is not fetched anew.
    static SCRATCH: RefCell<[Vec<Lanes>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
}

/// Transformed weights.
#[derive(Debug)]
pub(super) struct Winograd {
    /// Channels in each block of the input.
    inputs: Vec<usize>,
    /// Every group with a panel for each of the [`POINTS`], one after another.
    groups: Vec<(Group, Vec<Lanes>)>,
}

/// Rows of tiles that one thread computes.
#[derive(Debug, Clone, Copy)]
struct Task {
    /// The first row of pixels.
    row: usize,
    columns: usize,
    tiles: usize,
}

impl Winograd {
    pub(super) fn new(filters: &Filters, inputs: &Channels, outputs: &Channels) -> Self {
        let transformed = transform_filters(filters);
        let weight = |output: Option<usize>, input: usize, point: usize| {
            output.map_or(0.0, |output| transformed[output * filters.inputs + input][point])
        };
        let channels = inputs.by_block();
        let pack = |group: Group| {
            let mut panels = Vec::with_capacity(POINTS * filters.inputs * group.blocks.len());
            for point in 0..POINTS {
                for input in channels.iter().cloned().flatten() {
                    panels.extend(group.row(|output| weight(output, input, point)));
                }
            }
            (group, panels)
        };
        let groups = Group::split(outputs).into_iter().map(pack).collect();
        Self { inputs: channels.iter().map(ExactSizeIterator::len).collect(), groups }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.groups.iter().map(|(_, panels)| size_of_val(panels.as_slice()) as u64).sum()
    }

    pub(super) fn run(&self, input: View<'_>, target: &mut Target<'_>, epilogue: &Epilogue) {
        let columns = target.map.width.div_ceil(TILE);
        let tile_rows = target.map.height.div_ceil(TILE);
        let rows = TILE * rows_per_task(tile_rows, tile_rows * columns / TILES_PER_TASK);
        let (width, pitch, length) = (target.map.width, target.map.pitch, target.map.row_length());
        let (first, residual) = (target.first_block, target.residual);
        target.map.rows_mut().par_chunks_mut(rows * length).enumerate().for_each(|(index, out)| {
            let tiles = (out.len() / length).div_ceil(TILE) * columns;
            let task = Task { row: index * rows, columns, tiles };
            SCRATCH.with_borrow_mut(|[pixels, products]| {
                self.transform_pixels(input, task, pixels);
                for (group, panels) in &self.groups {
                    self.multiply(group, panels, task, pixels, products);
                    for (index, block) in group.blocks.clone().enumerate() {
                        let sums = Sums { products, block: index, blocks: group.blocks.len(), task };
                        let start = (first + block) * pitch + 1;
                        sums.transform(out, length, start, width);
                        for out in out.chunks_exact_mut(length) {
                            let (before, out) = out.split_at_mut(start);
                            let added = residual.map(|residual| &before[(residual + block) * pitch + 1..]);
                            epilogue.finish(block, &mut out[..width], added);
                        }
                    }
                }
            });
        });
    }

    /// Fills `pixels` with the transformed patches: by point, block and tile.
    fn transform_pixels(&self, input: View<'_>, task: Task, pixels: &mut Vec<Lanes>) {
        let (row, pitch) = (input.map.row_length(), input.map.pitch);
        let plane = self.inputs.len() * task.tiles;
        grow(pixels, POINTS * plane);
        for tile in 0..task.tiles {
            let (down, right) = (tile / task.columns * TILE, tile % task.columns * TILE);
            let corner = (task.row + down) * row + right;
            for block in 0..self.inputs.len() {
                let patch = &input.map.values()[corner + (input.first_block + block) * pitch..];
                transform_patch(patch, row, &mut pixels[block * task.tiles + tile..], plane);
            }
        }
    }

    /// Fills `products` with the sums over the input's channels: by point, block of the group and tile.
    fn multiply(
        &self,
        group: &Group,
        panels: &[Lanes],
        task: Task,
        pixels: &[Lanes],
        products: &mut Vec<Lanes>,
    ) {
        let tiles = task.tiles;
        let tap = |(block, &count): (usize, &usize)| Tap { start: block * tiles * LANES, count };
        let taps: Vec<Tap> = self.inputs.iter().enumerate().map(tap).collect();
        let kernels = Kernels::new(Stride::One, group.blocks.len());
        let plane = group.blocks.len() * tiles;
        grow(products, POINTS * plane);
        let panels = panels.chunks_exact(panels.len() / POINTS);
        let pixels = pixels.chunks_exact(self.inputs.len() * tiles);
        for ((panel, pixels), out) in panels.zip(pixels).zip(products.chunks_exact_mut(plane)) {
            let input = Lanes::flat(pixels);
            kernels.each_tile(tiles, |first, kernel| {
                let (input, out) = (&input[first * LANES..], &mut out[first..]);
                kernel(Tile { input, taps: &taps, panel, out, pitch: tiles });
            });
        }
    }
}

/// The products of a task for one block of a group.
struct Sums<'a> {
    products: &'a [Lanes],
    block: usize,
    blocks: usize,
    task: Task,
}

impl Sums<'_> {
    /// Turns the products back into pixels, written from `start` on into rows of `length`; a tile
    /// at the edge may reach over the picture, and those pixels are left out.
    fn transform(&self, rows: &mut [Lanes], length: usize, start: usize, width: usize) {
        let plane = self.blocks * self.task.tiles;
        for tile in 0..self.task.tiles {
            let (down, right) = (tile / self.task.columns * TILE, tile % self.task.columns * TILE);
            let products = &self.products[self.block * self.task.tiles + tile..];
            let pixels = transform_products(products, plane);
            for (row, pixels) in rows.chunks_exact_mut(length).skip(down).zip(pixels) {
                let row = &mut row[start + right..start + width.min(right + TILE)];
                for (out, pixel) in row.iter_mut().zip(pixels) {
                    pixel.store(out);
                }
            }
        }
    }
}

/// Makes room for `length` values, whatever they are.
fn grow(values: &mut Vec<Lanes>, length: usize) {
    if values.len() < length {
        values.resize(length, Lanes::ZERO);
    }
}

/// The value at each point of the polynomial of which a patch's row holds the coefficients, times a
/// factor that [`filter_points`] divides by.
#[inline]
fn pixel_points(d: &[Vector; PATCH]) -> [Vector; PATCH] {
    let [a, b] = [A, B].map(Vector::splat);
    let [a_squared, b_squared] = [A * A, B * B].map(Vector::splat);
    let (product, sum) = (Vector::splat(A * A * B * B), Vector::splat(A * A + B * B));
    let a_even = b_squared.neg_mul_add(d[2], d[4]);
    let a_odd = b_squared.neg_mul_add(d[1], d[3]);
    let b_even = a_squared.neg_mul_add(d[2], d[4]);
    let b_odd = a_squared.neg_mul_add(d[1], d[3]);
    [
        product.mul_add(d[0], sum.neg_mul_add(d[2], d[4])),
        a.mul_add(a_odd, a_even),
        a.neg_mul_add(a_odd, a_even),
        b.mul_add(b_odd, b_even),
        b.neg_mul_add(b_odd, b_even),
        product.mul_add(d[1], sum.neg_mul_add(d[3], d[5])),
    ]
}

/// Transforms the patch at the start of `patch`, of which a row is `row` long, and writes its
/// points `plane` apart.
#[inline]
fn transform_patch(patch: &[Lanes], row: usize, points: &mut [Lanes], plane: usize) {
    let columns: [[Vector; PATCH]; PATCH] =
        std::array::from_fn(|x| pixel_points(&std::array::from_fn(|y| Vector::load(&patch[y * row + x]))));
    for y in 0..PATCH {
        let values = pixel_points(&std::array::from_fn(|x| columns[x][y]));
        for (x, value) in values.into_iter().enumerate() {
            value.store(&mut points[(y * PATCH + x) * plane]);
        }
    }
}

/// The four pixels from the values at the six points.
#[inline]
fn interpolate(m: &[Vector; PATCH]) -> [Vector; TILE] {
    let factors = |power| [A.powi(power), B.powi(power)].map(Vector::splat);
    let ([a, b], [a_squared, b_squared], [a_cubed, b_cubed]) = (factors(1), factors(2), factors(3));
    let (a_even, a_odd) = (m[1].plus(m[2]), m[1].minus(m[2]));
    let (b_even, b_odd) = (m[3].plus(m[4]), m[3].minus(m[4]));
    [
        m[0].plus(a_even).plus(b_even),
        a.mul_add(a_odd, b.times(b_odd)),
        a_squared.mul_add(a_even, b_squared.times(b_even)),
        a_cubed.mul_add(a_odd, b_cubed.mul_add(b_odd, m[5])),
    ]
}

/// The tile whose points stand `plane` apart.
#[inline]
fn transform_products(products: &[Lanes], plane: usize) -> [[Vector; TILE]; TILE] {
    let rows: [[Vector; TILE]; PATCH] = std::array::from_fn(|y| {
        interpolate(&std::array::from_fn(|x| Vector::load(&products[(y * PATCH + x) * plane])))
    });
    let columns: [[Vector; TILE]; TILE] =
        std::array::from_fn(|x| interpolate(&std::array::from_fn(|y| rows[y][x])));
    std::array::from_fn(|y| std::array::from_fn(|x| columns[x][y]))
}

/// The points of three weights, divided by the factor that [`pixel_points`] leaves in.
fn filter_points([low, middle, high]: [f64; 3]) -> [f64; PATCH] {
    let (a, b) = (f64::from(A), f64::from(B));
    let at = |x: f64, other: f64| (low + x * middle + x * x * high) / (2.0 * x * x * (x * x - other * other));
    [low / (a * a * b * b), at(a, b), at(-a, b), at(b, a), at(-b, a), high]
}

/// The points of every filter, output by output and input by input.
fn transform_filters(filters: &Filters) -> Vec<[f32; POINTS]> {
    let (filters, _) = filters.weight.as_chunks::<9>();
    let transform = |filter: &[f32; 9]| {
        let columns: [[f64; PATCH]; 3] =
            std::array::from_fn(|x| filter_points(std::array::from_fn(|y| f64::from(filter[3 * y + x]))));
        let rows: [[f64; PATCH]; PATCH] =
            std::array::from_fn(|y| filter_points(std::array::from_fn(|x| columns[x][y])));
        std::array::from_fn(|point| rows[point / PATCH][point % PATCH] as f32)
    };
    filters.iter().map(transform).collect()
}
