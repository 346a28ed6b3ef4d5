//! What the process says when it ends; documented in `bench --help`.

use std::process::ExitCode;

/// How an invocation of `bench` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done, and every cell is ok.
    Ok,
    /// Anything that no other code stands for.
    Error,
    /// Usage, or a matrix that is not valid.
    Invalid,
    /// Done, and some cells did not end ok.
    CellsNotOk,
    /// Gate: something is worse than allowed.
    Regression,
    /// Gate: the data shows neither.
    Inconclusive,
    /// Gate: cells are missing, or nothing was gated.
    Incomplete,
    /// Interrupted; the journal is intact and the run can be resumed.
    Interrupted,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Error => 1,
            Exit::Invalid => 2,
            Exit::CellsNotOk => 3,
            Exit::Regression => 10,
            Exit::Inconclusive => 11,
            Exit::Incomplete => 12,
            Exit::Interrupted => 130,
        })
    }
}
