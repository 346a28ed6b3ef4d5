//! How a runner process came to its end, in words.

use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use rustix::process::Signal;

/// The exit code a shell gives for a program killed by SIGKILL.
const EXIT_CODE_KILLED: i32 = 137;

/// What is said before a program ends that was given no memory: by Rust, C++, C, PyTorch and Python.
const ALLOCATION_FAILED: [&str; 7] = [
    // A thread's stack counts against the limit too.
    "ThreadPoolBuildError",
    "failed to spawn thread",
    "memory allocation of ",
    "std::bad_alloc",
    "Cannot allocate memory",
    "can't allocate memory",
    "MemoryError",
];

/// How a runner ended without being told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It exited with this code.
    Exit(i32),
    /// A signal that we did not send ended it.
    Signal(i32),
    /// A SIGKILL that we did not send ended it, or the program that it wraps (exit code 137).
    Killed(Killer),
    /// It closed its output and stayed alive, so it could never answer; we killed it.
    ClosedOutput,
}

/// Who sent a SIGKILL, as far as the kernel's count of kills for want of memory tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Killer {
    /// The count rose while the runner lived.
    OutOfMemory,
    /// It did not rise.
    SomeoneElse,
    /// The system keeps no count.
    Unknown,
}

impl Killer {
    /// What the counts before and after a process's life tell.
    pub(crate) fn by_count(before: Option<u64>, after: Option<u64>) -> Self {
        match (before, after) {
            (Some(before), Some(after)) if after > before => Self::OutOfMemory,
            (Some(_), Some(_)) => Self::SomeoneElse,
            _ => Self::Unknown,
        }
    }
}

impl Death {
    /// What the kernel says about a process; `killer` would have killed it.
    pub(crate) fn of(status: ExitStatus, killer: Killer) -> Self {
        match (status.code(), status.signal()) {
            (Some(EXIT_CODE_KILLED), _) => Self::Killed(killer),
            (None, Some(signal)) if signal == Signal::KILL.as_raw() => Self::Killed(killer),
            (Some(code), _) => Self::Exit(code),
            (None, Some(signal)) => Self::Signal(signal),
            // Neither: a process that was waited for has one or the other.
            (None, None) => Self::Exit(-1),
        }
    }

    /// Whether memory ran out: the kernel's out-of-memory killer sends SIGKILL, and a program whose
    /// allocation fails ends after a line in the log.
    pub fn is_out_of_memory(self, log_tail: &[String]) -> bool {
        match self {
            Self::Killed(killer) => killer != Killer::SomeoneElse,
            Self::Signal(signal) => signal == Signal::ABORT.as_raw() && failed_allocation(log_tail).is_some(),
            Self::Exit(code) => code != 0 && failed_allocation(log_tail).is_some(),
            Self::ClosedOutput => false,
        }
    }
}

/// The last line that tells of a failed allocation.
pub(crate) fn failed_allocation(log_tail: &[String]) -> Option<&str> {
    log_tail.iter().rev().map(String::as_str).find(|line| tells_of_memory(line))
}

/// Whether a text has the words of a failed allocation.
pub(crate) fn tells_of_memory(text: &str) -> bool {
    ALLOCATION_FAILED.iter().any(|phrase| text.contains(phrase))
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exit(code) => write!(f, "the runner ended with exit code {code}"),
            Self::Signal(signal) => write!(f, "the runner was ended by {}", signal_name(*signal)),
            Self::Killed(killer) => write!(f, "the runner was killed by SIGKILL, and not by bench: {killer}"),
            Self::ClosedOutput => f.write_str("the runner closed its output while it was still running"),
        }
    }
}

impl fmt::Display for Killer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "memory ran out, as the kernel killed for want of it meanwhile",
            Self::SomeoneElse => {
                "a person or another program did it, as the kernel has killed nothing for want of memory meanwhile"
            }
            Self::Unknown => "most likely memory ran out (`dmesg` says so then)",
        })
    }
}

/// `SIGSEGV` and the like; `signal 64` for those without a name here.
fn signal_name(number: i32) -> String {
    const NAMES: [(Signal, &str); 11] = [
        (Signal::HUP, "SIGHUP"),
        (Signal::INT, "SIGINT"),
        (Signal::QUIT, "SIGQUIT"),
        (Signal::ILL, "SIGILL"),
        (Signal::TRAP, "SIGTRAP"),
        (Signal::ABORT, "SIGABRT"),
        (Signal::BUS, "SIGBUS"),
        (Signal::FPE, "SIGFPE"),
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
    fn a_failed_allocation_is_memory() {
        let quiet = [];
        let allocation = ["memory allocation of 68719476736 bytes failed".to_owned()];
        assert!(Death::Signal(6).is_out_of_memory(&allocation));
        assert!(Death::Exit(1).is_out_of_memory(&["MemoryError".to_owned()]));
        assert!(!Death::Signal(6).is_out_of_memory(&quiet));
        assert!(!Death::Signal(11).is_out_of_memory(&allocation));
        assert!(!Death::Exit(1).is_out_of_memory(&quiet));
        assert!(!Death::Exit(0).is_out_of_memory(&allocation));
    }

    #[test]
    fn a_kill_is_memory_unless_the_kernel_knows_better() {
        let killed = |before, after| Death::of(ExitStatus::from_raw(9), Killer::by_count(before, after));
        assert!(killed(Some(3), Some(4)).is_out_of_memory(&[]));
        assert!(killed(None, None).is_out_of_memory(&[]));
        let by_hand = killed(Some(3), Some(3));
        assert!(!by_hand.is_out_of_memory(&[]));
        assert!(by_hand.to_string().contains("killed nothing for want of memory"), "{by_hand}");
        let wrapped = Death::of(ExitStatus::from_raw(137 << 8), Killer::Unknown);
        assert_eq!(wrapped, Death::Killed(Killer::Unknown));
    }

    #[test]
    fn deaths_have_names() {
        let name = |status| Death::of(ExitStatus::from_raw(status), Killer::Unknown).to_string();
        assert_eq!(name(3 << 8), "the runner ended with exit code 3");
        assert_eq!(name(11), "the runner was ended by SIGSEGV");
        assert_eq!(name(62), "the runner was ended by signal 62");
    }
}
