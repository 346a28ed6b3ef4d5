//! How often the statistics are wrong, by simulated times of which the truth is known.
//! `cargo test --release -p reelbench-stats --test simulation -- --nocapture` prints the figures.

mod coverage;
mod draw;
mod family;
mod session;
