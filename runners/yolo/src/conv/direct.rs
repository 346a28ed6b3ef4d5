//! Convolution by its definition: for every output pixel, a sum over taps.

use std::ops::Range;

use rayon::prelude::*;

use super::epilogue::Epilogue;
use super::filters::{Filters, Group};
use super::kernel::{Kernels, Stride, Tap, Tile};
use super::map::{Channels, Target, View};
use super::rows_per_task;
use super::simd::{LANES, Lanes};

/// Some channels of one neighbour of an output pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Neighbour {
    block: usize,
    /// Rows and columns below and right of the first pixel that the filter touches.
    down: usize,
    right: usize,
    lanes: Range<usize>,
}

/// Weights in the order in which the kernels take them.
#[derive(Debug)]
pub(super) struct Direct {
    stride: Stride,
    neighbours: Vec<Neighbour>,
    groups: Vec<(Group, Vec<Lanes>)>,
}

impl Direct {
    /// Filters with a side of 1, or with a side of 3 and a padding of 1.
    pub(super) fn new(filters: &Filters, inputs: &Channels, outputs: &Channels, stride: Stride) -> Self {
        // The border of a map is one pixel wide, so a filter of one pixel begins one further on.
        let margin = usize::from(filters.side == 1);
        let mut neighbours = Vec::new();
        let mut sources = Vec::new();
        for (block, channels) in inputs.by_block().into_iter().enumerate() {
            for (y, x) in (0..filters.side).flat_map(|y| (0..filters.side).map(move |x| (y, x))) {
                let lanes = 0..channels.len();
                neighbours.push(Neighbour { block, down: y + margin, right: x + margin, lanes });
                sources.extend(channels.clone().map(|channel| (channel, y, x)));
            }
        }
        Self { stride, neighbours, groups: pack(filters, outputs, &sources) }
    }

    /// The first layer, of side 3 and stride 2, on pictures folded by
    /// [`fold_lane`]: there it is a layer of stride 1 with four neighbours.
    pub(super) fn folded(filters: &Filters, outputs: &Channels) -> Self {
        let mut neighbours = Vec::new();
        let mut sources = Vec::new();
        for (y, x) in (0..3).flat_map(|y| (0..3).map(move |x| (y, x))) {
            // The filter's middle is the upper left pixel of a folded one.
            let lane = fold_lane(usize::from(y != 1), usize::from(x != 1));
            let (down, right) = (usize::from(y != 0), usize::from(x != 0));
            neighbours.push(Neighbour { block: 0, down, right, lanes: lane..lane + filters.inputs });
            sources.extend((0..filters.inputs).map(|channel| (channel, y, x)));
        }
        Self { stride: Stride::One, neighbours, groups: pack(filters, outputs, &sources) }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.groups.iter().map(|(_, panel)| size_of_val(panel.as_slice()) as u64).sum()
    }

    pub(super) fn run(&self, input: View<'_>, target: &mut Target<'_>, epilogue: &Epilogue) {
        let taps = self.taps(input);
        let source = Lanes::flat(input.map.values());
        let step = self.stride.pixels();
        let source_row = step * input.map.row_length() * LANES;
        let (width, pitch, length) = (target.map.width, target.map.pitch, target.map.row_length());
        let (first, residual) = (target.first_block, target.residual);
        let rows = rows_per_task(target.map.height, target.map.height);
        target.map.rows_mut().par_chunks_mut(rows * length).enumerate().for_each(|(task, out)| {
            for (group, panel) in &self.groups {
                let kernels = Kernels::new(self.stride, group.blocks.len());
                for (row, out) in out.chunks_exact_mut(length).enumerate() {
                    let source = &source[(task * rows + row) * source_row..];
                    let start = (first + group.blocks.start) * pitch + 1;
                    kernels.each_tile(width, |x, kernel| {
                        let input = &source[x * step * LANES..];
                        let out = &mut out[start + x..];
                        kernel(Tile { input, taps: &taps, panel, out, pitch });
                    });
                    for block in group.blocks.clone() {
                        let (before, out) = out.split_at_mut((first + block) * pitch + 1);
                        let added = residual.map(|residual| &before[(residual + block) * pitch + 1..]);
                        epilogue.finish(block, &mut out[..width], added);
                    }
                }
            }
        });
    }

    fn taps(&self, input: View<'_>) -> Vec<Tap> {
        let (row, pitch) = (input.map.row_length(), input.map.pitch);
        let start = |neighbour: &Neighbour| {
            let block = input.first_block + neighbour.block;
            (neighbour.down * row + block * pitch + neighbour.right) * LANES + neighbour.lanes.start
        };
        self.neighbours
            .iter()
            .map(|neighbour| Tap { start: start(neighbour), count: neighbour.lanes.len() })
            .collect()
    }
}

/// Where in a folded pixel the channels of one of its four pixels begin: a picture of three
/// channels is folded to half its width and height and twelve channels.
pub(crate) fn fold_lane(down: usize, right: usize) -> usize {
    (2 * down + right) * 3
}

/// The weights of every group, in the order of `sources`: input channel, row and column.
fn pack(
    filters: &Filters,
    outputs: &Channels,
    sources: &[(usize, usize, usize)],
) -> Vec<(Group, Vec<Lanes>)> {
    let panel = |group: Group| {
        let rows = sources
            .iter()
            .flat_map(|&(input, y, x)| group.row(move |output| filters.at(output, input, y, x)));
        let panel = rows.collect();
        (group, panel)
    };
    Group::split(outputs).into_iter().map(panel).collect()
}
