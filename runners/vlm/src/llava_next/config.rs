//! `config.json` and `preprocessor_config.json` of LLaVA-v1.6.

use reelbench_nn::{Checkpoint, WeightsError};
use reelbench_protocol::{MemoryEstimate, WeightsPart};
use serde::Deserialize;

use super::prompt::PromptForm;
use super::tiles::{Grid, Tiling};
use crate::checks::only;
use crate::clip::ClipVisionConfig;
use crate::memory::{QUESTION_TOKENS, Workload, estimate, linears, singles};
use crate::pixels::{RawPixels, Size};
use crate::precision::Precisions;
use crate::text::{RawTextConfig, TextConfig, TextLayout};

/// Largest canvas that is believed.
const MOST_TILES: usize = 64;

/// Height and width of the canvases that a picture may be laid on, in units of a tile.
const PUBLISHED_GRIDS: [[usize; 2]; 5] = [[1, 2], [2, 1], [2, 2], [3, 1], [1, 3]];

/// A model's sizes, with every default of transformers 4.46 filled in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LlavaNextConfig {
    pub(crate) vision: ClipVisionConfig,
    pub(crate) text: TextConfig,
    /// What the language model was taught to be asked in.
    pub(crate) form: PromptForm,
    /// How many of the vision tower's layers lie below the hidden state that is used.
    pub(crate) vision_layers: usize,
    /// The token that stands for a picture in a prompt.
    pub(crate) image_token: u32,
    pub(crate) tiling: Tiling,
}

/// `config.json` as written.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RawConfig {
    model_type: Option<String>,
    vision_config: Option<ClipVisionConfig>,
    #[serde(default)]
    text_config: RawTextConfig,
    image_token_index: Option<u32>,
    projector_hidden_act: Option<String>,
    vision_feature_layer: Option<i64>,
    vision_feature_select_strategy: Option<String>,
    image_grid_pinpoints: Option<Vec<[usize; 2]>>,
}

/// `preprocessor_config.json` as written.
#[derive(Debug, Clone, Default, Deserialize)]
struct RawPreprocessor {
    size: Option<Size>,
    crop_size: Option<Size>,
    #[serde(flatten)]
    pixels: RawPixels,
    image_grid_pinpoints: Option<Vec<[usize; 2]>>,
    do_center_crop: Option<bool>,
}

impl LlavaNextConfig {
    /// Reads the configuration that lies beside a checkpoint's tensors.
    ///
    /// # Errors
    /// When a file cannot be read, or describes a model that is not supported: the error names
    /// file and key.
    pub(crate) fn read(checkpoint: &Checkpoint) -> Result<Self, WeightsError> {
        let raw: RawConfig = checkpoint.config()?;
        let preprocessor: RawPreprocessor = checkpoint.read_json("preprocessor_config.json")?;
        let wrong = |file: &str| {
            let place = file.to_owned();
            |reason| WeightsError::Config { place, reason }
        };
        let pinpoints = raw.pinpoints();
        let mut config = raw.resolve().map_err(wrong("config.json"))?;
        let side = config.vision.image_size;
        config.tiling = preprocessor.tiling(side, pinpoints).map_err(wrong("preprocessor_config.json"))?;
        Ok(config)
    }
}

impl LlavaNextConfig {
    /// What captions by this model need in memory.
    pub(crate) fn memory(&self, precisions: Precisions, workload: &Workload) -> MemoryEstimate {
        let (vision, text) = (self.vision.hidden_size, self.text.hidden_size);
        let projector = linears(precisions.vision, &[(vision, text, text), (text, text, text)]);
        let side = self.vision.patches_per_side();
        let features = |grid: &Grid| side * side + grid.rows * side * (grid.columns * side + 1);
        let grids = self.tiling.grids();
        let most_features = grids.iter().map(features).max().unwrap_or_default();
        let most_tiles = grids.iter().map(|grid| 1 + grid.rows * grid.columns).max().unwrap_or_default();
        let positions = workload.frames * most_features + QUESTION_TOKENS;
        let positions = positions.min(self.text.max_position_embeddings);
        let [kept, pass] = self.text.working_bytes(positions, workload);
        let seen = self.vision.working_bytes(workload.frames * most_tiles);
        let parts = vec![
            WeightsPart::new("vision", self.vision.weights_bytes(self.vision_layers, precisions.vision)),
            WeightsPart::new("projector", projector + singles(text)),
            WeightsPart::new("language", self.text.weights_bytes(precisions)),
        ];
        estimate(parts, kept + pass.max(seen).max(self.text.largest_tensor_bytes()))
    }
}

impl RawConfig {
    fn pinpoints(&self) -> Option<Vec<[usize; 2]>> {
        self.image_grid_pinpoints.clone()
    }

    /// Fills in defaults; tiles are those of the published processor.
    ///
    /// # Errors
    /// What is wrong, beginning with the key.
    pub(super) fn resolve(self) -> Result<LlavaNextConfig, String> {
        if let Some(other) = self.model_type.as_deref().filter(|model_type| *model_type != "llava_next") {
            return Err(format!("model_type: `{other}` is another family; llava_next is expected"));
        }
        only("projector_hidden_act", self.projector_hidden_act.as_deref(), "gelu")?;
        only("vision_feature_select_strategy", self.vision_feature_select_strategy.as_deref(), "default")?;
        let vision = self.vision_config.unwrap_or_else(ClipVisionConfig::vit_l_14_336);
        vision.check().map_err(|reason| format!("vision_config.{reason}"))?;
        let text = self.text_config.resolve().map_err(|reason| format!("text_config.{reason}"))?;
        let form = match text.layout {
            TextLayout::Mistral => PromptForm::Mistral,
            TextLayout::Llama => PromptForm::Vicuna,
            TextLayout::Phi3 => {
                return Err("text_config.model_type: only mistral and llama are supported".to_owned());
            }
        };
        let vision_layers = vision
            .layers_below(self.vision_feature_layer.unwrap_or(-2))
            .map_err(|reason| format!("vision_feature_layer: {reason}"))?;
        let image_token = self.image_token_index.unwrap_or(32_000);
        let tiling = RawPreprocessor::default().tiling(vision.image_size, self.image_grid_pinpoints)?;
        Ok(LlavaNextConfig { vision, text, form, vision_layers, image_token, tiling })
    }
}

impl RawPreprocessor {
    /// The tiling of a vision tower for pictures of `side` pixels, whose model's configuration
    /// names `pinpoints`.
    fn tiling(&self, side: usize, pinpoints: Option<Vec<[usize; 2]>>) -> Result<Tiling, String> {
        for (key, size) in [("size", &self.size), ("crop_size", &self.crop_size)] {
            size.as_ref().map_or(Ok(()), |size| size.check(key, side))?;
        }
        if self.do_center_crop == Some(false) {
            return Err("do_center_crop: leaving it out is not supported".to_owned());
        }
        if let (Some(own), Some(models)) = (&self.image_grid_pinpoints, &pinpoints)
            && own != models
        {
            return Err("image_grid_pinpoints: not those of config.json".to_owned());
        }
        let pinpoints = self.image_grid_pinpoints.clone().or(pinpoints);
        let pinpoints =
            pinpoints.unwrap_or_else(|| PUBLISHED_GRIDS.map(|grid| grid.map(|tiles| tiles * side)).to_vec());
        let grids = pinpoints.iter().map(|&pinpoint| grid(pinpoint, side)).collect::<Result<Vec<_>, _>>()?;
        if grids.is_empty() {
            return Err("image_grid_pinpoints: none given".to_owned());
        }
        Ok(Tiling::new(side, grids, self.pixels.levels()?))
    }
}

/// The grid of tiles of `side` pixels that a height and a width in pixels make.
fn grid([height, width]: [usize; 2], side: usize) -> Result<Grid, String> {
    let whole = |length: usize| side > 0 && length > 0 && length.is_multiple_of(side);
    if !whole(height) || !whole(width) {
        return Err(format!("image_grid_pinpoints: {height}x{width} is not made of tiles of {side} pixels"));
    }
    let grid = Grid { rows: height / side, columns: width / side };
    if grid.rows.saturating_mul(grid.columns) > MOST_TILES {
        return Err(format!("image_grid_pinpoints: {height}x{width} is more than {MOST_TILES} tiles"));
    }
    Ok(grid)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PUBLISHED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/published-form/");

    fn read(name: &str) -> String {
        std::fs::read_to_string(format!("{PUBLISHED}{name}")).unwrap()
    }

    /// The values of `config` under the names that transformers gives them.
    fn named(config: &LlavaNextConfig) -> [Value; 2] {
        let LlavaNextConfig { text, vision, .. } = config;
        let text = json!({
            "hidden_size": text.hidden_size,
            "intermediate_size": text.intermediate_size,
            "num_hidden_layers": text.num_hidden_layers,
            "num_attention_heads": text.num_attention_heads,
            "num_key_value_heads": text.num_key_value_heads,
            "head_dim": text.head_dim,
            "vocab_size": text.vocab_size,
            "max_position_embeddings": text.max_position_embeddings,
            "rms_norm_eps": text.rms_norm_eps,
            "rope_theta": f64::from(text.rope_theta),
            "tie_word_embeddings": text.tie_word_embeddings,
            "eos_token_id": text.eos[0],
        });
        let vision = json!({
            "hidden_size": vision.hidden_size,
            "intermediate_size": vision.intermediate_size,
            "num_hidden_layers": vision.num_hidden_layers,
            "num_attention_heads": vision.num_attention_heads,
            "layer_norm_eps": vision.layer_norm_eps,
            "hidden_act": vision.hidden_act,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
        });
        [text, vision]
    }

    #[test]
    fn published_forms_resolve_as_transformers_resolves_them() {
        let resolved: Value = serde_json::from_str(&read("resolved.json")).unwrap();
        for name in ["llava-v1.6-mistral-7b", "llava-v1.6-vicuna-7b"] {
            let raw: RawConfig = serde_json::from_str(&read(&format!("{name}.config.json"))).unwrap();
            let config = raw.resolve().unwrap();
            for (part, values) in ["text_config", "vision_config"].iter().zip(named(&config)) {
                for (key, value) in values.as_object().unwrap() {
                    assert_eq!(*value, resolved[name][part][key], "{name} {part}.{key}");
                }
            }
            assert_eq!((config.vision_layers, config.image_token), (23, 32_000));
        }
    }

    #[test]
    fn what_is_not_supported_is_named() {
        let wrong =
            |config: Value| serde_json::from_value::<RawConfig>(config).unwrap().resolve().unwrap_err();
        for (config, key) in [
            (json!({"model_type": "llava"}), "model_type"),
            (json!({"projector_hidden_act": "relu"}), "projector_hidden_act"),
            (json!({"vision_feature_select_strategy": "full"}), "vision_feature_select_strategy"),
            (json!({"vision_feature_layer": -26}), "vision_feature_layer"),
            (json!({"image_grid_pinpoints": [[336, 500]]}), "image_grid_pinpoints"),
            (json!({"image_grid_pinpoints": []}), "image_grid_pinpoints"),
            (json!({"image_grid_pinpoints": [[33_600, 33_600]]}), "image_grid_pinpoints"),
            (json!({"vision_config": {"patch_size": 0}}), "vision_config.patch_size"),
            (json!({"text_config": {"hidden_act": "relu"}}), "text_config.hidden_act"),
        ] {
            assert!(wrong(config.clone()).starts_with(key), "{config}");
        }
    }

    #[test]
    fn a_preprocessor_at_odds_with_the_model_is_refused() {
        let tiling = |text: &str| {
            let raw: RawPreprocessor = serde_json::from_str(text).unwrap();
            raw.tiling(336, Some(vec![[336, 672]]))
        };
        assert!(
            tiling(r#"{"crop_size": {"height": 336, "width": 336}, "size": {"shortest_edge": 336}}"#).is_ok()
        );
        assert!(tiling(r#"{"size": 224}"#).unwrap_err().starts_with("size"));
        assert!(tiling(r#"{"resample": 2}"#).unwrap_err().starts_with("resample"));
        assert!(tiling(r#"{"do_normalize": false}"#).unwrap_err().starts_with("do_normalize"));
        assert!(
            tiling(r#"{"image_grid_pinpoints": [[672, 336]]}"#)
                .unwrap_err()
                .starts_with("image_grid_pinpoints")
        );
    }
}
