//! The built `bench` from outside: what is typed, what is printed, what lies on disk afterwards.

mod broken_input;
mod common;
mod fake_runner;
mod mistakes;
mod pipeline;
mod probes;
