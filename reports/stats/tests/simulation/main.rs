//! How often the statistics are wrong, by simulated times of which the truth is known.
//! `cargo test --release -p reelbench-stats --test simulation -- --nocapture` prints the figures.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "simulations stop where they fail, and print figures"
)]

mod coverage;
mod draw;
mod family;
mod session;
