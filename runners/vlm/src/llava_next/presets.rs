//! Architectures that random weights are drawn for.

use reelbench_protocol::Family;
use serde_json::{Value, json};

use super::config::{LlavaNextConfig, RawConfig};
use crate::VlmError;

pub(super) const TINY: &str = "llava-next-tiny";
const MINI: &str = "llava-next-mini";
const MISTRAL_7B: &str = "llava-v1.6-mistral-7b";
const VICUNA_7B: &str = "llava-v1.6-vicuna-7b";

/// Every preset.
pub(super) const NAMES: [&str; 4] = [TINY, MINI, MISTRAL_7B, VICUNA_7B];

/// The architecture of a preset.
///
/// # Errors
/// When there is no such preset.
pub(super) fn config(preset: &str) -> Result<LlavaNextConfig, VlmError> {
    let json = match preset {
        TINY => tiny(),
        MINI => mini(),
        MISTRAL_7B => mistral_7b(),
        VICUNA_7B => vicuna_7b(),
        _ => {
            let (preset, presets) = (preset.to_owned(), NAMES.join(", "));
            return Err(VlmError::UnknownPreset { family: Family::LlavaNext, preset, presets });
        }
    };
    let raw: RawConfig = serde_json::from_value(json).map_err(|error| VlmError::preset(preset, &error))?;
    raw.resolve().map_err(|error| VlmError::preset(preset, &error))
}

/// Runs in seconds on a laptop.
fn tiny() -> Value {
    json!({
        "image_token_index": 300,
        "text_config": {
            "model_type": "mistral", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
            "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 8192,
            "rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": null, "vocab_size": 320,
        },
        "vision_config": {
            "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
            "image_size": 112, "patch_size": 14,
        },
    })
}

/// About half a billion parameters: the published vision tower under a small language model.
fn mini() -> Value {
    json!({
        "text_config": {
            "model_type": "mistral", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 16,
            "num_attention_heads": 16, "num_key_value_heads": 4, "max_position_embeddings": 32_768,
            "rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": null, "vocab_size": 32_064,
        },
    })
}

fn mistral_7b() -> Value {
    json!({
        "text_config": {
            "model_type": "mistral", "intermediate_size": 14_336, "max_position_embeddings": 32_768,
            "num_key_value_heads": 8, "rms_norm_eps": 1e-5, "rope_theta": 1e6, "sliding_window": null,
            "vocab_size": 32_064,
        },
    })
}

fn vicuna_7b() -> Value {
    json!({
        "text_config": {
            "model_type": "llama", "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "vocab_size": 32_064,
        },
    })
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
    fn the_published_sizes_are_those_of_the_published_files() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/published-form/");
        for name in [MISTRAL_7B, VICUNA_7B] {
            let text = std::fs::read_to_string(format!("{fixtures}{name}.config.json")).unwrap();
            let raw: RawConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(config(name).unwrap(), raw.resolve().unwrap(), "{name}");
        }
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_known_ones() {
        let error = config("llava-next-small").unwrap_err().to_string();
        assert!(
            error.contains("llava-next-small") && error.contains(MINI) && error.contains(VICUNA_7B),
            "{error}"
        );
    }
}
