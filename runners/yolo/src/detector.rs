//! A loaded detector, and what it does with a picture.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device};
use reelbench_media::RgbImage;
use reelbench_nn::Checkpoint;
use reelbench_protocol::Weights;

use crate::architecture::Architecture;
use crate::error::YoloError;
use crate::head::{Candidate, check_distances};
use crate::labels::{default_labels, labels};
use crate::letterbox::{Letterbox, unfolded};
use crate::network::{Maps, Network};
use crate::nms::suppress;
use crate::presets::{PRESETS, Preset};

/// A tensor that counts batches of training.
const COUNTERS: &str = "*num_batches_tracked";

/// Which boxes to keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DetectOptions {
    /// Scores must be above this, from 0 to 1.
    pub conf: f32,
    /// A box goes where it overlaps a better one of its class by more than this, from 0 to 1.
    pub iou: f32,
    /// Most boxes per picture.
    pub max_det: u32,
}

impl Default for DetectOptions {
    /// The reference's: scores above 0.25, overlaps up to 0.7, 300 boxes.
    fn default() -> Self {
        Self { conf: 0.25, iou: 0.7, max_det: 300 }
    }
}

/// An object in a picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Detection {
    /// Left, top, right and bottom in pixels of the picture, inside of it.
    pub xyxy: [f32; 4],
    /// Probability, 0 to 1.
    pub score: f32,
    /// Number of the class: an index into [`Detector::labels`].
    pub class: u32,
}

/// `YOLOv8`, ready to detect.
#[derive(Debug)]
pub struct Detector {
    network: Network,
    labels: Vec<String>,
    bytes: u64,
    /// Feature maps that no session uses now; they are large, and their memory is slow to fetch anew.
    idle: Mutex<Vec<Maps>>,
}

impl Detector {
    /// Loads a detector of any published size and any number of classes from safetensors (a file,
    /// or a folder in the hub's layout) under ultralytics' tensor names, with batch normalization
    /// apart or folded in; or draws a published size at random.
    ///
    /// Everything is computed in 32-bit floats.
    ///
    /// # Errors
    /// When a tensor is missing, superfluous, misshapen or damaged, when the names of classes do
    /// not fit, when a preset does not exist, and on any device but the processor.
    pub fn load(weights: &Weights, device: &Device) -> Result<Self, YoloError> {
        if !device.is_cpu() {
            return Err(YoloError::Device);
        }
        match weights {
            Weights::Local { path, .. } => Self::open(path, weights),
            Weights::Dummy { preset, seed } => {
                let preset = Preset::find(preset).ok_or_else(|| unknown_preset(preset))?;
                let checkpoint = Checkpoint::dummy(*seed);
                let labels = default_labels(preset.architecture.classes);
                Self::build(&checkpoint, &preset.architecture, labels, weights)
            }
        }
    }

    fn open(path: &Path, weights: &Weights) -> Result<Self, YoloError> {
        let checkpoint = Checkpoint::open(path)?;
        let tensors = checkpoint.var_builder(DType::F32, &Device::Cpu);
        let tensor_error = |source| YoloError::Tensor { weights: weights.to_string(), source };
        let architecture = Architecture::of(&tensors).map_err(tensor_error)?;
        if let Some(place) = architecture.zero() {
            return Err(YoloError::NoSize { weights: weights.to_string(), place });
        }
        check_distances(&tensors).map_err(tensor_error)?;
        let labels = labels(&checkpoint, path, architecture.classes)?;
        Self::build(&checkpoint, &architecture, labels, weights)
    }

    fn build(
        checkpoint: &Checkpoint,
        architecture: &Architecture,
        labels: Vec<String>,
        weights: &Weights,
    ) -> Result<Self, YoloError> {
        let tensors = checkpoint.var_builder(DType::F32, &Device::Cpu);
        let network = Network::load(architecture, &tensors)
            .map_err(|source| YoloError::Tensor { weights: weights.to_string(), source })?;
        checkpoint.finish(&[COUNTERS])?;
        let bytes = network.bytes();
        Ok(Self { network, labels, bytes, idle: Mutex::default() })
    }

    /// Bytes that the weights take up in memory, in the order in which they are computed with.
    pub fn weights_bytes(&self) -> u64 {
        self.bytes
    }

    /// The names of the classes, in order.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Finds the objects in a picture, the surest first.
    ///
    /// The picture is scaled to 640 pixels on its longer side and padded to multiples of 32.
    /// Every place of the picture votes for its best class only.
    ///
    /// # Errors
    /// When the picture has no pixels or an option is out of range.
    pub fn detect(&self, picture: &RgbImage, options: &DetectOptions) -> Result<Vec<Detection>, YoloError> {
        options.check()?;
        let mut session = self.session(picture)?;
        session.infer();
        session.detections(options)
    }

    /// Scales and pads a picture, so that its parts can be computed, and timed, one by one.
    ///
    /// # Errors
    /// When the picture has no pixels.
    pub fn session(&self, picture: &RgbImage) -> Result<Session<'_>, YoloError> {
        let (width, height) = picture.dimensions();
        if width == 0 || height == 0 {
            return Err(YoloError::NoPixels { width, height });
        }
        let letterbox = Letterbox::new((width, height));
        let mut maps = self.maps(letterbox.padded);
        letterbox.fill(picture, &mut maps.picture);
        Ok(Session { detector: self, letterbox, maps })
    }

    fn maps(&self, (width, height): (u32, u32)) -> Maps {
        let (width, height) = (width as usize, height as usize);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(maps) = idle.pop() {
            if (maps.picture.width, maps.picture.height) == (width / 2, height / 2) {
                return maps;
            }
        }
        drop(idle);
        self.network.maps(height, width)
    }
}

/// A picture under way through a detector.
#[derive(Debug)]
pub struct Session<'a> {
    detector: &'a Detector,
    letterbox: Letterbox,
    maps: Maps,
}

impl Session<'_> {
    /// Runs the network.
    pub fn infer(&mut self) {
        let (network, maps) = (&self.detector.network, &mut self.maps);
        // On one of the pool's own threads: every parallel step would otherwise wake one up.
        rayon::scope(|_| network.run(maps));
    }

    /// Height and width of the padded picture.
    pub fn size(&self) -> (usize, usize) {
        (2 * self.maps.picture.height, 2 * self.maps.picture.width)
    }

    /// The padded picture as other implementations take it: shape (3, height, width), from 0 to 1.
    pub fn input(&self) -> Vec<f32> {
        unfolded(&self.maps.picture)
    }

    /// What the network said of every anchor, from the smallest ones on and row by row: centre and
    /// size of a box in pixels of the padded picture, then the scores of all classes.
    /// Shape (anchors, 4 + classes).
    pub fn raw(&self) -> Vec<f32> {
        self.maps.head.raw()
    }

    /// Chooses the boxes, the surest first.
    ///
    /// # Errors
    /// When an option is out of range.
    pub fn detections(self, options: &DetectOptions) -> Result<Vec<Detection>, YoloError> {
        options.check()?;
        let candidates = self.maps.head.candidates(options.conf);
        self.detector.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.maps);
        let kept = suppress(candidates, options.iou, options.max_det as usize);
        let detection = |kept: &Candidate| Detection {
            xyxy: self.letterbox.to_original(kept.xyxy),
            score: kept.score,
            class: kept.class,
        };
        Ok(kept.iter().map(detection).collect())
    }
}

impl DetectOptions {
    fn check(&self) -> Result<(), YoloError> {
        for (option, value) in [("conf", self.conf), ("iou", self.iou)] {
            if !(0.0..=1.0).contains(&value) {
                return Err(YoloError::Option { option, value });
            }
        }
        Ok(())
    }
}

fn unknown_preset(name: &str) -> YoloError {
    let known = PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
    YoloError::UnknownPreset { name: name.to_owned(), known }
}

#[cfg(test)]
mod tests;
