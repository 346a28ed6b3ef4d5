//! What untrusted bytes go through, from the first byte to the last thing that is made of them.
//!
//! Each function takes any bytes at all and must come back: soon, without a panic, and with little memory. `ci/fuzz`
//! looks for bytes with which they do not, and `tests/replay.rs` holds on to those that it found.

#![expect(clippy::expect_used, reason = "the fixtures of this crate can be read")]

mod protocol;
#[cfg(feature = "reports")]
mod run_directory;

use std::path::Path;

use reelbench_matrix::{Folders, Matrix};
use reelbench_protocol::{Capabilities, JournalEvent, JournalLine};

pub use crate::protocol::protocol;
#[cfg(feature = "reports")]
pub use crate::run_directory::{journal, summary};

/// The journal of a whole run.
const JOURNAL: &str = include_str!("../fixtures/journal.jsonl");

/// Reads a matrix, and expands it for a runner that offers everything.
pub fn matrix(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/matrix.yaml");
    let matrix = Matrix::parse(text, &file, &Folders::default());
    match matrix.and_then(|matrix| matrix.expand(&capabilities())) {
        Ok(expansion) => drop(expansion.cells),
        Err(error) => drop(error.to_string()),
    }
}

/// The events of the fixture.
fn events() -> impl Iterator<Item = JournalEvent> {
    JOURNAL.lines().map(|line| serde_json::from_str::<JournalLine>(line).expect("an event").event)
}

/// What the fixture's runner offers.
fn capabilities() -> Capabilities {
    let hello = events().find_map(|event| match event {
        JournalEvent::RunnerStarted { hello, .. } => Some(hello.capabilities),
        _ => None,
    });
    hello.expect("a runner said hello")
}
