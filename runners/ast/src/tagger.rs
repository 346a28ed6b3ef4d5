//! A loaded Audio Spectrogram Transformer: from sound to scored labels.

use candle_core::{DType, Device, Tensor};
use reelbench_nn::Checkpoint;
use reelbench_protocol::{Quantization, Tag, Weights};

use crate::config::{ConfigError, FeatureConfig, ModelConfig, SAMPLE_RATE};
use crate::error::AstError;
use crate::fbank::{FRAME, Fbank, frame_count};
use crate::model::Model;
use crate::presets::{PRESETS, Preset};

/// Most windows taken through the model together; each takes about 50 MB of activations in `ast-base`.
pub const MAX_BATCH: usize = 64;

/// Storage of the weights that is offered.
pub const QUANTIZATIONS: [Quantization; 3] = [Quantization::None, Quantization::Q8_0, Quantization::Q4k];

/// The Audio Spectrogram Transformer, ready to name sounds.
#[derive(Debug)]
pub struct SoundTagger {
    fbank: Fbank,
    model: Model,
    labels: Vec<String>,
}

/// What the model says about one window of a stretch of sound.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowScores {
    /// Start in the stretch, in seconds.
    pub start_s: f64,
    /// End of the sound in the window, in seconds; silence fills what it lacks.
    pub end_s: f64,
    /// Probability of each label, in the labels' order. Sounds happen together: they do not sum to 1.
    pub scores: Vec<f32>,
}

/// A window before it has been heard.
struct Window<'a> {
    stretch: usize,
    first: usize,
    samples: &'a [f32],
}

impl SoundTagger {
    /// Loads a checkpoint in the hub's layout (`config.json`, `preprocessor_config.json`, safetensors), or draws one of
    /// the [`PRESETS`] at random.
    ///
    /// `quantization` is about the linear layers of the blocks, nearly all of the weights; the rest and everything
    /// computed are 32-bit floats.
    ///
    /// # Errors
    /// When a file, key or tensor is missing, superfluous or at odds with the rest, when a preset does not exist, when
    /// the widths do not fit the quantization's blocks, and on any device but the processor.
    pub fn load(weights: &Weights, quantization: Quantization, device: &Device) -> Result<Self, AstError> {
        if !device.is_cpu() {
            return Err(AstError::Device);
        }
        if !QUANTIZATIONS.contains(&quantization) {
            let offered = QUANTIZATIONS.map(Quantization::as_str).join(", ");
            return Err(AstError::Quantization { asked: quantization.as_str(), offered });
        }
        let (checkpoint, model, features) = match weights {
            Weights::Local { path, .. } => {
                let checkpoint = Checkpoint::open(path)?;
                let model: ModelConfig = checkpoint.config()?;
                let config_error = |source| AstError::Config { weights: weights.to_string(), source };
                // Another family has another preprocessor, whose missing keys would be the smaller news.
                model.check().map_err(config_error)?;
                let features = checkpoint.read_json("preprocessor_config.json")?;
                (checkpoint, model, features)
            }
            Weights::Dummy { preset, seed } => {
                let preset = Preset::find(preset).ok_or_else(|| unknown_preset(preset))?;
                (Checkpoint::dummy(*seed), preset.model_config(), preset.feature_config())
            }
        };
        Self::build(&checkpoint, &model, features, quantization, device, weights)
    }

    fn build(
        checkpoint: &Checkpoint,
        config: &ModelConfig,
        features: FeatureConfig,
        quantization: Quantization,
        device: &Device,
        weights: &Weights,
    ) -> Result<Self, AstError> {
        let config_error = |source: ConfigError| AstError::Config { weights: weights.to_string(), source };
        let tensor_error = |source| AstError::Tensor { weights: weights.to_string(), source };
        features.check(config).map_err(config_error)?;
        let tensors = checkpoint.var_builder(DType::F32, device);
        let model = Model::load(config, quantization, &tensors).map_err(tensor_error)?;
        checkpoint.finish(&[])?;
        let labels = config.labels().map_err(config_error)?;
        Ok(Self { fbank: Fbank::new(features), model, labels })
    }

    /// Bytes that the weights take up in memory.
    pub fn weights_bytes(&self) -> u64 {
        self.model.bytes()
    }

    /// The labels' names, in the order of the scores.
    pub fn labels(&self) -> &[String] {
        &self.labels
    }

    /// Samples that one window stands for: 10.24 s of them in the published checkpoints.
    pub fn window_samples(&self) -> usize {
        self.fbank.window_samples()
    }

    /// The logit of every label for one window of mono `samples` at 16 kHz, as the reference gives it: sound that is
    /// too short is followed by silence, and what is beyond the window's last frame is not heard.
    ///
    /// # Errors
    /// When there are fewer samples than one frame of 25 ms has, or one is not a finite number.
    pub fn clip_logits(&self, samples: &[f32]) -> Result<Vec<f32>, AstError> {
        if frame_count(samples.len()) == 0 {
            return Err(AstError::TooShort { samples: samples.len(), least: FRAME });
        }
        check_samples(samples)?;
        let logits = self.logits(&[samples])?.squeeze(0)?.to_vec1()?;
        Ok(logits)
    }

    /// The score of every label for one window, between 0 and 1: the sigmoid of [`SoundTagger::clip_logits`].
    ///
    /// # Errors
    /// As [`SoundTagger::clip_logits`].
    pub fn clip_scores(&self, samples: &[f32]) -> Result<Vec<f32>, AstError> {
        self.clip_logits(samples)?.into_iter().map(score).collect()
    }

    /// Names the sounds of one stretch; see [`SoundTagger::tag_stretches`].
    ///
    /// # Errors
    /// As [`SoundTagger::tag_stretches`].
    pub fn tag(
        &self,
        samples: &[f32],
        batch: usize,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Vec<WindowScores>, AstError> {
        Ok(self.tag_stretches(&[samples], batch, progress)?.into_iter().flatten().collect())
    }

    /// Names the sounds of stretches of mono sound at 16 kHz (a film's scenes, say), `batch` windows at a time.
    ///
    /// Windows of [`SoundTagger::window_samples`] tile every stretch without overlap, and are heard for themselves: the
    /// last one of a stretch is followed by silence, never by the next stretch. What is left of a stretch after its
    /// last whole window has no window of its own where it is shorter than one frame of 25 ms; so a stretch that is
    /// shorter than a frame has no window at all. Windows of different stretches share a batch.
    ///
    /// `progress` is told the share of windows heard, up to 1. The result has an entry for every stretch.
    ///
    /// # Errors
    /// When `batch` is not 1 to [`MAX_BATCH`], or a sample is not a finite number.
    pub fn tag_stretches(
        &self,
        stretches: &[&[f32]],
        batch: usize,
        progress: &mut dyn FnMut(f64),
    ) -> Result<Vec<Vec<WindowScores>>, AstError> {
        if !(1..=MAX_BATCH).contains(&batch) {
            return Err(AstError::Batch { batch, most: MAX_BATCH });
        }
        stretches.iter().try_for_each(|samples| check_samples(samples))?;
        let windows: Vec<Window<'_>> = self.windows(stretches).collect();
        let mut found = vec![Vec::new(); stretches.len()];
        let mut heard = 0;
        for batch in windows.chunks(batch) {
            let samples: Vec<&[f32]> = batch.iter().map(|window| window.samples).collect();
            let logits: Vec<Vec<f32>> = self.logits(&samples)?.to_vec2()?;
            for (window, logits) in batch.iter().zip(logits) {
                let scores = logits.into_iter().map(score).collect::<Result<_, _>>()?;
                found[window.stretch].push(window.scored(scores));
            }
            heard += batch.len();
            progress(heard as f64 / windows.len() as f64);
        }
        Ok(found)
    }

    fn windows<'a>(&self, stretches: &[&'a [f32]]) -> impl Iterator<Item = Window<'a>> {
        let length = self.window_samples();
        stretches.iter().enumerate().flat_map(move |(stretch, samples)| {
            let windows = samples.chunks(length).filter(|samples| frame_count(samples.len()) > 0);
            windows.enumerate().map(move |(i, samples)| Window { stretch, first: i * length, samples })
        })
    }

    fn logits(&self, windows: &[&[f32]]) -> candle_core::Result<Tensor> {
        let features = windows.iter().flat_map(|samples| self.fbank.compute(samples)).collect();
        self.model.forward(features, windows.len())
    }

    /// The `count` likeliest labels of `scores`, best first; of equal ones the first.
    pub fn best(&self, scores: &[f32], count: usize) -> Vec<Tag> {
        let mut tags: Vec<Tag> = (0..)
            .zip(self.labels.iter().zip(scores))
            .map(|(index, (label, &score))| Tag { label: label.clone(), index, score })
            .collect();
        tags.sort_by(|a, b| b.score.total_cmp(&a.score));
        tags.truncate(count);
        tags
    }
}

impl Window<'_> {
    fn scored(&self, scores: Vec<f32>) -> WindowScores {
        let seconds = |sample: usize| sample as f64 / SAMPLE_RATE as f64;
        WindowScores { start_s: seconds(self.first), end_s: seconds(self.first + self.samples.len()), scores }
    }
}

fn score(logit: f32) -> Result<f32, AstError> {
    if logit.is_nan() { Err(AstError::NotANumber) } else { Ok((1.0 + (-logit).exp()).recip()) }
}

fn check_samples(samples: &[f32]) -> Result<(), AstError> {
    match samples.iter().position(|sample| !sample.is_finite()) {
        None => Ok(()),
        Some(index) => {
            let second = index as f64 / SAMPLE_RATE as f64;
            Err(AstError::Sample { index, second, value: samples[index] })
        }
    }
}

fn unknown_preset(name: &str) -> AstError {
    let known = PRESETS.map(|preset| preset.name).join(", ");
    AstError::UnknownPreset { name: name.to_owned(), known }
}
