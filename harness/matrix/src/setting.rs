//! One setting of a captioning cell, by name and value.

use reelbench_protocol::{CaptionSettings, Dtype, EarlyStopping, Family, Quantization};

use crate::grammar::DEFAULT_NUM_CROPS;
use crate::node::{Data, Node};
use crate::run::HowMany;
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
    LengthPenalty,
    EarlyStopping,
    RepetitionPenalty,
    Temperature,
    TopP,
}

/// A setting and its value.
#[derive(Debug, Clone, Copy, PartialEq)]
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
    LengthPenalty(f64),
    EarlyStopping(EarlyStopping),
    RepetitionPenalty(f64),
    Temperature(f64),
    TopP(f64),
}

impl SettingName {
    /// In the order in which axes are multiplied: the first varies slowest.
    pub(crate) const ALL: [Self; 15] = [
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
        Self::LengthPenalty,
        Self::EarlyStopping,
        Self::RepetitionPenalty,
        Self::Temperature,
        Self::TopP,
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
            Self::LengthPenalty => "length_penalty",
            Self::EarlyStopping => "early_stopping",
            Self::RepetitionPenalty => "repetition_penalty",
            Self::Temperature => "temperature",
            Self::TopP => "top_p",
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
            Self::LengthPenalty => Setting::LengthPenalty(FromNode::from_node(node)?),
            Self::EarlyStopping => Setting::EarlyStopping(FromNode::from_node(node)?),
            Self::RepetitionPenalty => Setting::RepetitionPenalty(FromNode::from_node(node)?),
            Self::Temperature => Setting::Temperature(FromNode::from_node(node)?),
            Self::TopP => Setting::TopP(FromNode::from_node(node)?),
        })
    }

    /// The setting as a cell has it; `None` for crops of a family without any, and for what the matrix leaves out.
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
            Self::LengthPenalty => Setting::LengthPenalty(settings.length_penalty?),
            Self::EarlyStopping => Setting::EarlyStopping(settings.early_stopping?),
            Self::RepetitionPenalty => Setting::RepetitionPenalty(settings.repetition_penalty?),
            Self::Temperature => Setting::Temperature(settings.temperature?),
            Self::TopP => Setting::TopP(settings.top_p?),
        })
    }
}

impl SettingName {
    /// Whether it means anything to a family.
    pub(crate) fn is_for(self, family: Family) -> bool {
        self != Self::NumCrops || family == Family::Phi3V
    }

    /// Its value where the matrix gives none; `None` where absence has a meaning of its own.
    pub(crate) fn default_value(self) -> Option<Setting> {
        match self {
            // Absent in the default settings, since only one family has crops.
            Self::NumCrops => Some(Setting::NumCrops(DEFAULT_NUM_CROPS)),
            _ => self.of(&CaptionSettings::default()),
        }
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
            Self::LengthPenalty(_) => SettingName::LengthPenalty,
            Self::EarlyStopping(_) => SettingName::EarlyStopping,
            Self::RepetitionPenalty(_) => SettingName::RepetitionPenalty,
            Self::Temperature(_) => SettingName::Temperature,
            Self::TopP(_) => SettingName::TopP,
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
            Self::LengthPenalty(value) => settings.length_penalty = Some(value),
            Self::EarlyStopping(value) => settings.early_stopping = Some(value),
            Self::RepetitionPenalty(value) => settings.repetition_penalty = Some(value),
            Self::Temperature(value) => settings.temperature = Some(value),
            Self::TopP(value) => settings.top_p = Some(value),
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
            Self::EarlyStopping(value) => write!(f, "{value}"),
            Self::LengthPenalty(value)
            | Self::RepetitionPenalty(value)
            | Self::Temperature(value)
            | Self::TopP(value) => write!(f, "{value}"),
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
            Data::Flag(flag) => Some(flag),
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
            Data::Whole(whole) => whole.try_into().ok(),
            _ => None,
        }
    }
}

impl FromNode for f64 {
    fn from_node(node: &Node) -> Option<Self> {
        node.number()
    }
}

/// `true` and `false` are flags in YAML, and words elsewhere.
impl FromNode for EarlyStopping {
    fn from_node(node: &Node) -> Option<Self> {
        match &node.data {
            Data::Flag(true) => Some(Self::True),
            Data::Flag(false) => Some(Self::False),
            Data::Text(word) if word == Self::Never.as_str() => Some(Self::Never),
            _ => None,
        }
    }
}

impl FromNode for HowMany {
    fn from_node(node: &Node) -> Option<Self> {
        match node.text() {
            Some(word) => (word == Self::AUTO).then_some(Self::Auto),
            None => FromNode::from_node(node).map(Self::Count),
        }
    }
}

impl<T: Closed> FromNode for T {
    fn from_node(node: &Node) -> Option<Self> {
        T::from_word(node.text()?)
    }
}
