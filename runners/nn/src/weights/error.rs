//! What can be wrong with weights.

use std::path::{Path, PathBuf};

use candle_core::Shape;
use reelbench_protocol::{Failure, FailureKind};
use safetensors::SafeTensorError;

/// Names shown of a list that may be long.
const SHOWN: usize = 5;

/// Weights that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A folder without safetensors.
    #[error(
        "{}: no model.safetensors and no model.safetensors.index.json in it{hint}; \
         give a folder in the hub's layout or a .safetensors file", path.display()
    )]
    NoTensors {
        /// The folder.
        path: PathBuf,
        /// What lies there instead.
        hint: &'static str,
    },
    /// A file that is not safetensors, or not all of it.
    #[error("{}: {reason}", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong and what to do.
        reason: String,
    },
    /// An index that does not describe its shards.
    #[error("{}: {reason}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A tensor the model needs is not there.
    #[error("{}: tensor `{tensor}`{} is missing; the file belongs to another model or is incomplete",
        path.display(), shape.as_ref().map(|shape| format!(" of shape {shape:?}")).unwrap_or_default())]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The shape it should have.
        shape: Option<Shape>,
    },
    /// A tensor has another shape than the configuration says.
    #[error("{}: tensor `{tensor}` has shape {found:?}, but config.json asks for {expected:?}", path.display())]
    Misshapen {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// As the model needs it.
        expected: Shape,
        /// As stored.
        found: Shape,
    },
    /// A tensor is stored in a type that holds no real numbers.
    #[error("{}: tensor `{tensor}` is stored as {dtype}; weights can be read as F32, F16, BF16 and F64, \
             quantized ones as bitsandbytes' NF4 only", path.display())]
    StoredAs {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// Its type.
        dtype: String,
    },
    /// Tensors the model has no place for.
    #[error("{}: {count} tensors that the model has no place for: {shown}; \
             config.json belongs to another model or the file has additions", path.display())]
    Extra {
        /// The file or folder.
        path: PathBuf,
        /// How many.
        count: usize,
        /// The first of them.
        shown: String,
    },
    /// A JSON file that does not say what is needed.
    #[error("{}: {source}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// The line and what is wrong there.
        source: serde_json::Error,
    },
    /// A value in a configuration that no model can have.
    #[error("{place}: {reason}")]
    Config {
        /// The file or preset, and the key.
        place: String,
        /// What is wrong and what would do.
        reason: String,
    },
    /// A file that is not a tokenizer.
    #[error("{}: not a tokenizer: {reason}", path.display())]
    Tokenizer {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Random weights come without files.
    #[error("dummy weights have no `{name}`: what it says must come from the preset")]
    NoFiles {
        /// The file asked for.
        name: String,
    },
    /// Random weights need to be told their shape.
    #[error("dummy weights cannot make `{tensor}` without its shape")]
    ShapeUnknown {
        /// The tensor.
        tensor: String,
    },
    /// A tensor could not be made.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

impl WeightsError {
    pub(super) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    pub(super) fn extra(path: &Path, names: &[&str]) -> Self {
        let mut shown =
            names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        if names.len() > SHOWN {
            shown.push_str(", …");
        }
        Self::Extra { path: path.to_owned(), count: names.len(), shown }
    }

    pub(super) fn not_safetensors(path: &Path, bytes: &[u8], error: &SafeTensorError) -> Self {
        let reason = if bytes.starts_with(b"version https://git-lfs") {
            "a Git LFS pointer, not the weights it points to; run `git lfs pull`".to_owned()
        } else if bytes.starts_with(b"PK") || bytes.starts_with(&[0x80]) {
            "looks like pickled PyTorch weights, which are never opened; convert them to safetensors"
                .to_owned()
        } else {
            match error {
                SafeTensorError::MetadataIncompleteBuffer | SafeTensorError::InvalidHeaderLength => format!(
                    "truncated or not safetensors: its {} bytes are not as many as its header says; fetch it again",
                    bytes.len()
                ),
                other => format!("not a valid safetensors file: {other}"),
            }
        };
        Self::NotSafetensors { path: path.to_owned(), reason }
    }
}

impl From<WeightsError> for Failure {
    fn from(error: WeightsError) -> Self {
        Self::new(FailureKind::Weights, error)
    }
}
