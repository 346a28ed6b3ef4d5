//! The sizes of a `YOLOv8` detector, read off its tensors.

use candle_core::Result;
use candle_nn::VarBuilder;

/// Bins of the distribution over distances that each side of a box is predicted by.
pub(crate) const BINS: usize = 16;

/// Output channels of every stage, numbers of blocks, and the head.
///
/// The five published models differ in nothing else: `YOLOv8n` has a quarter of the channels and a
/// third of the blocks of `YOLOv8l`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Architecture {
    /// Output channels of the backbone at a half to a 32nd of the picture's size.
    pub(crate) widths: [usize; 5],
    /// Bottlenecks of the first and last stage of the backbone, and of every stage of the neck.
    pub(crate) depth: usize,
    /// Bottlenecks of the two stages between.
    pub(crate) deep: usize,
    /// Channels in the part of the head that finds boxes.
    pub(crate) box_width: usize,
    /// Channels in the part of the head that finds classes.
    pub(crate) class_width: usize,
    /// Number of classes.
    pub(crate) classes: usize,
}

impl Architecture {
    /// Reads the sizes of a detector under ultralytics' tensor names.
    ///
    /// # Errors
    /// When one of the tensors that tell is missing or is no convolution.
    pub(crate) fn of(tensors: &VarBuilder<'_>) -> Result<Self> {
        let outputs = |name: &str| -> Result<usize> {
            let (outputs, ..) =
                tensors.get_unchecked(name)?.dims4().map_err(|error| error.context(name.to_owned()))?;
            Ok(outputs)
        };
        let widths = [0, 1, 3, 5, 7].map(|layer| outputs(&format!("model.{layer}.conv.weight")));
        let [a, b, c, d, e] = widths;
        let bottlenecks = |layer: usize| {
            let present =
                |index: &u8| tensors.contains_tensor(&format!("model.{layer}.m.{index}.cv1.conv.weight"));
            (0..=u8::MAX).take_while(present).count()
        };
        Ok(Self {
            widths: [a?, b?, c?, d?, e?],
            depth: bottlenecks(2),
            deep: bottlenecks(4),
            box_width: outputs("model.22.cv2.0.0.conv.weight")?,
            class_width: outputs("model.22.cv3.0.0.conv.weight")?,
            classes: outputs("model.22.cv3.0.2.weight")?,
        })
    }

    /// What is zero of the sizes that must not be.
    pub(crate) fn zero(&self) -> Option<&'static str> {
        let sizes = [
            ("the number of channels of a stage", self.widths.into_iter().min().unwrap_or_default()),
            ("the number of channels of the boxes' head", self.box_width),
            ("the number of channels of the classes' head", self.class_width),
            ("the number of classes", self.classes),
        ];
        sizes.into_iter().find(|(_, size)| *size == 0).map(|(place, _)| place)
    }

    /// The published sizes: channels of the last stage, bottlenecks and the width of the first
    /// layer; 80 classes.
    pub(crate) const fn published(first: usize, last: usize, depth: usize) -> Self {
        let at_an_eighth = 4 * first;
        Self {
            widths: [first, 2 * first, at_an_eighth, 8 * first, last],
            depth,
            deep: 2 * depth,
            box_width: if first < 64 { 64 } else { first },
            class_width: if at_an_eighth < 80 { 80 } else { at_an_eighth },
            classes: 80,
        }
    }
}
