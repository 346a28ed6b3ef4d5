//! Tells how far a repeat has come without touching the thread that works.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use reelbench_protocol::{Event, Progress};

use crate::serve::send;

/// How often progress is told.
const PERIOD: Duration = Duration::from_secs(1);

/// Sends the latest progress once a second from a thread of its own: the working thread only stores
/// three numbers, so that nothing is serialized or written inside a span.
#[derive(Clone, Default)]
pub(crate) struct Ticker(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    running: Condvar,
    /// Held while progress is being written, which may have to wait for the reader.
    sending: Mutex<()>,
}

#[derive(Default)]
struct State {
    running: bool,
    latest: Option<Progress>,
}

impl Ticker {
    /// Starts the thread; it sleeps while no repeat runs, and ends with the process.
    pub(crate) fn spawn() -> io::Result<Self> {
        let ticker = Self::default();
        let shared = Arc::clone(&ticker.0);
        thread::Builder::new().name("progress".to_owned()).spawn(move || tick(&shared))?;
        Ok(ticker)
    }

    /// A repeat begins.
    pub(crate) fn start(&self) {
        *self.state() = State { running: true, latest: None };
        self.0.running.notify_one();
    }

    /// The repeat has come this far.
    pub(crate) fn set(&self, progress: Progress) {
        self.state().latest = Some(progress);
    }

    /// The repeat is over: no progress is sent after this returns.
    pub(crate) fn stop(&self) {
        self.state().running = false;
        // Whatever was being written when the flag went down is out once this can be had.
        drop(lock(&self.0.sending));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn tick(shared: &Shared) {
    loop {
        let state = lock(&shared.state);
        drop(if state.running {
            shared.running.wait_timeout(state, PERIOD).unwrap_or_else(PoisonError::into_inner).0
        } else {
            shared.running.wait(state).unwrap_or_else(PoisonError::into_inner)
        });
        // Taken before the look at `running`, so that nothing is sent after `stop` has returned; the working thread
        // never waits for it inside a span.
        let sending = lock(&shared.sending);
        let latest = {
            let mut state = lock(&shared.state);
            if state.running { state.latest.take() } else { None }
        };
        if let Some(progress) = latest {
            // A reader that has gone away is noticed at the closing event.
            let _ = send(&mut io::stdout(), &Event::Progress(progress));
        }
        drop(sending);
    }
}
