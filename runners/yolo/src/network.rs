//! The network: backbone, neck and head (layers 0 to 22 under ultralytics' names).

use candle_core::Result;
use candle_nn::VarBuilder;

use crate::architecture::Architecture;
use crate::blocks::{Pyramid, Shortcut, Stage, StageMaps, enlarge, layer};
use crate::conv::{Channels, Conv, FilterSizes, Filters, Map, Stride, Target};
use crate::head::{Head, HeadMaps};

/// A convolution that halves the map's width and height.
const HALVING: (usize, Stride) = (3, Stride::Two);

/// `YOLOv8`.
#[derive(Debug)]
pub(crate) struct Network {
    widths: [usize; 5],
    first: Conv,
    /// Layers 1, 3, 5, 7 of the backbone, 16 and 19 of the neck.
    halvings: [Conv; 6],
    /// Layers 2, 4, 6, 8 of the backbone, 12, 15, 18, 21 of the neck.
    stages: [Stage; 8],
    pyramid: Pyramid,
    head: Head,
}

/// Every feature map of one size of picture. Maps that a later layer takes joined are one map, and
/// each layer writes its blocks of it.
#[derive(Debug)]
pub(crate) struct Maps {
    /// The picture, folded to half its size.
    pub(crate) picture: Map,
    half: Map,
    quarter: [Map; 2],
    eighth: Map,
    sixteenth: Map,
    thirty_second: [Map; 2],
    /// What layers 12, 15, 18 and 21 see.
    joined: [Map; 4],
    /// What the head sees.
    found: [Map; 3],
    stages: [StageMaps; 8],
    pyramid: Map,
    pub(crate) head: HeadMaps,
}

impl Network {
    /// # Errors
    /// When a tensor is missing, misshapen or holds something that is not a number.
    pub(crate) fn load(architecture: &Architecture, tensors: &VarBuilder<'_>) -> Result<Self> {
        let widths = architecture.widths;
        let one = widths.map(Channels::one);
        let at = |layer: usize| tensors.pp("model").pp(layer);
        let halving = |from: usize, to: usize, number| layer(&one[from], &one[to], HALVING, &at(number));
        let stage = |inputs: &Channels, to: usize, depth, shortcut, number| {
            Stage::load(inputs, widths[to], depth, shortcut, &at(number))
        };
        let backbone = |to: usize, depth, number| stage(&one[to], to, depth, Shortcut::Added, number);
        let neck = |a: usize, b: usize, to: usize, number| {
            let inputs = Channels::new([widths[a], widths[b]]);
            stage(&inputs, to, architecture.depth, Shortcut::None, number)
        };
        let sizes = FilterSizes { inputs: 3, outputs: widths[0], side: 3 };
        let (depth, deep) = (architecture.depth, architecture.deep);
        Ok(Self {
            widths,
            first: Conv::folded(&Filters::normalized(sizes, &at(0))?, &one[0]),
            halvings: [
                halving(0, 1, 1)?,
                halving(1, 2, 3)?,
                halving(2, 3, 5)?,
                halving(3, 4, 7)?,
                halving(2, 2, 16)?,
                halving(3, 3, 19)?,
            ],
            stages: [
                backbone(1, depth, 2)?,
                backbone(2, deep, 4)?,
                backbone(3, deep, 6)?,
                backbone(4, depth, 8)?,
                neck(4, 3, 3, 12)?,
                neck(3, 2, 2, 15)?,
                neck(2, 3, 3, 18)?,
                neck(3, 4, 4, 21)?,
            ],
            pyramid: Pyramid::load(widths[4], &at(9))?,
            head: Head::load(architecture, [&one[2], &one[3], &one[4]], &at(22))?,
        })
    }

    /// Bytes of the weights as they lie in memory.
    pub(crate) fn bytes(&self) -> u64 {
        let halvings: u64 = self.halvings.iter().map(Conv::bytes).sum();
        let stages: u64 = self.stages.iter().map(Stage::bytes).sum();
        self.first.bytes() + halvings + stages + self.pyramid.bytes() + self.head.bytes()
    }

    /// Maps for pictures of this size, of which both sides are multiples of 32.
    pub(crate) fn maps(&self, height: usize, width: usize) -> Maps {
        let blocks = |channels: usize| Channels::one(channels).blocks();
        let [_, _, c, d, e] = self.widths.map(blocks);
        let map = |blocks: usize, shrink: usize| Map::new(blocks, height / shrink, width / shrink);
        let single = |channels: usize, shrink: usize| map(blocks(channels), shrink);
        let [half, quarter, ..] = self.widths;
        let shrinks = [4, 8, 16, 32, 16, 8, 16, 32];
        Maps {
            picture: map(1, 2),
            half: single(half, 2),
            quarter: [single(quarter, 4), single(quarter, 4)],
            eighth: map(c, 8),
            sixteenth: map(d, 16),
            thirty_second: [map(e, 32), map(e, 32)],
            joined: [map(e + d, 16), map(d + c, 8), map(c + d, 16), map(d + e, 32)],
            found: [map(c, 8), map(d, 16), map(e, 32)],
            stages: std::array::from_fn(|stage| {
                self.stages[stage].maps(height / shrinks[stage], width / shrinks[stage])
            }),
            pyramid: self.pyramid.map(height / 32, width / 32),
            head: self.head.maps(height, width),
        }
    }

    /// Computes the head's maps from the picture's.
    pub(crate) fn run(&self, maps: &mut Maps) {
        self.run_backbone(maps);
        self.run_neck(maps);
        self.head.run(&maps.found, &mut maps.head);
    }

    fn run_backbone(&self, maps: &mut Maps) {
        let blocks = self.widths.map(|width| Channels::one(width).blocks());
        let [_, _, c, d, e] = blocks;
        let Maps { quarter: [quarter, stage_2], thirty_second: [last, stage_8], joined, stages, .. } = maps;
        let [join_12, join_15, _, join_21] = joined;
        self.first.run(maps.picture.all(), Target::new(&mut maps.half, 0));
        self.halvings[0].run(maps.half.all(), Target::new(quarter, 0));
        self.stages[0].run(quarter.all(), &mut stages[0], Target::new(stage_2, 0));
        self.halvings[1].run(stage_2.all(), Target::new(&mut maps.eighth, 0));
        self.stages[1].run(maps.eighth.all(), &mut stages[1], Target::new(join_15, d));
        debug_assert_eq!(join_15.blocks, c + d);
        self.halvings[2].run(join_15.from_block(d), Target::new(&mut maps.sixteenth, 0));
        self.stages[2].run(maps.sixteenth.all(), &mut stages[2], Target::new(join_12, e));
        self.halvings[3].run(join_12.from_block(e), Target::new(last, 0));
        self.stages[3].run(last.all(), &mut stages[3], Target::new(stage_8, 0));
        self.pyramid.run(stage_8.all(), &mut maps.pyramid, Target::new(join_21, d));
    }

    fn run_neck(&self, maps: &mut Maps) {
        let blocks = self.widths.map(|width| Channels::one(width).blocks());
        let [_, _, c, d, _] = blocks;
        let Maps {
            joined: [join_12, join_15, join_18, join_21], found: [large, medium, small], stages, ..
        } = maps;
        enlarge(join_21.from_block(d), Target::new(join_12, 0));
        self.stages[4].run(join_12.all(), &mut stages[4], Target::new(join_18, c));
        enlarge(join_18.from_block(c), Target::new(join_15, 0));
        self.stages[5].run(join_15.all(), &mut stages[5], Target::new(large, 0));
        self.halvings[4].run(large.all(), Target::new(join_18, 0));
        self.stages[6].run(join_18.all(), &mut stages[6], Target::new(medium, 0));
        self.halvings[5].run(medium.all(), Target::new(join_21, 0));
        self.stages[7].run(join_21.all(), &mut stages[7], Target::new(small, 0));
    }
}
