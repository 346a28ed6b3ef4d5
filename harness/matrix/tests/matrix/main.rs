//! The matrix from its text to its cells.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests may fail a test"
)]

mod common;
mod entries;
mod errors;
mod example;
mod expand;
mod gate;
mod generation;
mod hostile;
mod needs;
mod question;
mod repeats;
mod schema;
mod stage1;
mod validity;
mod words;
