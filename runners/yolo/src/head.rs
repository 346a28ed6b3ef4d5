//! The head: from feature maps at three sizes to boxes and classes per anchor.

use candle_core::{Result, bail};
use candle_nn::VarBuilder;
use reelbench_nn::vector::{exp, sigmoid};

use crate::architecture::{Architecture, BINS};
use crate::blocks::layer;
use crate::conv::{
    Activation, Channels, Conv, FilterSizes, Filters, LANES, Lanes, Map, Stride, Target, View,
};

/// Pixels of the picture per anchor, along both axes, of the three sizes.
pub(crate) const STRIDES: [usize; 3] = [8, 16, 32];

/// The logit that a dummy gives to every class: one chance in a hundred, as detectors are
/// initialized for training (Lin et al.: "Focal loss for dense object detection", 2017). Random
/// weights then find no objects instead of thousands.
const DUMMY_CLASS_LOGIT: f64 = -4.595_119_9;

/// One half of the head at one size: two convolutions and the logits.
#[derive(Debug)]
struct Branch {
    layers: [Conv; 2],
    logits: Conv,
    width: usize,
    outputs: usize,
}

#[derive(Debug)]
struct BranchMaps {
    hidden: [Map; 2],
    logits: Map,
}

impl Branch {
    fn load(
        inputs: &Channels,
        width: usize,
        (outputs, dummy_bias): (usize, f64),
        tensors: &VarBuilder<'_>,
    ) -> Result<Self> {
        let hidden = Channels::one(width);
        let neighbours = (3, Stride::One);
        let layers = [
            layer(inputs, &hidden, neighbours, &tensors.pp(0))?,
            layer(&hidden, &hidden, neighbours, &tensors.pp(1))?,
        ];
        let sizes = FilterSizes { inputs: width, outputs, side: 1 };
        let filters = Filters::plain(sizes, &tensors.pp(2), dummy_bias)?;
        let logits = Conv::new(&filters, &hidden, &Channels::one(outputs), Stride::One, Activation::None);
        Ok(Self { layers, logits, width, outputs })
    }

    fn bytes(&self) -> u64 {
        self.layers.iter().map(Conv::bytes).sum::<u64>() + self.logits.bytes()
    }

    fn maps(&self, height: usize, width: usize) -> BranchMaps {
        let map = |channels| Map::new(Channels::one(channels).blocks(), height, width);
        BranchMaps { hidden: [map(self.width), map(self.width)], logits: map(self.outputs) }
    }

    fn run(&self, input: View<'_>, maps: &mut BranchMaps) {
        let [first, second] = &mut maps.hidden;
        self.layers[0].run(input, Target::new(first, 0));
        self.layers[1].run(first.all(), Target::new(second, 0));
        self.logits.run(second.all(), Target::new(&mut maps.logits, 0));
    }
}

/// The head at all three sizes.
#[derive(Debug)]
pub(crate) struct Head {
    levels: [(Branch, Branch); 3],
}

/// What the head says of every anchor: logits of boxes and of classes at the three sizes.
#[derive(Debug)]
pub(crate) struct HeadMaps {
    levels: [(BranchMaps, BranchMaps); 3],
    classes: usize,
}

impl Head {
    pub(crate) fn load(
        architecture: &Architecture,
        inputs: [&Channels; 3],
        tensors: &VarBuilder<'_>,
    ) -> Result<Self> {
        let level = |index: usize| -> Result<(Branch, Branch)> {
            let boxes = (4 * BINS, 0.0);
            let classes = (architecture.classes, DUMMY_CLASS_LOGIT);
            let (cv2, cv3) = (tensors.pp("cv2").pp(index), tensors.pp("cv3").pp(index));
            Ok((
                Branch::load(inputs[index], architecture.box_width, boxes, &cv2)?,
                Branch::load(inputs[index], architecture.class_width, classes, &cv3)?,
            ))
        };
        Ok(Self { levels: [level(0)?, level(1)?, level(2)?] })
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.levels.iter().map(|(boxes, classes)| boxes.bytes() + classes.bytes()).sum()
    }

    /// Maps for a picture of this size.
    pub(crate) fn maps(&self, height: usize, width: usize) -> HeadMaps {
        let level = |index: usize| {
            let (height, width) = (height / STRIDES[index], width / STRIDES[index]);
            let (boxes, classes) = &self.levels[index];
            (boxes.maps(height, width), classes.maps(height, width))
        };
        HeadMaps { levels: [level(0), level(1), level(2)], classes: self.levels[0].1.outputs }
    }

    /// Runs the head on the three maps, all branches at once: the small ones alone would not keep
    /// every thread busy.
    pub(crate) fn run(&self, inputs: &[Map; 3], maps: &mut HeadMaps) {
        rayon::scope(|scope| {
            for ((level, maps), input) in self.levels.iter().zip(&mut maps.levels).zip(inputs) {
                scope.spawn(|_| level.0.run(input.all(), &mut maps.0));
                scope.spawn(|_| level.1.run(input.all(), &mut maps.1));
            }
        });
    }
}

const DISTANCES: &str = "model.22.dfl.conv.weight";

/// Checks the tensor that turns a distribution over distances into its mean: it holds the
/// distances 0 to 15, always.
pub(crate) fn check_distances(tensors: &VarBuilder<'_>) -> Result<()> {
    let stored: Vec<f32> = tensors.get((1, BINS, 1, 1), DISTANCES)?.flatten_all()?.to_vec1()?;
    if stored.iter().enumerate().any(|(bin, value)| (value - bin as f32).abs() > 0.0) {
        bail!("tensor `{DISTANCES}` must hold 0 to 15; the file belongs to another model");
    }
    Ok(())
}

/// A box before suppression, in pixels of the letterboxed picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Candidate {
    /// Left, top, right and bottom.
    pub(crate) xyxy: [f32; 4],
    pub(crate) score: f32,
    pub(crate) class: u32,
}

impl HeadMaps {
    pub(crate) fn anchors(&self) -> usize {
        self.levels.iter().map(|(boxes, _)| boxes.logits.height * boxes.logits.width).sum()
    }

    /// The best class of every anchor where it scores above `threshold`, in the anchors' order.
    pub(crate) fn candidates(&self, threshold: f32) -> Vec<Candidate> {
        // A logit a little lower, so that rounding does not decide here.
        let least = (threshold / (1.0 - threshold)).ln() - 1e-3;
        let mut candidates = Vec::new();
        self.each_anchor(|anchor| {
            if !anchor.may_exceed(least) {
                return;
            }
            let (class, logit) = anchor.best_class();
            let score = sigmoid(logit);
            let [x, y, width, height] = anchor.center_and_size();
            let xyxy = [x - width / 2.0, y - height / 2.0, x + width / 2.0, y + height / 2.0];
            if score > threshold && xyxy.iter().all(|place| place.is_finite()) {
                candidates.push(Candidate { xyxy, score, class });
            }
        });
        candidates
    }

    /// Centre, size and the scores of all classes, anchor by anchor.
    pub(crate) fn raw(&self) -> Vec<f32> {
        let mut raw = Vec::with_capacity(self.anchors() * (4 + self.classes));
        self.each_anchor(|anchor| {
            raw.extend(anchor.center_and_size());
            raw.extend((0..self.classes).map(|class| sigmoid(anchor.class_logit(class))));
        });
        raw
    }

    fn each_anchor(&self, mut visit: impl FnMut(Anchor<'_>)) {
        for ((boxes, classes), stride) in self.levels.iter().zip(STRIDES) {
            let (boxes, classes) = (&boxes.logits, &classes.logits);
            for (y, x) in (0..boxes.height).flat_map(|y| (0..boxes.width).map(move |x| (y, x))) {
                visit(Anchor { boxes, classes, count: self.classes, stride, y, x });
            }
        }
    }
}

/// One anchor's logits.
struct Anchor<'a> {
    boxes: &'a Map,
    classes: &'a Map,
    /// How many classes there are.
    count: usize,
    stride: usize,
    y: usize,
    x: usize,
}

impl Anchor<'_> {
    fn class_block(&self, block: usize) -> &Lanes {
        &self.classes.pixels(self.y, block)[self.x]
    }

    fn class_logit(&self, class: usize) -> f32 {
        self.class_block(class / LANES).0[class % LANES]
    }

    /// Whether any class may have a logit above `least`, at a glance at whole blocks.
    fn may_exceed(&self, least: f32) -> bool {
        let full = self.count / LANES;
        let mut most = Lanes([f32::NEG_INFINITY; LANES]);
        for block in 0..full {
            most.raise(self.class_block(block));
        }
        let any_of_full = most.0.iter().copied().fold(f32::NEG_INFINITY, f32::max) > least;
        any_of_full || (full * LANES..self.count).any(|class| self.class_logit(class) > least)
    }

    /// The first of the classes with the highest logit.
    fn best_class(&self) -> (u32, f32) {
        (0..self.count).fold((0, f32::NEG_INFINITY), |best, class| {
            let logit = self.class_logit(class);
            if logit > best.1 { (class as u32, logit) } else { best }
        })
    }

    /// Centre and size in pixels: each side's distance from the anchor is the mean of its
    /// distribution (Li et al.: "Generalized focal loss", 2020).
    fn center_and_size(&self) -> [f32; 4] {
        let [left, top, right, bottom]: [f32; 4] =
            std::array::from_fn(|side| mean_distance(&self.boxes.pixels(self.y, side)[self.x]));
        let (x, y) = (self.x as f32 + 0.5, self.y as f32 + 0.5);
        let (left, top, right, bottom) = (x - left, y - top, x + right, y + bottom);
        [f32::midpoint(left, right), f32::midpoint(top, bottom), right - left, bottom - top]
            .map(|place| place * self.stride as f32)
    }
}

/// The mean of a distribution over 0 to 15, given as logits.
fn mean_distance(logits: &Lanes) -> f32 {
    let most = logits.0.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let weights = logits.0.map(|logit| exp(logit - most));
    let sum: f32 = weights.iter().sum();
    weights.iter().enumerate().map(|(bin, weight)| bin as f32 * (weight / sum)).sum()
}

/// A side's distribution is exactly one block.
const _: () = assert!(BINS == LANES);
