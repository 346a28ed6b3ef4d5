//! Architectures that random weights are drawn for.

use reelbench_protocol::Family;
use serde_json::{Value, json};

use super::config::{InstructBlipConfig, RawConfig};
use crate::VlmError;

pub(super) const TINY: &str = "instructblip-tiny";
pub(super) const T5_TINY: &str = "instructblip-t5-tiny";
const MINI: &str = "instructblip-mini";
const VICUNA_7B: &str = "instructblip-vicuna-7b";
const FLAN_T5_XL: &str = "instructblip-flan-t5-xl";

/// Every preset.
pub(super) const NAMES: [&str; 5] = [TINY, T5_TINY, MINI, VICUNA_7B, FLAN_T5_XL];

/// The architecture of a preset.
///
/// # Errors
/// When there is no such preset.
pub(super) fn config(preset: &str) -> Result<InstructBlipConfig, VlmError> {
    let json = match preset {
        TINY => tiny(),
        T5_TINY => t5_tiny(),
        MINI => mini(),
        VICUNA_7B => vicuna_7b(),
        FLAN_T5_XL => flan_t5_xl(),
        _ => {
            let (preset, presets) = (preset.to_owned(), NAMES.join(", "));
            return Err(VlmError::UnknownPreset { family: Family::Instructblip, preset, presets });
        }
    };
    let raw: RawConfig = serde_json::from_value(json).map_err(|error| VlmError::preset(preset, &error))?;
    raw.resolve().map_err(|error| VlmError::preset(preset, &error))
}

/// A vision tower and a Q-Former that run in seconds on a laptop, under a language model.
fn tiny_under(language: &Value) -> Value {
    json!({
        "num_query_tokens": 8,
        "vision_config": {
            "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
            "image_size": 112,
        },
        "qformer_config": {
            "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
            "vocab_size": 320,
        },
        "text_config": language,
    })
}

fn tiny() -> Value {
    tiny_under(&json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
        "num_attention_heads": 4, "vocab_size": 320,
    }))
}

fn t5_tiny() -> Value {
    tiny_under(&json!({
        "model_type": "t5", "d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 3, "num_heads": 4,
        "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu", "decoder_start_token_id": 0,
        "tie_word_embeddings": false, "vocab_size": 320,
    }))
}

/// About half a billion parameters: the published widths of vision tower and Q-Former, with fewer
/// layers, under a small language model.
fn mini() -> Value {
    json!({
        "vision_config": {"num_hidden_layers": 6},
        "qformer_config": {"num_hidden_layers": 6, "vocab_size": 30_523},
        "text_config": {
            "model_type": "llama", "hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 16,
            "num_attention_heads": 16, "vocab_size": 32_001,
        },
    })
}

fn vicuna_7b() -> Value {
    json!({
        "qformer_config": {"vocab_size": 30_523},
        "text_config": {"model_type": "llama", "vocab_size": 32_001},
    })
}

fn flan_t5_xl() -> Value {
    json!({
        "qformer_config": {"vocab_size": 30_523},
        "text_config": {
            "model_type": "t5", "d_model": 2048, "d_ff": 5120, "num_layers": 24, "num_heads": 32,
            "feed_forward_proj": "gated-gelu", "dense_act_fn": "gelu", "bos_token_id": 1,
            "decoder_start_token_id": 0, "tie_word_embeddings": false, "vocab_size": 32_128,
        },
    })
}

#[cfg(test)]
mod tests {
    use candle_core::DType;
    use reelbench_protocol::Quantization;

    use super::*;
    use crate::memory::Workload;
    use crate::precision::Precisions;

    #[test]
    fn every_preset_is_an_architecture() {
        for name in NAMES {
            config(name).unwrap();
        }
    }

    #[test]
    fn the_published_sizes_are_those_of_the_published_files() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/published-form/");
        for name in [VICUNA_7B, FLAN_T5_XL] {
            let text = std::fs::read_to_string(format!("{fixtures}{name}.config.json")).unwrap();
            let raw: RawConfig = serde_json::from_str(&text).unwrap();
            assert_eq!(config(name).unwrap(), raw.resolve().unwrap(), "{name}");
        }
    }

    #[test]
    fn the_mini_preset_has_about_half_a_billion_parameters() {
        let precisions = Precisions::new(Quantization::None, DType::F32);
        let workload = Workload {
            frames: 2,
            batch_scenes: 1,
            num_beams: 1,
            max_new_tokens: 64,
            use_cache: true,
            num_crops: None,
        };
        let estimate = config(MINI).unwrap().memory(precisions, &workload);
        let parameters: u64 = estimate.parts.iter().map(|part| part.bytes / 4).sum();
        assert!((450_000_000..550_000_000).contains(&parameters), "{parameters}");
    }

    #[test]
    fn an_unknown_preset_is_answered_with_the_known_ones() {
        let error = config("instructblip-small").unwrap_err().to_string();
        assert!(
            error.contains("instructblip-small") && error.contains(MINI) && error.contains(FLAN_T5_XL),
            "{error}"
        );
    }
}
