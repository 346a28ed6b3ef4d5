//! What tests of several crates share: where the references are that are too large for the repository (films,
//! published weights, checkpoints with the outputs of other implementations), and servers that play a service.

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test ends where something is missing")]

pub mod http;
pub mod hub;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A file or folder of the references: below `REELBENCH_SHARED`, or in `shared` beside the repository.
///
/// `None` where it is absent. That is said on standard error past the test harness, which would keep
/// the words of a passing test to itself.
pub fn shared(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("REELBENCH_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let path = root.join(name);
    if path.exists() {
        return Some(path);
    }
    // With standard error gone there is no one left to tell.
    let _ = writeln!(
        io::stderr(),
        "SKIPPED: {} is absent; set REELBENCH_SHARED to the folder that holds {name}",
        path.display()
    );
    None
}
