//! How a runner process came to its end, in words.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// The exit code a shell gives for a program killed by SIGKILL.
const EXIT_CODE_KILLED: i32 = 137;

/// What allocators write before they abort: Rust's, and the C++ library's.
const ALLOCATION_FAILED: [&str; 2] = ["memory allocation of ", "std::bad_alloc"];

/// How a runner ended without being told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It exited with this code.
    Exit(i32),
    /// A signal that we did not send ended it.
    Signal(i32),
    /// It closed its output and stayed alive, so it could never answer; we killed it.
    ClosedOutput,
}

impl Death {
    /// What the kernel says about a process.
    pub(crate) fn of(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Exit(code),
            (None, Some(signal)) => Self::Signal(signal),
            // Neither: a process that was waited for has one or the other.
            (None, None) => Self::Exit(-1),
        }
    }

    /// Whether memory ran out: the kernel's out-of-memory killer sends SIGKILL, and a failed
    /// allocation aborts after a line in the log.
    pub fn is_out_of_memory(self, log_tail: &[String]) -> bool {
        match self {
            Self::Signal(signal) if signal == Signal::KILL.as_raw() => true,
            Self::Exit(EXIT_CODE_KILLED) => true,
            Self::Signal(signal) if signal == Signal::ABORT.as_raw() => {
                log_tail.iter().any(|line| ALLOCATION_FAILED.iter().any(|phrase| line.contains(phrase)))
            }
            Self::Signal(_) | Self::Exit(_) | Self::ClosedOutput => false,
        }
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(EXIT_CODE_KILLED) => {
                write!(f, "the runner ended with exit code {EXIT_CODE_KILLED}: something killed it, most likely for memory")
            }
            Self::Exit(code) => write!(f, "the runner ended with exit code {code}"),
            Self::Signal(signal) if *signal == Signal::KILL.as_raw() => f.write_str(
                "the runner was killed by SIGKILL, and not by bench: most likely memory ran out (`dmesg` says so then)",
            ),
            Self::Signal(signal) => write!(f, "the runner was ended by {}", signal_name(*signal)),
            Self::ClosedOutput => f.write_str("the runner closed its output while it was still running"),
        }
    }
}

/// `SIGSEGV` and the like; `signal 64` for those without a name here.
fn signal_name(number: i32) -> String {
    const NAMES: [(Signal, &str); 12] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
        (Signal::KILL, "SIGKILL"),
        (Signal::SEGV, "SIGSEGV"),
        (Signal::PIPE, "SIGPIPE"),
        (Signal::TERM, "SIGTERM"),
    ];
    NAMES
        .iter()
        .find(|(signal, _)| signal.as_raw() == number)
        .map_or_else(|| format!("signal {number}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kill_by_another_hand_and_a_failed_allocation_are_memory() {
        let quiet = [];
        let allocation = ["memory allocation of 68719476736 bytes failed".to_owned()];
        assert!(Death::Signal(9).is_out_of_memory(&quiet));
        assert!(Death::Exit(137).is_out_of_memory(&quiet));
        assert!(Death::Signal(6).is_out_of_memory(&allocation));
        assert!(!Death::Signal(6).is_out_of_memory(&quiet));
        assert!(!Death::Signal(11).is_out_of_memory(&allocation));
        assert!(!Death::Exit(1).is_out_of_memory(&quiet));
    }

    #[test]
    fn deaths_have_names() {
        assert_eq!(Death::of(ExitStatus::from_raw(3 << 8)).to_string(), "the runner ended with exit code 3");
        assert_eq!(Death::of(ExitStatus::from_raw(11)).to_string(), "the runner was ended by SIGSEGV");
        assert_eq!(Death::Signal(62).to_string(), "the runner was ended by signal 62");
    }
}
