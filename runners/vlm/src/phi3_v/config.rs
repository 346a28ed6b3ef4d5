//! `config.json` and `preprocessor_config.json` of Phi-3.5-vision.

use reelbench_nn::{Checkpoint, WeightsError};
use reelbench_protocol::{MemoryEstimate, WeightsPart};
use serde::Deserialize;

use super::MOST_CROPS;
use super::hd::HdTransform;
use crate::VlmError;
use crate::checks::{counts, only};
use crate::clip::ClipVisionConfig;
use crate::memory::{QUESTION_TOKENS, Workload, estimate, linears, singles};
use crate::pixels::RawPixels;
use crate::precision::Precisions;
use crate::text::{RawTextConfig, TextConfig};

/// Crops of a picture at most where neither the user nor the checkpoint says otherwise: what the model's
/// card recommends for several pictures.
const DEFAULT_NUM_CROPS: usize = 4;

/// A model's sizes, with every default of the published code filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Phi3VConfig {
    pub(crate) vision: ClipVisionConfig,
    pub(crate) text: TextConfig,
    /// How many of the vision tower's layers lie below the hidden state that is used.
    pub(crate) vision_layers: usize,
    pub(crate) transform: HdTransform,
    /// Crops of a picture at most, unless a request says otherwise.
    num_crops: usize,
}

/// What `config.json` tells beside the language model.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawConfig {
    embd_layer: RawEmbedding,
    img_processor: RawTower,
}

/// `embd_layer`: how pictures become embeddings. Absent values would mean other ways than this model's.
#[derive(Debug, Clone, Deserialize)]
struct RawEmbedding {
    embedding_cls: Option<String>,
    hd_transform_order: String,
    projection_cls: String,
    use_hd_transform: bool,
    with_learnable_separator: bool,
}

/// `img_processor`: the vision tower.
#[derive(Debug, Clone, Deserialize)]
struct RawTower {
    name: Option<String>,
    model_name: Option<String>,
    image_dim_out: usize,
    num_img_tokens: usize,
    layer_idx: Option<i64>,
    type_feature: Option<String>,
    /// Sizes of another tower than the one that `model_name` names.
    vision_config: Option<ClipVisionConfig>,
}

/// `preprocessor_config.json` as written.
#[derive(Debug, Clone, Default, Deserialize)]
struct RawPreprocessor {
    num_crops: Option<usize>,
    #[serde(flatten)]
    pixels: RawPixels,
}

impl Phi3VConfig {
    /// Reads the configuration that lies beside a checkpoint's tensors.
    ///
    /// # Errors
    /// When a file cannot be read, or describes a model that is not supported: the error names
    /// file and key.
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self, WeightsError> {
        let wrong = |file: &str| {
            let place = file.to_owned();
            |reason| WeightsError::Config { place, reason }
        };
        let model_type: ModelType = checkpoint.config()?;
        model_type.check().map_err(wrong("config.json"))?;
        let (raw, text): (RawConfig, RawTextConfig) = (checkpoint.config()?, checkpoint.config()?);
        let preprocessor: RawPreprocessor = checkpoint.read_json("preprocessor_config.json")?;
        let config = raw.resolve(text).map_err(wrong("config.json"))?;
        preprocessor.apply(config).map_err(wrong("preprocessor_config.json"))
    }

    /// Crops of a picture at most, where `asked` is what a request says.
    ///
    /// # Errors
    /// When it is out of range.
    pub(crate) fn num_crops(&self, asked: Option<usize>) -> Result<usize, VlmError> {
        let num_crops = asked.unwrap_or(self.num_crops);
        if (1..=MOST_CROPS).contains(&num_crops) { Ok(num_crops) } else { Err(VlmError::NumCrops(num_crops)) }
    }

    /// Width of four merged features.
    pub(crate) fn merged(&self) -> usize {
        4 * self.vision.hidden_size
    }

    /// Merged features along a crop's side.
    fn features_per_side(&self) -> usize {
        self.vision.patches_per_side() / 2
    }

    /// How many embeddings a picture of `rows` x `columns` crops takes up.
    pub(crate) fn features(&self, rows: usize, columns: usize) -> usize {
        let side = self.features_per_side();
        let lines = |rows: usize, columns: usize| rows * side * (columns * side + 1);
        lines(rows, columns) + 1 + lines(1, 1)
    }

    /// What captions by this model need in memory.
    pub(crate) fn memory(&self, precisions: Precisions, workload: &Workload) -> MemoryEstimate {
        let (merged, text) = (self.merged(), self.text.hidden_size);
        let projector = linears(precisions.vision, &[(merged, text, text), (text, text, text)]);
        let crops = workload.num_crops.unwrap_or(self.num_crops);
        let positions = workload.frames * self.features(crops, 1) + QUESTION_TOKENS;
        let positions = positions.min(self.text.max_position_embeddings);
        let [kept, pass] = self.text.working_bytes(positions, workload);
        let seen = self.vision.working_bytes(workload.frames * (1 + crops));
        let parts = vec![
            WeightsPart::new("vision", self.vision.weights_bytes(self.vision_layers, precisions.vision)),
            WeightsPart::new("projector", projector + singles(2 * merged)),
            WeightsPart::new("language", self.text.weights_bytes(precisions)),
        ];
        estimate(parts, kept + pass.max(seen).max(self.text.largest_tensor_bytes()))
    }
}

/// Read before all else, so that another family's checkpoint is told by its name and not by what it lacks.
#[derive(Deserialize)]
struct ModelType {
    model_type: Option<String>,
}

impl ModelType {
    fn check(&self) -> Result<(), String> {
        match self.model_type.as_deref() {
            Some("phi3_v") => Ok(()),
            Some(other) => Err(format!("model_type: `{other}` is another family; phi3_v is expected")),
            None => Err("model_type: missing; phi3_v is expected".to_owned()),
        }
    }
}

impl RawConfig {
    /// Fills in defaults.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn resolve(self, text: RawTextConfig) -> Result<Phi3VConfig, String> {
        self.embd_layer.check().map_err(|reason| format!("embd_layer.{reason}"))?;
        let (vision, vision_layers) =
            self.img_processor.resolve().map_err(|reason| format!("img_processor.{reason}"))?;
        let transform = HdTransform::new(vision.image_size, RawPixels::default().levels()?);
        let text = text.resolve()?;
        Ok(Phi3VConfig { vision, text, vision_layers, transform, num_crops: DEFAULT_NUM_CROPS })
    }
}

impl RawEmbedding {
    fn check(&self) -> Result<(), String> {
        only("embedding_cls", self.embedding_cls.as_deref(), "image")?;
        only("hd_transform_order", Some(&self.hd_transform_order), "sub_glb")?;
        only("projection_cls", Some(&self.projection_cls), "mlp")?;
        if !self.use_hd_transform {
            return Err("use_hd_transform: only true is supported".to_owned());
        }
        if !self.with_learnable_separator {
            return Err("with_learnable_separator: only true is supported".to_owned());
        }
        Ok(())
    }
}

impl RawTower {
    /// The tower's sizes, and how many of its layers are used.
    fn resolve(self) -> Result<(ClipVisionConfig, usize), String> {
        only("name", self.name.as_deref(), "clip_vision_model")?;
        only("type_feature", self.type_feature.as_deref(), "patch")?;
        let vision = if let Some(vision) = self.vision_config {
            vision
        } else {
            only("model_name", self.model_name.as_deref(), "openai/clip-vit-large-patch14-336")?;
            ClipVisionConfig::vit_l_14_336()
        };
        vision.check().map_err(|reason| format!("vision_config.{reason}"))?;
        let layers = vision
            .layers_below(self.layer_idx.unwrap_or(-2))
            .map_err(|reason| format!("layer_idx: {reason}"))?;
        if self.image_dim_out != vision.hidden_size {
            let (out, hidden) = (self.image_dim_out, vision.hidden_size);
            return Err(format!("image_dim_out: {out}, though the tower's features have {hidden} values"));
        }
        let side = vision.patches_per_side();
        if !side.is_multiple_of(2) {
            return Err(format!("vision_config.patch_size: {side} patches a side cannot be merged in pairs"));
        }
        if self.num_img_tokens != (side / 2).pow(2) {
            let (told, count) = (self.num_img_tokens, (side / 2).pow(2));
            return Err(format!("num_img_tokens: {told}, though {side} x {side} patches make {count}"));
        }
        Ok((vision, layers))
    }
}

impl RawPreprocessor {
    fn apply(self, mut config: Phi3VConfig) -> Result<Phi3VConfig, String> {
        config.transform = HdTransform::new(config.vision.image_size, self.pixels.levels()?);
        config.num_crops = self.num_crops.unwrap_or(DEFAULT_NUM_CROPS);
        counts(&[("num_crops", config.num_crops, MOST_CROPS)])?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests;
