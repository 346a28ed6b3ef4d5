//! Architectures that random weights are drawn for.

use reelbench_protocol::Family;
use serde_json::{Value, json};

use super::config::{Phi3VConfig, RawConfig};
use crate::VlmError;
use crate::text::RawTextConfig;

pub(super) const TINY: &str = "phi-3.5-vision-tiny";
const MINI: &str = "phi-3.5-vision-mini";
const PUBLISHED: &str = "phi-3.5-vision";

/// Every preset.
pub(super) const NAMES: [&str; 3] = [TINY, MINI, PUBLISHED];

/// What frequencies are divided by in contexts of up to 4,096 positions, as Phi-3-vision's file rounds
/// it. Phi-3.5-vision's own factors differ by some hundredths: the same work.
const SHORT_FACTORS: &[f32] = &[
    1.05, 1.05, 1.05, 1.1, 1.1, 1.1, 1.25, 1.25, 1.4, 1.45, 1.55, 1.85, 1.9, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0,
    2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.1, 2.1, 2.2, 2.35, 2.35, 2.35, 2.35,
    2.4, 2.4, 2.65, 2.7, 2.9, 2.95, 3.05, 3.05, 3.05,
];

/// What they are divided by in longer ones.
const LONG_FACTORS: &[f32] = &[
    1.03, 1.05, 1.05, 1.08, 1.23, 1.23, 1.3, 1.45, 1.6, 1.65, 1.9, 2.86, 3.69, 5.42, 5.49, 5.49, 9.09, 11.58,
    15.66, 15.77, 15.79, 18.36, 21.99, 23.08, 30.01, 32.35, 32.59, 35.56, 39.95, 53.84, 56.2, 57.95, 59.29,
    59.77, 59.92, 61.19, 61.96, 62.5, 63.37, 63.48, 63.48, 63.66, 63.85, 64.08, 64.76, 64.8, 64.81, 64.81,
];

/// The architecture of a preset.
///
/// # Errors
/// When there is no such preset.
pub(super) fn config(preset: &str) -> Result<Phi3VConfig, VlmError> {
    let json = match preset {
        TINY => tiny(),
        MINI => mini(),
        PUBLISHED => published(),
        _ => {
            let (preset, presets) = (preset.to_owned(), NAMES.join(", "));
            return Err(VlmError::UnknownPreset { family: Family::Phi3V, preset, presets });
        }
    };
    let wrong = |error: serde_json::Error| VlmError::preset(preset, &error);
    let text: RawTextConfig = serde_json::from_value(json.clone()).map_err(wrong)?;
    let raw: RawConfig = serde_json::from_value(json).map_err(wrong)?;
    raw.resolve(text).map_err(|error| VlmError::preset(preset, &error))
}

/// The published model.
fn published() -> Value {
    json!({
        "model_type": "phi3_v", "hidden_size": 3072, "intermediate_size": 8192, "num_hidden_layers": 32,
        "num_attention_heads": 32, "num_key_value_heads": 32, "vocab_size": 32_064,
        "max_position_embeddings": 131_072, "original_max_position_embeddings": 4096,
        "sliding_window": 131_072, "rms_norm_eps": 1e-5, "rope_theta": 1e4, "eos_token_id": 2,
        "rope_scaling": {"type": "su", "short_factor": SHORT_FACTORS, "long_factor": LONG_FACTORS},
        "embd_layer": {
            "hd_transform_order": "sub_glb", "projection_cls": "mlp", "use_hd_transform": true,
            "with_learnable_separator": true,
        },
        "img_processor": {"image_dim_out": 1024, "num_img_tokens": 144},
    })
}

/// The published model with other sizes. Heads stay as wide, since the factors are made for them.
fn resized(hidden: usize, inner: usize, layers: usize, vocabulary: usize) -> Value {
    let mut config = published();
    config["hidden_size"] = json!(hidden);
    config["intermediate_size"] = json!(inner);
    config["num_hidden_layers"] = json!(layers);
    config["vocab_size"] = json!(vocabulary);
    for heads in ["num_attention_heads", "num_key_value_heads"] {
        config[heads] = json!(hidden / (2 * SHORT_FACTORS.len()));
    }
    config
}

/// Runs in seconds on a laptop.
fn tiny() -> Value {
    let mut config = resized(192, 384, 3, 320);
    config["img_processor"] = json!({
        "image_dim_out": 48, "num_img_tokens": 16,
        "vision_config": {
            "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
            "image_size": 112, "patch_size": 14,
        },
    });
    config
}

/// About half a billion parameters: the published vision tower under a small language model.
fn mini() -> Value {
    resized(768, 2048, 24, 32_064)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_an_architecture() {
        for name in NAMES {
            config(name).unwrap();
        }
    }

    #[test]
    fn the_published_size_is_that_of_the_published_file() {
        let path =
            concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/published-form/phi-3-vision.config.json");
        let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (raw, text): (RawConfig, RawTextConfig) =
            (serde_json::from_value(file.clone()).unwrap(), serde_json::from_value(file).unwrap());
        assert_eq!(config(PUBLISHED).unwrap(), raw.resolve(text).unwrap());
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_known_ones() {
        let error = config("phi-3.5-vision-small").unwrap_err().to_string();
        assert!(error.contains("phi-3.5-vision-small") && error.contains(MINI), "{error}");
    }
}
