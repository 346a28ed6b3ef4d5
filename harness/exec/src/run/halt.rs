//! Why a run ends before its cells do.

use super::ExecError;

#[derive(Debug)]
pub(super) enum Halt {
    /// The user wants to stop.
    Stopped,
    /// The run took all the time it may.
    OutOfTime,
    /// It cannot go on at all.
    Exec(ExecError),
}

impl<E: Into<ExecError>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Exec(error.into())
    }
}
