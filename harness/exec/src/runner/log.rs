//! A runner's standard error, on its way to a log.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ChildStderr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use super::RunnerError;
use crate::secrets;

/// How long the end of a log is waited for once its runner has ended: something that left its group may hold it open.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a line needs from the pipe to the log, where the system does not tell whether the thread is at work.
const SETTLING: Duration = Duration::from_millis(20);

/// Longer lines are cut in pieces.
const LONGEST_LINE: u64 = 64 << 10;

/// Where a runner's standard error goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunnerLog {
    /// To the end of this file.
    File(PathBuf),
    /// To our own standard error.
    Inherited,
}

/// A log that can be written.
pub(super) enum OpenLog {
    File(File),
    Inherited,
}

/// A log that a thread writes.
#[derive(Debug)]
pub(super) struct KeptLog {
    /// The end of the pipe that the thread reads, to see whether anything is left in it.
    pipe: Option<OwnedFd>,
    /// What the system tells about the thread, where it does.
    thread: Option<PathBuf>,
    written: Receiver<()>,
}

impl RunnerLog {
    pub(super) fn open(&self) -> Result<OpenLog, RunnerError> {
        let Self::File(path) = self else { return Ok(OpenLog::Inherited) };
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map(OpenLog::File).map_err(|source| RunnerError::Log { path: path.clone(), source })
    }
}

impl OpenLog {
    /// Has a thread write down what the runner says, without the keys that it may repeat.
    pub(super) fn keep(self, stderr: ChildStderr) -> KeptLog {
        let pipe = stderr.as_fd().try_clone_to_owned().ok();
        let (sender, written) = mpsc::channel();
        let (tell, thread) = mpsc::channel();
        thread::spawn(move || {
            let _ = tell.send(fs::read_link("/proc/thread-self").ok());
            let mut lines = BufReader::new(stderr);
            // A full disk must not stop the runner, which waits for room in its pipe: the rest is read all the same.
            if self.write_from(&mut lines).is_err() {
                let _ = io::copy(&mut lines, &mut io::sink());
            }
            // Whoever does not wait any longer does not hear it.
            let _ = sender.send(());
        });
        let thread = thread.recv().ok().flatten().map(|id| Path::new("/proc").join(id).join("stat"));
        KeptLog { pipe, thread, written }
    }

    fn write_from(self, lines: &mut impl BufRead) -> io::Result<()> {
        let mut to: Box<dyn Write> = match self {
            Self::File(file) => Box::new(file),
            Self::Inherited => Box::new(io::stderr()),
        };
        let mut line = Vec::new();
        while lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
            to.write_all(&secrets::masked_bytes(&line))?;
            line.clear();
        }
        Ok(())
    }
}

impl KeptLog {
    /// Waits until what a living runner has said by now is written down.
    pub(super) fn catch_up(&self) {
        let until = Instant::now() + PATIENCE;
        // It sleeps where it waits for the pipe: what it took out of it before is written.
        while !(self.is_pipe_empty() && self.sleeps() && self.is_pipe_empty()) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn is_pipe_empty(&self) -> bool {
        let left = self.pipe.as_ref().map(rustix::io::ioctl_fionread);
        left.is_none_or(|left| left.unwrap_or(0) == 0)
    }

    /// Whether the thread waits for something; where the system does not tell, after it had the time to.
    fn sleeps(&self) -> bool {
        let Some(stat) = self.thread.as_ref().and_then(|stat| fs::read_to_string(stat).ok()) else {
            thread::sleep(SETTLING);
            return true;
        };
        // The state follows the name, which is in parentheses.
        stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('S'))
    }

    /// Waits until everything that an ended runner said is written down.
    pub(super) fn finish(self) {
        let _ = self.written.recv_timeout(PATIENCE);
    }
}
