//! A conversation with a runner that came to an end.

use std::io;
use std::path::PathBuf;

use reelbench_matrix::ByteSize;
use reelbench_protocol::{Event, PROTOCOL_VERSION};

use crate::Death;
use crate::mailbox::Garbage;

/// A conversation with a runner that came to an end.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The program does not start.
    #[error("runner `{name}` does not start: {} ({source}); check its entry in runners.yaml or --runner", program.display())]
    Spawn {
        /// The runner.
        name: String,
        /// Its program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The process that watches over it does not start.
    #[error("cannot start /bin/sh ({0}), which ends a runner's processes should bench be killed")]
    Guard(#[source] io::Error),
    /// The kernel does not take the limit of its memory.
    #[error(
        "cannot limit the runner's memory to {limit} ({source}); run.memory_limit: none goes without a limit"
    )]
    MemoryLimit {
        /// The limit.
        limit: ByteSize,
        /// Why.
        source: io::Error,
    },
    /// Its log cannot be written.
    #[error("cannot write the runner's log {} ({source})", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It speaks another version of the protocol.
    #[error(
        "runner `{name}` speaks protocol version {theirs} and bench speaks {PROTOCOL_VERSION}: \
         build both from the same revision, or use the bench that the runner was made for"
    )]
    OtherProtocol {
        /// The runner.
        name: String,
        /// Its version.
        theirs: u32,
    },
    /// It said something that is not in the protocol.
    #[error("the runner's answer is not usable: {0}")]
    Garbage(Garbage),
    /// A command cannot be written as JSON.
    #[error("a command for the runner cannot be written as JSON ({0}); is a path not UTF-8?")]
    Unspeakable(serde_json::Error),
    /// No answer before the deadline.
    #[error("the runner did not answer in time")]
    TimedOut,
    /// The user asked to stop.
    #[error("stopped by request")]
    Stopped,
    /// The process ended by itself.
    #[error("{0}")]
    Ended(Death),
}

impl RunnerError {
    /// An event that is no answer to what was asked; `expected` is the name of the event that would be.
    pub fn unexpected(event: &Event, expected: &str) -> Self {
        Self::out_of_turn(event, format!("`{expected}` was expected"))
    }

    /// An answer after which the runner talks on without having been asked.
    pub(super) fn unasked(event: &Event) -> Self {
        Self::out_of_turn(event, "more was said after this answer, and nothing was asked".to_owned())
    }

    pub(super) fn out_of_turn(event: &Event, reason: String) -> Self {
        // The tag comes first.
        let line = serde_json::to_string(event).unwrap_or_default();
        let beginning = line.split([',', '}']).next().unwrap_or_default().to_owned();
        Self::Garbage(Garbage { beginning, reason, protocol: None })
    }
}
