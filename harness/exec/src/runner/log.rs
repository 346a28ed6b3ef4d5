//! A runner's standard error, on its way to a log.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::ChildStderr;
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use super::RunnerError;
use crate::secrets;

/// How long the end of a log is waited for once its runner has ended: something that left its group may hold it open.
const PATIENCE: Duration = Duration::from_secs(1);

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
        let (sender, written) = mpsc::channel();
        thread::spawn(move || {
            let mut lines = BufReader::new(stderr);
            // A full disk must not stop the runner, which waits for room in its pipe: the rest is read all the same.
            if self.write_from(&mut lines).is_err() {
                let _ = io::copy(&mut lines, &mut io::sink());
            }
            // Whoever does not wait any longer does not hear it.
            let _ = sender.send(());
        });
        KeptLog { written }
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
    /// Waits until everything that an ended runner said is written down.
    pub(super) fn finish(self) {
        let _ = self.written.recv_timeout(PATIENCE);
    }
}
