//! T5, an encoder and a decoder (Raffel et al.: "Exploring the limits of transfer learning", 2020;
//! transformers 4.46: `models/t5/modeling_t5.py`), in the gated form that Flan-T5 has.

mod config;
mod layers;
mod model;
mod position_bias;
mod session;

#[cfg(test)]
pub(crate) use config::Gelu;
pub(crate) use config::{RawT5Config, T5Config};
pub(crate) use model::T5Model;
pub(crate) use session::T5Session;
