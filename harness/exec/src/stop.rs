//! The wish to stop, and how it wakes whoever waits.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Says that the run should stop. Clones share one flag.
///
/// Asking wakes the wait for a runner at once (the latest, if several threads wait), so nothing has to look at the flag now and then. It takes
/// a lock, so it is not for use inside a signal handler: let a thread wait for the signal and ask.
#[derive(Clone, Default)]
pub struct StopFlag(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    requested: bool,
    wake: Option<Box<dyn Fn() + Send>>,
}

impl StopFlag {
    /// A flag that nobody has raised.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks for the stop.
    pub fn request(&self) {
        let mut state = self.state();
        state.requested = true;
        if let Some(wake) = &state.wake {
            wake();
        }
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.state().requested
    }

    /// Has `wake` called at the request, in place of the one before it; at once if it was already made.
    pub(crate) fn on_request(&self, wake: impl Fn() + Send + 'static) {
        let mut state = self.state();
        if state.requested {
            wake();
        }
        state.wake = Some(Box::new(wake));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for StopFlag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StopFlag").field(&self.is_requested()).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_request_wakes_whoever_waits_before_or_after_it() {
        let stop = StopFlag::new();
        let (sender, woken) = mpsc::channel();
        let early = sender.clone();
        stop.on_request(move || early.send("early").unwrap());
        assert!(woken.try_recv().is_err());
        stop.clone().request();
        assert_eq!(woken.try_recv(), Ok("early"));
        stop.on_request(move || sender.send("late").unwrap());
        assert_eq!(woken.try_recv(), Ok("late"));
        assert!(stop.is_requested());
    }
}
