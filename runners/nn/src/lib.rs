//! What the models share: weights, linear layers, norms, attention, rotary positions, caches of
//! keys and values, and generation.

pub mod activation;
mod attention;
mod generate;
mod kv_cache;
mod linear;
mod matmul;
mod nf4;
mod norm;
mod observe;
mod panels;
mod precision;
pub mod quantized;
mod register;
mod rope;
pub mod storage;
pub mod vector;
pub mod weights;

pub use attention::{Visible, attention};
pub use generate::{Decoder, GenerateError, Generated, Generation, Prompt, Sampling, generate};
pub use kv_cache::{CacheMode, KvCache, rows_by_context};
pub use linear::{Bias, Linear, Stored};
pub use norm::{LayerNorm, RmsNorm};
pub use observe::StageObserver;
pub use precision::Precision;
pub use quantized::{QuantizeError, QuantizedMatrix};
pub use rope::{LongRope, Rope, Rotation};
pub use storage::bytes_of;
pub use weights::{Checkpoint, Usage, WeightsError};
