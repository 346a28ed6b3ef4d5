//! Architectures that random weights are drawn for.

use reelbench_protocol::Family;
use serde_json::{Value, json};

use super::config::{InstructBlipConfig, RawConfig};
use crate::VlmError;

const TINY: &str = "instructblip-tiny";
const MINI: &str = "instructblip-mini";
const VICUNA_7B: &str = "instructblip-vicuna-7b";

/// Every preset.
pub(super) const NAMES: [&str; 3] = [TINY, MINI, VICUNA_7B];

/// The architecture of a preset.
///
/// # Errors
/// When there is no such preset.
pub(super) fn config(preset: &str) -> Result<InstructBlipConfig, VlmError> {
    let json = match preset {
        TINY => tiny(),
        MINI => mini(),
        VICUNA_7B => vicuna_7b(),
        _ => {
            let (preset, presets) = (preset.to_owned(), NAMES.join(", "));
            return Err(VlmError::UnknownPreset { family: Family::Instructblip, preset, presets });
        }
    };
    let raw: RawConfig = serde_json::from_value(json).map_err(|error| VlmError::preset(preset, &error))?;
    raw.resolve().map_err(|error| VlmError::preset(preset, &error))
}

/// A vision tower and a Q-Former that run in seconds on a laptop, under a language model.
fn tiny_under(language: Value) -> Value {
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
    tiny_under(json!({
        "model_type": "llama", "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 3,
        "num_attention_heads": 4, "vocab_size": 320,
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
