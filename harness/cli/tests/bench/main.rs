//! The built `bench` from outside: what is typed, what is printed, what lies on disk afterwards.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is missing"
)]

mod broken_input;
mod common;
#[cfg(target_os = "linux")]
mod essence;
mod fake_runner;
mod fetch;
mod findings;
mod gate;
mod memory;
mod mistakes;
mod noise;
mod pipeline;
mod plan_times;
mod probes;
mod progress;
mod provenance;
mod reports;
#[cfg(target_os = "linux")]
mod resume;
mod score;
mod secrets;
#[cfg(target_os = "linux")]
mod survival;
