//! `bench-runner`: the real pipeline on candle, behind the runner protocol.
//!
//! It takes no arguments: `bench` starts it and speaks to it on standard input and output. To try one
//! stage by hand, use `bench probe`.

mod caption;
mod probe;
mod runner;
mod stage1;

use std::process::ExitCode;

/// Gives the pages of large temporaries to the next ones instead of back to the system.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    reelbench_kit::serve(runner::CandleRunner::default())
}
