//! `config.json` and `preprocessor_config.json` of an Audio Spectrogram Transformer's checkpoint.

use std::collections::BTreeMap;

use serde::Deserialize;

/// Samples per second of all sound given to the model.
pub const SAMPLE_RATE: usize = 16_000;

const MODEL_FILE: &str = "config.json";
const FEATURES_FILE: &str = "preprocessor_config.json";

/// A configuration that cannot be honoured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that this implementation has no computation for.
    #[error("{file}: `{key}` is {found}, but only {supported} is supported")]
    Unsupported {
        /// The file.
        file: &'static str,
        /// The key.
        key: &'static str,
        /// Its value.
        found: String,
        /// What would do.
        supported: String,
    },
    /// Labels that do not number 0, 1, 2 and so on.
    #[error(
        "config.json: `id2label` has {count} labels but none numbered {missing}; number them from 0 without gaps"
    )]
    LabelGap {
        /// How many there are.
        count: usize,
        /// The first number without one.
        missing: usize,
    },
}

/// The architecture: `config.json`. Defaults are those of `ASTConfig` of transformers 4.46.3.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ModelConfig {
    /// Family of the checkpoint.
    pub model_type: String,
    /// Width.
    #[serde(default = "default::hidden_size")]
    pub hidden_size: usize,
    /// Blocks.
    #[serde(default = "default::layers")]
    pub num_hidden_layers: usize,
    /// Attention heads of a block.
    #[serde(default = "default::layers")]
    pub num_attention_heads: usize,
    /// Inner width of the feed-forward layers.
    #[serde(default = "default::intermediate_size")]
    pub intermediate_size: usize,
    /// The feed-forward layers' activation.
    #[serde(default = "default::hidden_act")]
    pub hidden_act: String,
    /// What the square root in a layer norm is kept away from zero by.
    #[serde(default = "default::layer_norm_eps")]
    pub layer_norm_eps: f64,
    /// Side of a patch, in mel filters and in frames.
    #[serde(default = "default::patch_size")]
    pub patch_size: usize,
    /// Mel filters from one patch to the next.
    #[serde(default = "default::stride")]
    pub frequency_stride: usize,
    /// Frames from one patch to the next.
    #[serde(default = "default::stride")]
    pub time_stride: usize,
    /// Frames of a window.
    #[serde(default = "default::max_length")]
    pub max_length: usize,
    /// Mel filters.
    #[serde(default = "default::num_mel_bins")]
    pub num_mel_bins: usize,
    /// Whether queries, keys and values have a bias.
    #[serde(default = "default::qkv_bias")]
    pub qkv_bias: bool,
    /// Names of the labels by number.
    #[serde(default)]
    pub id2label: Option<BTreeMap<usize, String>>,
    /// Number of labels, where they have no names.
    #[serde(default)]
    pub num_labels: Option<usize>,
}

mod default {
    pub(super) fn hidden_size() -> usize {
        768
    }
    pub(super) fn layers() -> usize {
        12
    }
    pub(super) fn intermediate_size() -> usize {
        3072
    }
    pub(super) fn hidden_act() -> String {
        "gelu".to_owned()
    }
    pub(super) fn layer_norm_eps() -> f64 {
        1e-12
    }
    pub(super) fn patch_size() -> usize {
        16
    }
    pub(super) fn stride() -> usize {
        10
    }
    pub(super) fn max_length() -> usize {
        1024
    }
    pub(super) fn num_mel_bins() -> usize {
        128
    }
    pub(super) fn qkv_bias() -> bool {
        true
    }
}

impl ModelConfig {
    /// Refuses what cannot be computed, before anything is allocated for it.
    ///
    /// # Errors
    /// When the checkpoint is of another family, or a value has no computation here.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, found: &dyn ToString, supported: String| {
            Err(unsupported(MODEL_FILE, key, found, supported))
        };
        if self.model_type != "audio-spectrogram-transformer" {
            return refuse("model_type", &self.model_type, "`audio-spectrogram-transformer`".to_owned());
        }
        if self.hidden_act != "gelu" {
            return refuse("hidden_act", &self.hidden_act, "`gelu`".to_owned());
        }
        if !(0.0..1.0).contains(&self.layer_norm_eps) {
            return refuse("layer_norm_eps", &self.layer_norm_eps, "0 to 1".to_owned());
        }
        check_sizes(
            MODEL_FILE,
            [
                ("hidden_size", self.hidden_size, 1..=1 << 14),
                ("num_hidden_layers", self.num_hidden_layers, 1..=256),
                ("num_attention_heads", self.num_attention_heads, 1..=1 << 10),
                ("intermediate_size", self.intermediate_size, 1..=1 << 16),
                ("num_mel_bins", self.num_mel_bins, 1..=256),
                ("max_length", self.max_length, 1..=1 << 14),
                ("patch_size", self.patch_size, 1..=self.num_mel_bins.min(self.max_length).min(256)),
                ("frequency_stride", self.frequency_stride, 1..=256),
                ("time_stride", self.time_stride, 1..=1 << 14),
                ("num_labels", self.label_count(), 1..=1 << 20),
            ],
        )?;
        if !self.hidden_size.is_multiple_of(self.num_attention_heads) {
            let supported = format!("a divisor of `hidden_size` {}", self.hidden_size);
            return refuse("num_attention_heads", &self.num_attention_heads, supported);
        }
        self.labels().map(drop)
    }

    /// Patches along the mel filters and along the frames. What the last whole patch leaves over is not seen.
    pub fn patches(&self) -> (usize, usize) {
        let count = |length: usize, stride: usize| (length - self.patch_size) / stride + 1;
        (count(self.num_mel_bins, self.frequency_stride), count(self.max_length, self.time_stride))
    }

    /// Tokens of a window: its patches and the two that gather what the patches say.
    pub fn tokens(&self) -> usize {
        let (along_mels, along_frames) = self.patches();
        along_mels * along_frames + 2
    }

    /// The labels' names in order; where there are only numbers, `LABEL_0` and so on.
    ///
    /// # Errors
    /// When `id2label` leaves a number out.
    pub fn labels(&self) -> Result<Vec<String>, ConfigError> {
        let Some(names) = &self.id2label else {
            return Ok((0..self.label_count()).map(|index| format!("LABEL_{index}")).collect());
        };
        let gap = names.keys().enumerate().find(|(expected, number)| expected != *number);
        match gap {
            Some((missing, _)) => Err(ConfigError::LabelGap { count: names.len(), missing }),
            None => Ok(names.values().cloned().collect()),
        }
    }

    /// `id2label` counts; without it `num_labels`, and without that the two labels that transformers assumes.
    pub fn label_count(&self) -> usize {
        match &self.id2label {
            Some(names) => names.len(),
            None => self.num_labels.unwrap_or(2),
        }
    }
}

/// How sound becomes features: `preprocessor_config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FeatureConfig {
    /// Samples per second.
    pub sampling_rate: usize,
    /// Mel filters.
    pub num_mel_bins: usize,
    /// Frames of a window.
    pub max_length: usize,
    /// Whether features are shifted and scaled.
    pub do_normalize: bool,
    /// Mean of the features over the training data.
    pub mean: f32,
    /// Their standard deviation; features are divided by its double.
    pub std: f32,
}

impl FeatureConfig {
    /// Refuses what `model` cannot take in.
    ///
    /// # Errors
    /// When a value differs from the model's, or normalizing by it gives no numbers.
    pub fn check(&self, model: &ModelConfig) -> Result<(), ConfigError> {
        let model_takes = |size: usize| format!("{size}, as in config.json,");
        for (key, found, expected, supported) in [
            ("sampling_rate", self.sampling_rate, SAMPLE_RATE, SAMPLE_RATE.to_string()),
            ("num_mel_bins", self.num_mel_bins, model.num_mel_bins, model_takes(model.num_mel_bins)),
            ("max_length", self.max_length, model.max_length, model_takes(model.max_length)),
        ] {
            if found != expected {
                return Err(unsupported(FEATURES_FILE, key, &found, supported));
            }
        }
        if !self.mean.is_finite() {
            return Err(unsupported(FEATURES_FILE, "mean", &self.mean, "a finite number".to_owned()));
        }
        if !(self.std.is_finite() && self.std > 0.0) {
            return Err(unsupported(FEATURES_FILE, "std", &self.std, "a positive number".to_owned()));
        }
        Ok(())
    }
}

fn unsupported(
    file: &'static str,
    key: &'static str,
    found: &dyn ToString,
    supported: String,
) -> ConfigError {
    ConfigError::Unsupported { file, key, found: found.to_string(), supported }
}

fn check_sizes<const N: usize>(
    file: &'static str,
    sizes: [(&'static str, usize, std::ops::RangeInclusive<usize>); N],
) -> Result<(), ConfigError> {
    for (key, size, range) in sizes {
        if !range.contains(&size) {
            return Err(unsupported(file, key, &size, format!("{} to {}", range.start(), range.end())));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn published() -> ModelConfig {
        crate::presets::Preset::find("ast-base").unwrap().model_config()
    }

    #[test]
    fn keys_left_out_have_the_published_values() {
        let config: ModelConfig = serde_json::from_str(
            r#"{"model_type": "audio-spectrogram-transformer", "id2label": {"1": "b", "0": "a"}, "unknown": 1}"#,
        )
        .unwrap();
        config.check().unwrap();
        assert_eq!(config.labels().unwrap(), ["a", "b"]);
        let published = published();
        assert_eq!(ModelConfig { id2label: published.id2label.clone(), ..config }, published);
        assert_eq!(published.patches(), (12, 101));
        assert_eq!(published.tokens(), 1214);
    }

    #[test]
    fn labels_without_names_are_counted_and_gaps_are_refused() {
        let config = ModelConfig { id2label: None, num_labels: Some(3), ..published() };
        assert_eq!(config.labels().unwrap(), ["LABEL_0", "LABEL_1", "LABEL_2"]);
        let gap = BTreeMap::from([(0, "a".to_owned()), (2, "c".to_owned())]);
        let error = ModelConfig { id2label: Some(gap), ..published() }.check().unwrap_err();
        assert_eq!(error, ConfigError::LabelGap { count: 2, missing: 1 });
    }

    #[test]
    fn what_cannot_be_computed_is_refused_with_its_key_and_value() {
        type Set = fn(&mut ModelConfig);
        let cases: [(Set, &str); 10] = [
            (|model| model.model_type = "whisper".to_owned(), "`model_type` is whisper"),
            (|model| model.hidden_act = "relu".to_owned(), "`hidden_act` is relu"),
            (|model| model.hidden_size = 0, "`hidden_size` is 0"),
            (|model| model.num_attention_heads = 7, "a divisor of `hidden_size` 768"),
            (|model| model.patch_size = 129, "`patch_size` is 129, but only 1 to 128"),
            (|model| model.max_length = 15, "`patch_size` is 16, but only 1 to 15"),
            (|model| model.time_stride = 0, "`time_stride` is 0"),
            (|model| model.num_mel_bins = usize::MAX, "`num_mel_bins` is"),
            (|model| model.layer_norm_eps = f64::NAN, "`layer_norm_eps` is NaN"),
            (|model| model.id2label = Some(BTreeMap::new()), "`num_labels` is 0"),
        ];
        for (set, expected) in cases {
            let mut model = published();
            set(&mut model);
            let message = model.check().unwrap_err().to_string();
            assert!(message.starts_with("config.json: ") && message.contains(expected), "{message}");
        }
    }

    #[test]
    fn features_that_the_model_cannot_take_in_are_refused() {
        type Set = fn(&mut FeatureConfig);
        let cases: [(Set, &str); 5] = [
            (
                |features| features.sampling_rate = 8_000,
                "`sampling_rate` is 8000, but only 16000 is supported",
            ),
            (|features| features.num_mel_bins = 64, "`num_mel_bins` is 64, but only 128, as in config.json"),
            (|features| features.max_length = 1, "`max_length` is 1"),
            (|features| features.mean = f32::INFINITY, "`mean` is inf"),
            (|features| features.std = 0.0, "`std` is 0"),
        ];
        for (set, expected) in cases {
            let mut features = crate::presets::Preset::find("ast-base").unwrap().feature_config();
            features.check(&published()).unwrap();
            set(&mut features);
            let message = features.check(&published()).unwrap_err().to_string();
            assert!(message.contains("preprocessor_config.json") && message.contains(expected), "{message}");
        }
    }
}
