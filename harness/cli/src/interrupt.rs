//! Ctrl-C, a closed terminal and SIGTERM.

use std::thread;

use reelbench_exec::StopFlag;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::error::BenchError;

/// A flag that the first interrupt raises; its holder kills the runner and ends cleanly. The second
/// interrupt does what it would have done without us.
///
/// # Errors
/// When signals cannot be listened for.
pub(crate) fn stop_flag() -> Result<StopFlag, BenchError> {
    let stop = StopFlag::new();
    let raised = stop.clone();
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).map_err(BenchError::Signals)?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if raised.is_requested() {
                    // The handler of a signal that we could register can also be emulated.
                    let _ = emulate_default_handler(signal);
                }
                raised.request();
            }
        })
        .map_err(BenchError::Signals)?;
    Ok(stop)
}
