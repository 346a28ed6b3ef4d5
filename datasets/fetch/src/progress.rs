//! How a fetch goes, for whoever shows it.

use std::time::Duration;

use crate::error::Fault;

/// Hears how a fetch goes. Several files are under way at once, each in a thread of its own.
pub trait Progress: Sync {
    /// Something happened to a file.
    fn event(&self, file: &str, event: &Event<'_>);
}

/// What happened to a file.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// Another program has the file under way, and is waited for.
    Locked,
    /// Bytes begin to come, after those that came earlier.
    Started {
        /// Bytes that came earlier.
        already: u64,
        /// The file's size, where known.
        total: Option<u64>,
    },
    /// Some more have come.
    Received {
        /// All that have come so far.
        bytes: u64,
    },
    /// An attempt failed; the next one is made after a while.
    Waiting {
        /// How long.
        delay: Duration,
        /// What went wrong.
        fault: &'a Fault,
    },
    /// The file is whole, its hash right and its name final.
    Finished {
        /// Its size.
        bytes: u64,
    },
}
