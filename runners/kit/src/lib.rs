//! What every runner needs: the loop that speaks the protocol, the stopwatch that times stages, and
//! readings of memory.
//!
//! A runner implements [`Runner`] and hands itself to [`serve`]; see `runners/fake` for the smallest
//! whole one.

mod memory;
mod serve;
mod slowdown;
mod stopwatch;
mod ticker;

pub use memory::PeakMemory;
pub use serve::{Repeat, Runner, serve};
pub use slowdown::{Slowdown, SlowdownError};
pub use stopwatch::{Clock, Laps, Stopwatch};
