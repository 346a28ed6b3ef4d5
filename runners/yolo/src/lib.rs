//! Objects: `YOLOv8` detection and ByteTrack tracking.
//!
//! ```no_run
//! use candle_core::Device;
//! use reelbench_media::RgbImage;
//! use reelbench_protocol::Weights;
//! use reelbench_yolo::{DetectOptions, Detector};
//!
//! # fn main() -> Result<(), reelbench_yolo::YoloError> {
//! let weights = Weights::Dummy { preset: "yolov8n".to_owned(), seed: 0 };
//! let detector = Detector::load(&weights, &Device::Cpu)?;
//! for found in detector.detect(&RgbImage::new(640, 384), &DetectOptions::default())? {
//!     println!("{} {:?}", detector.labels()[found.class as usize], found.xyxy);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Written from the papers it cites and a description of the published behaviour; convolutions are
//! this crate's own (`conv`).

mod architecture;
mod blocks;
pub mod conv;
mod detector;
mod error;
mod head;
mod labels;
mod letterbox;
mod network;
mod nms;
pub mod presets;
pub mod track;

pub use detector::{DetectOptions, Detection, Detector, Session};
pub use error::YoloError;

use reelbench_protocol::{Tracker, YoloSupport};

/// What this crate offers to a plan.
pub fn yolo_support() -> YoloSupport {
    YoloSupport {
        trackers: vec![Tracker::Bytetrack, Tracker::None],
        presets: presets::PRESETS.iter().map(|preset| preset.name.to_owned()).collect(),
    }
}
