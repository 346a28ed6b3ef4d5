//! Decoder-only language models of the Llama kind: what Vicuna and Mistral share.

mod config;
mod model;

pub(crate) use config::{OneOrMany, Projections, RawTextConfig, TextConfig, TextLayout};
pub(crate) use model::{TextModel, TextSession};
