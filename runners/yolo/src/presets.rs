//! The published sizes, for random weights.

use crate::architecture::Architecture;

/// A published size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name in a matrix.
    pub name: &'static str,
    pub(crate) architecture: Architecture,
}

/// Every published size, and one for tests that takes milliseconds.
pub const PRESETS: [Preset; 6] = [
    Preset { name: "yolov8-tiny", architecture: TINY },
    Preset { name: "yolov8n", architecture: Architecture::published(16, 256, 1) },
    Preset { name: "yolov8s", architecture: Architecture::published(32, 512, 1) },
    Preset { name: "yolov8m", architecture: Architecture::published(48, 576, 2) },
    Preset { name: "yolov8l", architecture: Architecture::published(64, 512, 3) },
    Preset { name: "yolov8x", architecture: Architecture::published(80, 640, 3) },
];

/// Half of `YOLOv8n`'s channels, and fewer in the head.
const TINY: Architecture = Architecture {
    widths: [8, 16, 32, 64, 128],
    depth: 1,
    deep: 1,
    box_width: 16,
    class_width: 16,
    classes: 80,
};

impl Preset {
    /// The preset of a name, if there is one.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }
}
