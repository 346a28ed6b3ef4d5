//! The two building blocks that `YOLOv8` is made of beside convolutions.

use candle_core::Result;
use candle_nn::VarBuilder;
use rayon::prelude::*;

use crate::conv::{Activation, Channels, Conv, FilterSizes, Filters, Lanes, Map, Stride, Target, View};

/// A convolution with batch normalization and `SiLU`.
pub(crate) fn layer(
    inputs: &Channels,
    outputs: &Channels,
    (side, stride): (usize, Stride),
    tensors: &VarBuilder<'_>,
) -> Result<Conv> {
    let sizes = FilterSizes { inputs: inputs.count(), outputs: outputs.count(), side };
    let filters = Filters::normalized(sizes, tensors)?;
    Ok(Conv::new(&filters, inputs, outputs, stride, Activation::Silu))
}

const POINTWISE: (usize, Stride) = (1, Stride::One);
const NEIGHBOURS: (usize, Stride) = (3, Stride::One);

/// Whether a bottleneck's input is added to its output: in the backbone, not in the neck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shortcut {
    Added,
    None,
}

/// A stage: half of the channels pass through a chain of bottlenecks, and every link of the chain
/// is kept for the last layer.
#[derive(Debug)]
pub(crate) struct Stage {
    enter: Conv,
    bottlenecks: Vec<[Conv; 2]>,
    leave: Conv,
    shortcut: Shortcut,
    links: Channels,
}

/// The feature maps inside of a [`Stage`].
#[derive(Debug)]
pub(crate) struct StageMaps {
    links: Map,
    between: Map,
}

impl Stage {
    pub(crate) fn load(
        inputs: &Channels,
        outputs: usize,
        bottlenecks: usize,
        shortcut: Shortcut,
        tensors: &VarBuilder<'_>,
    ) -> Result<Self> {
        let width = outputs / 2;
        let half = Channels::one(width);
        let bottleneck = |index: usize| -> Result<[Conv; 2]> {
            let tensors = tensors.pp("m").pp(index);
            Ok([
                layer(&half, &half, NEIGHBOURS, &tensors.pp("cv1"))?,
                layer(&half, &half, NEIGHBOURS, &tensors.pp("cv2"))?,
            ])
        };
        let links = Channels::new(std::iter::repeat_n(width, 2 + bottlenecks));
        Ok(Self {
            enter: layer(inputs, &Channels::new([width; 2]), POINTWISE, &tensors.pp("cv1"))?,
            bottlenecks: (0..bottlenecks).map(bottleneck).collect::<Result<_>>()?,
            leave: layer(&links, &Channels::one(outputs), POINTWISE, &tensors.pp("cv2"))?,
            shortcut,
            links,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        let inner = self.bottlenecks.iter().flatten().map(Conv::bytes).sum::<u64>();
        self.enter.bytes() + inner + self.leave.bytes()
    }

    pub(crate) fn maps(&self, height: usize, width: usize) -> StageMaps {
        StageMaps {
            links: Map::new(self.links.blocks(), height, width),
            between: Map::new(self.links.blocks_of(0).len(), height, width),
        }
    }

    pub(crate) fn run(&self, input: View<'_>, maps: &mut StageMaps, target: Target<'_>) {
        let StageMaps { links, between } = maps;
        self.enter.run(input, Target::new(links, 0));
        for (index, [first, second]) in self.bottlenecks.iter().enumerate() {
            let source = self.links.blocks_of(index + 1).start;
            first.run(links.from_block(source), Target::new(between, 0));
            second.run(
                between.all(),
                Target {
                    first_block: self.links.blocks_of(index + 2).start,
                    map: links,
                    residual: (self.shortcut == Shortcut::Added).then_some(source),
                },
            );
        }
        self.leave.run(links.all(), target);
    }
}

/// Spatial pyramid pooling: three maximum poolings over 5 × 5 pixels, one after another, all kept.
#[derive(Debug)]
pub(crate) struct Pyramid {
    enter: Conv,
    leave: Conv,
    levels: Channels,
}

impl Pyramid {
    pub(crate) fn load(width: usize, tensors: &VarBuilder<'_>) -> Result<Self> {
        let (whole, half) = (Channels::one(width), Channels::one(width / 2));
        let levels = Channels::new([width / 2; 4]);
        Ok(Self {
            enter: layer(&whole, &half, POINTWISE, &tensors.pp("cv1"))?,
            leave: layer(&levels, &whole, POINTWISE, &tensors.pp("cv2"))?,
            levels,
        })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.enter.bytes() + self.leave.bytes()
    }

    pub(crate) fn map(&self, height: usize, width: usize) -> Map {
        Map::new(self.levels.blocks(), height, width)
    }

    pub(crate) fn run(&self, input: View<'_>, levels: &mut Map, target: Target<'_>) {
        self.enter.run(input, Target::new(levels, 0));
        for level in 1..4 {
            let source = self.levels.blocks_of(level - 1).start;
            pool(levels, source, self.levels.blocks_of(level).start);
        }
        self.leave.run(levels.all(), target);
    }
}

/// The reach of a pooling around each pixel.
const REACH: usize = 2;

/// Writes the maximum over 5 × 5 pixels of the blocks from `source` to `target` on into those from
/// `target` on. Pixels outside of the picture do not count.
fn pool(map: &mut Map, source: usize, target: usize) {
    let (height, width, pitch, length) = (map.height, map.width, map.pitch, map.row_length());
    let values = (target - source) * pitch;
    let around = |place: usize, end: usize| place.saturating_sub(REACH)..(place + REACH + 1).min(end);
    // Along rows first, into the target itself; the columns then need the rows as they were.
    map.rows_mut().par_chunks_exact_mut(length).for_each(|row| {
        let (before, after) = row.split_at_mut(target * pitch);
        for (input, out) in before[source * pitch..].chunks_exact(pitch).zip(after.chunks_exact_mut(pitch)) {
            let input = &input[1..=width];
            for (x, out) in out[1..=width].iter_mut().enumerate() {
                *out = maximum(&input[around(x, width)]);
            }
        }
    });
    let mut pooled = vec![Lanes::ZERO; height * values];
    let rows = &map.rows_mut()[..];
    pooled.par_chunks_exact_mut(values).enumerate().for_each(|(y, out)| {
        let row = |y: usize| &rows[y * length + target * pitch..][..values];
        out.copy_from_slice(row(y));
        for y in around(y, height) {
            for (out, other) in out.iter_mut().zip(row(y)) {
                out.raise(other);
            }
        }
    });
    for (row, pooled) in map.rows_mut().chunks_exact_mut(length).zip(pooled.chunks_exact(values)) {
        row[target * pitch..][..values].copy_from_slice(pooled);
    }
}

fn maximum(pixels: &[Lanes]) -> Lanes {
    let mut most = pixels[0];
    for pixel in &pixels[1..] {
        most.raise(pixel);
    }
    most
}

/// Writes `input`, every pixel twice along both axes, into the target.
pub(crate) fn enlarge(input: View<'_>, target: Target<'_>) {
    let blocks = input.map.blocks - input.first_block;
    let Target { map, first_block: first, .. } = target;
    let (pitch, length) = (map.pitch, map.row_length());
    map.rows_mut().par_chunks_mut(2 * length).enumerate().for_each(|(y, rows)| {
        for row in rows.chunks_exact_mut(length) {
            for block in 0..blocks {
                let out = &mut row[(first + block) * pitch + 1..][..2 * input.map.width];
                let source = input.map.pixels(y, input.first_block + block);
                for (out, pixel) in out.chunks_exact_mut(2).zip(source) {
                    out.fill(*pixel);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(blocks: usize, height: usize, width: usize, value: impl Fn(usize, usize) -> f32) -> Map {
        let mut map = Map::new(blocks, height, width);
        let length = map.row_length();
        for (y, row) in map.rows_mut().chunks_exact_mut(length).enumerate() {
            for (x, pixel) in row[1..=width].iter_mut().enumerate() {
                *pixel = Lanes([value(y, x); 16]);
            }
        }
        map
    }

    /// With all values negative, a border of zeros would win.
    #[test]
    fn pooling_does_not_see_the_border() {
        let value = |y: usize, x: usize| -1.0 - ((y * 7 + x * 13) % 11) as f32;
        for (height, width) in [(6, 9), (1, 1), (2, 3)] {
            let mut map = map(2, height, width, value);
            pool(&mut map, 0, 1);
            for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
                let near = |a: usize, b: usize| a.abs_diff(b) <= REACH;
                let most = (0..height)
                    .flat_map(|v| (0..width).map(move |u| (v, u)))
                    .filter(|&(v, u)| near(v, y) && near(u, x))
                    .map(|(v, u)| value(v, u))
                    .fold(f32::MIN, f32::max);
                assert_eq!(map.pixels(y, 1)[x], Lanes([most; 16]), "{y} {x}");
            }
        }
    }

    #[test]
    fn enlarging_repeats_every_pixel() {
        let small = map(1, 2, 3, |y, x| (10 * y + x) as f32);
        let mut large = Map::new(2, 4, 6);
        enlarge(small.all(), Target::new(&mut large, 1));
        let row = |y| large.pixels(y, 1).iter().map(|pixel| pixel.0[5]).collect::<Vec<_>>();
        assert_eq!(row(1), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
        assert_eq!(row(2), [10.0, 10.0, 11.0, 11.0, 12.0, 12.0]);
    }
}
