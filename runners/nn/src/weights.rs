//! Checkpoints: safetensors in the hub's layout, or random weights of the same shapes.
//!
//! A model takes its tensors through [`Checkpoint::var_builder`]; [`Checkpoint::finish`] then
//! tells whether the file held anything that the model did not ask for.

mod dummy;
mod error;
mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{DType, Device, Shape, Tensor};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use serde::de::DeserializeOwned;
use tokenizers::Tokenizer;

use dummy::RandomTensors;
pub use error::WeightsError;
use files::TensorFiles;

/// Tensors that frameworks store although they hold nothing learnt.
const DERIVED: [&str; 2] = ["*.position_ids", "*rotary_emb.inv_freq"];

/// Where a model's tensors, configuration and tokenizer come from.
#[derive(Clone)]
pub struct Checkpoint {
    source: Arc<Source>,
    taken: Arc<Mutex<BTreeMap<String, u64>>>,
}

enum Source {
    Files { folder: PathBuf, tensors: TensorFiles },
    Dummy(RandomTensors),
}

/// What a model took from its checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Number of tensors.
    pub tensors: usize,
    /// Their size in memory, in bytes, in the type they were asked for.
    pub bytes: u64,
}

impl Checkpoint {
    /// Opens a folder in the hub's layout (`model.safetensors`, or shards with
    /// `model.safetensors.index.json`) or one `.safetensors` file. Files are memory-mapped, and
    /// every header is checked before anything is allocated for its tensors.
    ///
    /// # Errors
    /// When a file is missing, truncated, not safetensors, or at odds with the index.
    pub fn open(path: &Path) -> Result<Self, WeightsError> {
        let folder = if path.is_dir() { path } else { path.parent().unwrap_or(Path::new("")) };
        let tensors = TensorFiles::open(path)?;
        Ok(Self::from_source(Source::Files { folder: folder.to_owned(), tensors }))
    }

    /// Random weights, drawn when they are asked for: the same for a seed and a name in whatever
    /// order they are taken. Norms keep their neutral values and matrices a spread of
    /// `1/sqrt(fan_in)`, so that activations stay finite through any depth.
    pub fn dummy(seed: u64) -> Self {
        Self::from_source(Source::Dummy(RandomTensors::new(seed)))
    }

    fn from_source(source: Source) -> Self {
        Self { source: Arc::new(source), taken: Arc::default() }
    }

    /// Whether the weights are random.
    pub fn is_dummy(&self) -> bool {
        matches!(*self.source, Source::Dummy(_))
    }

    /// Gives out tensors as `dtype` on `device`. A tensor that is missing or has another shape is
    /// an error that names the file, the tensor and both shapes.
    pub fn var_builder(&self, dtype: DType, device: &Device) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(self.clone()), dtype, device.clone())
    }

    /// Ends loading: every tensor must have been taken, except those with nothing learnt in them
    /// and those that match one of `ignorable`: a name, or a name with `*` at its start or end.
    ///
    /// # Errors
    /// When the checkpoint holds more than the model has a place for.
    pub fn finish(&self, ignorable: &[&str]) -> Result<Usage, WeightsError> {
        let taken = self.taken();
        if let Source::Files { tensors, .. } = &*self.source {
            let harmless = |name: &str| DERIVED.iter().chain(ignorable).any(|pattern| matches(pattern, name));
            let extra: Vec<&str> =
                tensors.names().filter(|name| !taken.contains_key(*name) && !harmless(name)).collect();
            if !extra.is_empty() {
                return Err(WeightsError::extra(tensors.place(), &extra));
            }
        }
        Ok(Usage { tensors: taken.len(), bytes: taken.values().sum() })
    }

    /// Reads `config.json`.
    ///
    /// # Errors
    /// As [`Checkpoint::read_json`].
    pub fn config<T: DeserializeOwned>(&self) -> Result<T, WeightsError> {
        self.read_json("config.json")
    }

    /// Reads a JSON file that lies beside the tensors.
    ///
    /// # Errors
    /// When there is none (random weights have none), or it does not describe a `T`: the error
    /// has the line.
    pub fn read_json<T: DeserializeOwned>(&self, name: &str) -> Result<T, WeightsError> {
        let path = self.beside(name)?;
        let text = std::fs::read(&path).map_err(|source| WeightsError::read(&path, source))?;
        serde_json::from_slice(&text).map_err(|source| WeightsError::Json { path, source })
    }

    /// Whether a file lies beside the tensors.
    pub fn has_file(&self, name: &str) -> bool {
        self.beside(name).is_ok_and(|path| path.is_file())
    }

    /// Reads `tokenizer.json`.
    ///
    /// # Errors
    /// When there is none, or it is not a tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer, WeightsError> {
        self.tokenizer_at("tokenizer.json")
    }

    /// Reads a tokenizer that lies beside the tensors. What its file says about truncation and padding
    /// is left out, as transformers leaves it out: a text's tokens are all of its own.
    ///
    /// # Errors
    /// When there is none (random weights have none), or it is not a tokenizer.
    pub fn tokenizer_at(&self, name: &str) -> Result<Tokenizer, WeightsError> {
        let path = self.beside(name)?;
        let text = std::fs::read(&path).map_err(|source| WeightsError::read(&path, source))?;
        let read = Tokenizer::from_bytes(text).and_then(|mut tokenizer| {
            tokenizer.with_truncation(None)?;
            tokenizer.with_padding(None);
            Ok(tokenizer)
        });
        read.map_err(|error| WeightsError::Tokenizer { path, reason: error.to_string() })
    }

    fn beside(&self, name: &str) -> Result<PathBuf, WeightsError> {
        match &*self.source {
            Source::Files { folder, .. } => Ok(folder.join(name)),
            Source::Dummy(_) => Err(WeightsError::NoFiles { name: name.to_owned() }),
        }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        // The map is whole whenever the lock is free, so a panic elsewhere does not spoil it.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, name: &str, tensor: &Tensor) {
        let bytes = (tensor.elem_count() * tensor.dtype().size_in_bytes()) as u64;
        self.taken().insert(name.to_owned(), bytes);
    }
}

/// Whether `name` is meant by `pattern`, which may have one `*` at its start or its end.
fn matches(pattern: &str, name: &str) -> bool {
    if let Some(end) = pattern.strip_prefix('*') {
        name.ends_with(end)
    } else if let Some(start) = pattern.strip_suffix('*') {
        name.starts_with(start)
    } else {
        name == pattern
    }
}

impl SimpleBackend for Checkpoint {
    fn get(
        &self,
        shape: Shape,
        name: &str,
        init: Init,
        dtype: DType,
        device: &Device,
    ) -> candle_core::Result<Tensor> {
        let tensor = match &*self.source {
            Source::Files { tensors, .. } => {
                tensors.load(name, Some(&shape), dtype, device).map_err(as_candle)?
            }
            Source::Dummy(random) => random.draw(name, &shape, init, dtype, device)?,
        };
        self.record(name, &tensor);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> candle_core::Result<Tensor> {
        let Source::Files { tensors, .. } = &*self.source else {
            return Err(as_candle(WeightsError::ShapeUnknown { tensor: name.to_owned() }));
        };
        let tensor = tensors.load(name, None, dtype, device).map_err(as_candle)?;
        self.record(name, &tensor);
        Ok(tensor)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        match &*self.source {
            Source::Files { tensors, .. } => tensors.contains(name),
            // What is drawn is never quantized already, so it has no state of that.
            Source::Dummy(_) => !name.contains(".quant_state.") && !name.ends_with("SCB"),
        }
    }
}

/// Carries an error through candle's interface, which has room for its text only.
fn as_candle(error: WeightsError) -> candle_core::Error {
    match error {
        WeightsError::Tensor(error) => error,
        other => candle_core::Error::Msg(other.to_string()),
    }
}

#[cfg(test)]
mod tests;
