//! One setting of a captioning cell, by name and value.

use reelbench_protocol::{CaptionSettings, Dtype, Quantization};

use crate::node::Node;
use crate::words::Closed;

/// Which setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum SettingName {
    UseCache,
    Quantization,
    Dtype,
    FramesPerScene,
    FrameSize,
    NumBeams,
    MaxNewTokens,
    MinNewTokens,
    NumCrops,
    BatchScenes,
}

/// A setting and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    UseCache(bool),
    Quantization(Quantization),
    Dtype(Dtype),
    FramesPerScene(u32),
    FrameSize(u32),
    NumBeams(u32),
    MaxNewTokens(u32),
    MinNewTokens(u32),
    NumCrops(u32),
    BatchScenes(u32),
}

impl SettingName {
    /// In the order in which axes are multiplied: the first varies slowest.
    pub(crate) const ALL: [Self; 10] = [
        Self::UseCache,
        Self::Quantization,
        Self::Dtype,
        Self::FramesPerScene,
        Self::FrameSize,
        Self::NumBeams,
        Self::MaxNewTokens,
        Self::MinNewTokens,
        Self::NumCrops,
        Self::BatchScenes,
    ];

    /// The key in a matrix.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::UseCache => "use_cache",
            Self::Quantization => "quantization",
            Self::Dtype => "dtype",
            Self::FramesPerScene => "frames_per_scene",
            Self::FrameSize => "frame_size",
            Self::NumBeams => "num_beams",
            Self::MaxNewTokens => "max_new_tokens",
            Self::MinNewTokens => "min_new_tokens",
            Self::NumCrops => "num_crops",
            Self::BatchScenes => "batch_scenes",
        }
    }

    /// The setting with the value of a node, if that is of its type.
    pub(crate) fn read(self, node: &Node) -> Option<Setting> {
        Some(match self {
            Self::UseCache => Setting::UseCache(FromNode::from_node(node)?),
            Self::Quantization => Setting::Quantization(FromNode::from_node(node)?),
            Self::Dtype => Setting::Dtype(FromNode::from_node(node)?),
            Self::FramesPerScene => Setting::FramesPerScene(FromNode::from_node(node)?),
            Self::FrameSize => Setting::FrameSize(FromNode::from_node(node)?),
            Self::NumBeams => Setting::NumBeams(FromNode::from_node(node)?),
            Self::MaxNewTokens => Setting::MaxNewTokens(FromNode::from_node(node)?),
            Self::MinNewTokens => Setting::MinNewTokens(FromNode::from_node(node)?),
            Self::NumCrops => Setting::NumCrops(FromNode::from_node(node)?),
            Self::BatchScenes => Setting::BatchScenes(FromNode::from_node(node)?),
        })
    }

    /// The setting as a cell has it; `None` for crops of a family without any.
    pub(crate) fn of(self, settings: &CaptionSettings) -> Option<Setting> {
        Some(match self {
            Self::UseCache => Setting::UseCache(settings.use_cache),
            Self::Quantization => Setting::Quantization(settings.quantization),
            Self::Dtype => Setting::Dtype(settings.dtype),
            Self::FramesPerScene => Setting::FramesPerScene(settings.frames_per_scene),
            Self::FrameSize => Setting::FrameSize(settings.frame_size),
            Self::NumBeams => Setting::NumBeams(settings.num_beams),
            Self::MaxNewTokens => Setting::MaxNewTokens(settings.max_new_tokens),
            Self::MinNewTokens => Setting::MinNewTokens(settings.min_new_tokens),
            Self::NumCrops => Setting::NumCrops(settings.num_crops?),
            Self::BatchScenes => Setting::BatchScenes(settings.batch_scenes),
        })
    }
}

impl Setting {
    /// Which setting it is.
    pub(crate) fn name(self) -> SettingName {
        match self {
            Self::UseCache(_) => SettingName::UseCache,
            Self::Quantization(_) => SettingName::Quantization,
            Self::Dtype(_) => SettingName::Dtype,
            Self::FramesPerScene(_) => SettingName::FramesPerScene,
            Self::FrameSize(_) => SettingName::FrameSize,
            Self::NumBeams(_) => SettingName::NumBeams,
            Self::MaxNewTokens(_) => SettingName::MaxNewTokens,
            Self::MinNewTokens(_) => SettingName::MinNewTokens,
            Self::NumCrops(_) => SettingName::NumCrops,
            Self::BatchScenes(_) => SettingName::BatchScenes,
        }
    }

    /// Gives a cell this setting.
    pub(crate) fn apply(self, settings: &mut CaptionSettings) {
        match self {
            Self::UseCache(value) => settings.use_cache = value,
            Self::Quantization(value) => settings.quantization = value,
            Self::Dtype(value) => settings.dtype = value,
            Self::FramesPerScene(value) => settings.frames_per_scene = value,
            Self::FrameSize(value) => settings.frame_size = value,
            Self::NumBeams(value) => settings.num_beams = value,
            Self::MaxNewTokens(value) => settings.max_new_tokens = value,
            Self::MinNewTokens(value) => settings.min_new_tokens = value,
            Self::NumCrops(value) => settings.num_crops = Some(value),
            Self::BatchScenes(value) => settings.batch_scenes = value,
        }
    }
}

impl std::fmt::Display for Setting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::UseCache(value) => write!(f, "{value}"),
            Self::Quantization(value) => write!(f, "{value}"),
            Self::Dtype(value) => write!(f, "{value}"),
            Self::FramesPerScene(value)
            | Self::FrameSize(value)
            | Self::NumBeams(value)
            | Self::MaxNewTokens(value)
            | Self::MinNewTokens(value)
            | Self::NumCrops(value)
            | Self::BatchScenes(value) => write!(f, "{value}"),
        }
    }
}

/// A type that a scalar of the matrix can be.
pub(crate) trait FromNode: Sized {
    /// The value, if the node is of this type; [`crate::check`] has said what is wrong if not.
    fn from_node(node: &Node) -> Option<Self>;
}

impl FromNode for bool {
    fn from_node(node: &Node) -> Option<Self> {
        match node.data {
            crate::node::Data::Flag(flag) => Some(flag),
            _ => None,
        }
    }
}

impl FromNode for u32 {
    fn from_node(node: &Node) -> Option<Self> {
        u64::from_node(node)?.try_into().ok()
    }
}

impl FromNode for u64 {
    fn from_node(node: &Node) -> Option<Self> {
        match node.data {
            crate::node::Data::Whole(whole) => whole.try_into().ok(),
            _ => None,
        }
    }
}

impl FromNode for f64 {
    fn from_node(node: &Node) -> Option<Self> {
        node.number()
    }
}

impl<T: Closed> FromNode for T {
    fn from_node(node: &Node) -> Option<Self> {
        T::from_word(node.text()?)
    }
}
