//! The process that ends a runner, and all that the runner started, should `bench` be killed.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Waits for the end of its input, then kills its own process group.
const SCRIPT: &str = "read -r _; kill -KILL 0";

/// The leader of a runner's process group.
///
/// It sleeps on a pipe whose other end we hold. However `bench` ends, also by SIGKILL, the kernel closes that end, and
/// the guard kills the group: the runner in the middle of its work and every process that it started, unless that
/// moved to a group of its own. A parent-death signal would do this for the runner alone, as children do not inherit it.
///
/// As the group bears the guard's id, the id cannot become another group's before the guard is reaped.
#[derive(Debug)]
pub(crate) struct Guard {
    shell: Child,
    group: Pid,
}

impl Guard {
    /// Starts a group that holds the guard alone.
    ///
    /// # Errors
    /// When there is no `/bin/sh`, or no room for another process.
    pub(crate) fn start() -> io::Result<Self> {
        let shell = Command::new("/bin/sh")
            .args(["-c", SCRIPT])
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let group = Pid::from_child(&shell);
        Ok(Self { shell, group })
    }

    /// Has a command's process born into the group.
    pub(crate) fn admit<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.process_group(self.group.as_raw_nonzero().get())
    }

    /// Kills everyone in the group, the guard too.
    pub(crate) fn kill_group(&self) {
        // It fails only when nobody is left.
        let _ = kill_process_group(self.group, Signal::KILL);
    }

    /// Waits for the guard's own end, which [`Guard::kill_group`] brings about.
    pub(crate) fn reap(&mut self) {
        let _ = self.shell.wait();
    }
}
