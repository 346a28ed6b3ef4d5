//! Runs a plan: runner processes, order, timeouts, the journal, and going on after an interruption.
//!
//! Three questions are kept apart. *When* a repeat is run is [`schedule`]'s, *how* is
//! [`RunnerProcess`]'s, and *what came of it* is written to the [`Journal`] alone: the state of a run
//! is a fold over its journal, so a run that goes on knows exactly what a run that never stopped knows.

mod answer;
mod cache_check;
mod conditions;
mod death;
mod directory;
mod environment;
mod findings;
mod found;
mod guard;
mod hash;
mod history;
mod inputs;
mod journal;
mod log;
mod mailbox;
mod memory;
mod run;
mod runner;
pub mod schedule;
mod secrets;
mod session;
mod sink;
mod stop;
mod time;

pub use answer::{Unusable, check_load, check_repeat};
pub use conditions::{Jitter, MachineLimits, Observer, Snapshot};
pub use death::{Death, Killer};
pub use directory::{DirectoryError, RunDirectory};
pub use environment::environment;
pub use hash::{HashError, hash_bytes, hash_file};
pub use inputs::{ExpectedHash, Inputs, weight_files};
pub use journal::{Journal, JournalError, read_journal};
pub use mailbox::{Garbage, parse_event};
pub use memory::available_memory;
pub use reelbench_matrix::{ByteSize, MemoryLimit, Order};
pub use reelbench_stats::Enough;
pub use run::{ExecError, RunEnd, RunPlan, Side, execute, execute_pair};
pub use runner::{RunnerCommand, RunnerError, RunnerLog, RunnerProcess};
pub use sink::{CellLeft, Counts, RunEvent, Sink};
pub use stop::StopFlag;
pub use time::{compact_utc, rfc3339};
