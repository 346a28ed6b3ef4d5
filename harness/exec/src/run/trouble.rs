//! Why a load or a turn gave no result, as the run sees it.

use super::ExecError;
use crate::session::{Ending, Trouble};

pub(super) enum LoadTrouble {
    Ended(Ending),
    Stopped,
    Exec(ExecError),
}

impl From<Trouble> for LoadTrouble {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(ending) | Trouble::Lost(ending) => Self::Ended(ending),
            Trouble::Stopped => Self::Stopped,
            Trouble::NoRunner(error) => Self::Exec(error.into()),
        }
    }
}

pub(super) enum TurnTrouble {
    /// What was asked for has ended, and so has the process.
    ProcessLost,
    Stopped,
    Exec(ExecError),
}

impl<E: Into<ExecError>> From<E> for LoadTrouble {
    fn from(error: E) -> Self {
        Self::Exec(error.into())
    }
}

impl<E: Into<ExecError>> From<E> for TurnTrouble {
    fn from(error: E) -> Self {
        Self::Exec(error.into())
    }
}
