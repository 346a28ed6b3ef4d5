//! What a runner can do. It says so itself, so the plan needs no list of its own.

use serde::{Deserialize, Serialize};

use crate::{
    AsrEngine, CaptionSettings, Choice, Detector, Device, Dtype, Family, Quantization, Tracker, Unit,
};

/// The environment variable by which `bench gate --self-test` has a runner take longer on purpose: `decode:25%` makes
/// every span of a stage a quarter longer, `all:25%` that of every stage.
pub const SLOWDOWN_VARIABLE: &str = "REELBENCH_SLOWDOWN";

/// What a runner can do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Capabilities {
    /// Scene detection, if offered.
    #[serde(default)]
    pub scene: Option<SceneSupport>,
    /// Speech, if offered.
    #[serde(default)]
    pub asr: Option<AsrSupport>,
    /// Sounds, if offered.
    #[serde(default)]
    pub ast: Option<AstSupport>,
    /// Objects, if offered.
    #[serde(default)]
    pub yolo: Option<YoloSupport>,
    /// Whether speech and sounds can run side by side.
    #[serde(default)]
    pub parallel: bool,
    /// Captioners.
    #[serde(default)]
    pub captioners: Vec<CaptionerSupport>,
    /// Devices as written in a matrix: `cpu`, `cuda:0`.
    pub devices: Vec<String>,
    /// Whether it can tell beforehand what memory a caption will need.
    #[serde(default)]
    pub estimates: bool,
    /// Whether it slows itself down as [`SLOWDOWN_VARIABLE`] says.
    #[serde(default)]
    pub slowdown: bool,
}

/// Scene detection a runner offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SceneSupport {
    /// Detectors.
    pub detectors: Vec<Detector>,
}

/// Speech recognition a runner offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AsrSupport {
    /// Engines.
    pub engines: Vec<AsrEngine>,
    /// Units of a request.
    pub per: Vec<Unit>,
    /// Most requests under way at once.
    pub max_concurrency: u32,
    /// Most beams.
    pub max_num_beams: u32,
    /// Quantizations of a local model.
    pub quantization: Vec<Quantization>,
    /// `dummy:` presets.
    pub presets: Vec<String>,
}

/// Naming of sounds a runner offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AstSupport {
    /// What can be cut into windows.
    pub per: Vec<Unit>,
    /// Most windows taken through the model together.
    pub max_batch: u32,
    /// Quantizations.
    pub quantization: Vec<Quantization>,
    /// `dummy:` presets.
    pub presets: Vec<String>,
}

/// Detection of objects a runner offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct YoloSupport {
    /// Trackers.
    pub trackers: Vec<Tracker>,
    /// `dummy:` presets.
    pub presets: Vec<String>,
}

/// One captioner family a runner offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionerSupport {
    /// The family.
    pub family: Family,
    /// Quantizations.
    pub quantization: Vec<Quantization>,
    /// Types of computation, `auto` included where it is resolved.
    pub dtype: Vec<Dtype>,
    /// Settings of the KV cache.
    pub use_cache: Vec<bool>,
    /// Most beams.
    pub max_num_beams: u32,
    /// Most scenes captioned together.
    pub max_batch_scenes: u32,
    /// Whether `num_crops` means anything to it.
    #[serde(default)]
    pub num_crops: bool,
    /// Whether it can draw tokens at random.
    #[serde(default)]
    pub sampling: bool,
    /// `dummy:` presets.
    pub presets: Vec<String>,
}

/// A setting that a runner does not offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The setting's name in the matrix.
    pub setting: &'static str,
    /// What was asked.
    pub value: String,
    /// What would do, in words.
    pub offered: String,
}

impl Capabilities {
    /// Whether this runner computes on a processor where this device is asked for.
    pub fn is_processor(&self, device: Device) -> bool {
        match device {
            Device::Cpu => true,
            Device::Auto => self.devices.iter().all(|device| device == "cpu"),
            Device::Cuda(_) => false,
        }
    }

    /// The captioner of a family, if offered.
    pub fn captioner(&self, family: Family) -> Option<&CaptionerSupport> {
        self.captioners.iter().find(|captioner| captioner.family == family)
    }
}

impl CaptionerSupport {
    /// Every setting of `settings` that this captioner cannot honour.
    pub fn refusals(&self, settings: &CaptionSettings) -> Vec<Refusal> {
        let mut refusals = Vec::new();
        one_of("quantization", settings.quantization, &self.quantization, &mut refusals);
        one_of("dtype", settings.dtype, &self.dtype, &mut refusals);
        one_of("use_cache", settings.use_cache, &self.use_cache, &mut refusals);
        at_most("num_beams", settings.num_beams, self.max_num_beams, &mut refusals);
        at_most("batch_scenes", settings.batch_scenes, self.max_batch_scenes, &mut refusals);
        if let (Some(num_crops), false) = (settings.num_crops, self.num_crops) {
            refusals.push(Refusal {
                setting: "num_crops",
                value: num_crops.to_string(),
                offered: format!("nothing: {} has no crops to number", self.family),
            });
        }
        if let (Some(temperature), Choice::Sampled, false) =
            (settings.temperature, settings.choice(), self.sampling)
        {
            refusals.push(Refusal {
                setting: "temperature",
                value: temperature.to_string(),
                offered: "the likeliest token alone".to_owned(),
            });
        }
        refusals
    }
}

/// Records a value that is not in the list of those offered.
fn one_of<T: PartialEq + ToString + Copy>(
    setting: &'static str,
    value: T,
    offered: &[T],
    refusals: &mut Vec<Refusal>,
) {
    if !offered.contains(&value) {
        let offered = offered.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        refusals.push(Refusal { setting, value: value.to_string(), offered });
    }
}

/// Records a count that is over what is offered.
fn at_most(setting: &'static str, value: u32, most: u32, refusals: &mut Vec<Refusal>) {
    if value > most {
        refusals.push(Refusal { setting, value: value.to_string(), offered: format!("at most {most}") });
    }
}
