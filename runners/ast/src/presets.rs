//! The published sizes and a small one, for random weights.

use crate::config::{FeatureConfig, ModelConfig, SAMPLE_RATE};
use crate::labels::audioset;

/// A size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preset {
    /// Its name in a matrix.
    pub name: &'static str,
    hidden_size: usize,
    layers: usize,
    /// From one patch to the next, in both directions.
    stride: usize,
}

/// Every size: the published checkpoints are one width at four strides (`MIT/ast-finetuned-audioset-10-10-0.4593`,
/// `…-12-12-0.447`, `…-14-14-0.443`, `…-16-16-0.442`), and `ast-tiny` is ours.
pub const PRESETS: [Preset; 5] = [
    Preset { name: "ast-base", hidden_size: 768, layers: 12, stride: 10 },
    Preset { name: "ast-base-12-12", hidden_size: 768, layers: 12, stride: 12 },
    Preset { name: "ast-base-14-14", hidden_size: 768, layers: 12, stride: 14 },
    Preset { name: "ast-base-16-16", hidden_size: 768, layers: 12, stride: 16 },
    Preset { name: "ast-tiny", hidden_size: 256, layers: 4, stride: 16 },
];

impl Preset {
    /// The preset of a name, if there is one.
    pub fn find(name: &str) -> Option<&'static Self> {
        PRESETS.iter().find(|preset| preset.name == name)
    }

    /// The architecture.
    pub fn model_config(&self) -> ModelConfig {
        ModelConfig {
            model_type: "audio-spectrogram-transformer".to_owned(),
            hidden_size: self.hidden_size,
            num_hidden_layers: self.layers,
            num_attention_heads: self.hidden_size / 64,
            intermediate_size: 4 * self.hidden_size,
            hidden_act: "gelu".to_owned(),
            layer_norm_eps: 1e-12,
            patch_size: 16,
            frequency_stride: self.stride,
            time_stride: self.stride,
            max_length: 1024,
            num_mel_bins: 128,
            qkv_bias: true,
            id2label: Some(audioset().map(str::to_owned).enumerate().collect()),
            num_labels: None,
        }
    }

    /// The features, as published.
    pub fn feature_config(&self) -> FeatureConfig {
        FeatureConfig {
            sampling_rate: SAMPLE_RATE,
            num_mel_bins: 128,
            max_length: 1024,
            do_normalize: true,
            mean: -4.267_739_3,
            std: 4.568_997_4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_consistent() {
        for preset in &PRESETS {
            let model = preset.model_config();
            model.check().unwrap();
            preset.feature_config().check(&model).unwrap();
            assert_eq!(model.label_count(), 527);
            assert_eq!(Preset::find(preset.name), Some(preset));
        }
        assert_eq!(Preset::find("ast-enormous"), None);
    }
}
