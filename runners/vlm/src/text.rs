//! Decoder-only language models of the Llama kind: what Vicuna, Mistral and Phi-3 share.

mod config;
mod long_rope;
mod memory;
mod model;

pub(crate) use config::{OneOrMany, Projections, RawTextConfig, TextConfig, TextLayout};
pub(crate) use model::{TextModel, TextSession};
