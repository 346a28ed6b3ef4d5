//! What the base stages hear and see beside scenes: sounds and objects.

use serde::{Deserialize, Serialize};

use crate::Tracker;

/// The sounds of a film.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Sounds {
    /// In order of time.
    pub windows: Vec<SoundWindow>,
}

/// What is heard in a few seconds. Times in seconds from the start of the film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundWindow {
    /// Start.
    pub start_s: f64,
    /// End of the sound in the window; the model may have seen silence behind it.
    pub end_s: f64,
    /// The likeliest labels, best first.
    pub tags: Vec<Tag>,
}

/// A label with its score.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    /// Its name.
    pub label: String,
    /// Its number in the model.
    pub index: u32,
    /// Between 0 and 1.
    pub score: f32,
}

/// The objects of a film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Objects {
    /// What joined the boxes.
    pub tracker: Tracker,
    /// Every frame that was looked at, in order.
    pub frames: Vec<FrameObjects>,
}

/// The objects of one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameObjects {
    /// Number of the frame in the film.
    pub frame: u32,
    /// Its presentation time in seconds.
    pub pts_s: f64,
    /// Best first.
    pub boxes: Vec<ObjectBox>,
}

/// One object in one frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectBox {
    /// Left, top, right and bottom in pixels of the film's picture.
    pub xyxy: [f32; 4],
    /// Between 0 and 1.
    pub score: f32,
    /// Number of its class in the model.
    pub class: u32,
    /// Name of its class.
    pub label: String,
    /// The track it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub track: Option<u32>,
}
