//! The journal's file: appended to event by event, each on disk before the next thing happens.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use reelbench_protocol::{JournalEvent, JournalLine};

use crate::time;

/// A journal that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// It cannot be opened or read.
    #[error("cannot read the journal {} ({source})", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An event was not written.
    #[error("cannot write to the journal {} ({source}); the run stops, and can go on with --resume", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// An earlier event was not written, so what follows has no place.
    #[error("the journal {} could not be written before; nothing more is added", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
    },
    /// A line inside it is not an event. Only a last line may be torn, by a kill in the middle of its writing.
    #[error("{}:{line}: not an event ({source}); the file was changed by something else, so the run cannot go on", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Another process writes it.
    #[error("{} is being written by another bench; wait for it, or choose another --out", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
}

/// A journal open for writing. No other process can open it so meanwhile.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sound,
    Broken,
}

impl Journal {
    /// Opens a journal, made if there is none, and reads what it holds. A last line that a kill tore
    /// is cut off.
    ///
    /// # Errors
    /// When it cannot be read or written, another process has it open, or it is corrupt.
    pub fn open(path: &Path) -> Result<(Self, Vec<JournalLine>), JournalError> {
        let failed = |source| JournalError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).append(true).read(true).open(path).map_err(failed)?;
        lock(path, &file)?;
        let Content { lines, whole } = read(path, &file)?;
        file.set_len(whole).and_then(|()| file.sync_all()).map_err(failed)?;
        sync_folder(path).map_err(failed)?;
        Ok((Self { path: path.to_owned(), file, state: State::Sound }, lines))
    }

    /// Adds an event and waits until it is on disk.
    ///
    /// # Errors
    /// When it cannot be written, or an event before could not: a journal with a hole is worse than a short one.
    pub fn append(&mut self, event: &JournalEvent) -> Result<(), JournalError> {
        if self.state == State::Broken {
            return Err(JournalError::Broken { path: self.path.clone() });
        }
        self.write(event).map_err(|source| {
            self.state = State::Broken;
            JournalError::Write { path: self.path.clone(), source }
        })
    }

    fn write(&mut self, event: &JournalEvent) -> io::Result<()> {
        /// [`JournalLine`] without a copy of the event.
        #[derive(serde::Serialize)]
        struct Line<'a> {
            at_ms: u64,
            what: &'a JournalEvent,
        }
        let mut line = serde_json::to_vec(&Line { at_ms: time::epoch_ms(), what: event })?;
        line.push(b'\n');
        self.file.write_all(&line)?;
        self.file.sync_data()
    }
}

/// Takes the lock of a journal. A process that is just being forked holds a copy of every open file, and so of its
/// locks, until it becomes another program: a lock that is gone after a moment is nobody's.
fn lock(path: &Path, file: &File) -> Result<(), JournalError> {
    const MOMENT: Duration = Duration::from_secs(1);
    const PAUSE: Duration = Duration::from_millis(20);
    let until = Instant::now() + MOMENT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if Instant::now() < until => std::thread::sleep(PAUSE),
            Err(TryLockError::WouldBlock) => return Err(JournalError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => {
                return Err(JournalError::Write { path: path.to_owned(), source });
            }
        }
    }
}

/// Reads a journal, also while it is being written: a torn last line is left out.
///
/// # Errors
/// When it cannot be read or is corrupt.
pub fn read_journal(path: &Path) -> Result<Vec<JournalLine>, JournalError> {
    let file = File::open(path).map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
    Ok(read(path, &file)?.lines)
}

struct Content {
    lines: Vec<JournalLine>,
    /// Bytes up to the end of the last whole line.
    whole: u64,
}

fn read(path: &Path, file: &File) -> Result<Content, JournalError> {
    let mut reader = BufReader::new(file);
    let mut content = Content { lines: Vec::new(), whole: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let read = reader
            .read_until(b'\n', &mut line)
            .map_err(|source| JournalError::Read { path: path.to_owned(), source })?;
        let Some(text) = line.strip_suffix(b"\n") else { return Ok(content) };
        let parsed = serde_json::from_slice(text).map_err(|source| JournalError::Corrupt {
            path: path.to_owned(),
            line: content.lines.len() + 1,
            source,
        })?;
        content.lines.push(parsed);
        content.whole += read as u64;
    }
}

/// Makes a new file's name survive a loss of power.
fn sync_folder(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |folder| {
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        File::open(folder)?.sync_all()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(lines: &[JournalLine]) -> Vec<JournalEvent> {
        lines.iter().map(|line| line.event.clone()).collect()
    }

    fn started() -> JournalEvent {
        JournalEvent::Started { format: 1, run_id: "a".to_owned() }
    }

    #[test]
    fn a_torn_last_line_is_cut_off_and_writing_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, lines) = Journal::open(&path).unwrap();
        assert!(lines.is_empty());
        journal.append(&started()).unwrap();
        journal.append(&JournalEvent::Finished).unwrap();
        drop(journal);
        let whole = std::fs::read(&path).unwrap();
        let first_line = whole.iter().position(|&byte| byte == b'\n').unwrap() + 1;
        for length in first_line..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(events(&read_journal(&path).unwrap()), [started()]);
            let (mut journal, lines) = Journal::open(&path).unwrap();
            assert_eq!(events(&lines), [started()]);
            journal.append(&JournalEvent::Interrupted).unwrap();
            assert_eq!(events(&read_journal(&path).unwrap()), [started(), JournalEvent::Interrupted]);
        }
    }

    #[test]
    fn a_corrupt_line_before_the_last_is_an_error_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, _) = Journal::open(&path).unwrap();
        journal.append(&started()).unwrap();
        drop(journal);
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"at_ms\":1,\"what\":{\"kind\":\"fini\n");
        std::fs::write(&path, &text).unwrap();
        for error in [read_journal(&path).unwrap_err(), Journal::open(&path).unwrap_err()] {
            assert!(matches!(error, JournalError::Corrupt { line: 2, .. }), "{error}");
            assert!(error.to_string().contains("journal.jsonl:2"), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "a corrupt journal is left as it is");
    }

    #[test]
    fn only_one_writer_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (first, _) = Journal::open(&path).unwrap();
        assert!(matches!(Journal::open(&path), Err(JournalError::Locked { .. })));
        assert!(read_journal(&path).is_ok(), "reading needs no lock");
        drop(first);
        assert!(Journal::open(&path).is_ok());
    }

    #[test]
    fn nothing_is_added_after_a_failed_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let (mut journal, _) = Journal::open(&path).unwrap();
        // A file that is open for reading alone refuses the write, as a full disk does.
        journal.file = File::open(&path).unwrap();
        assert!(matches!(journal.append(&started()), Err(JournalError::Write { .. })));
        journal.file = OpenOptions::new().append(true).open(&path).unwrap();
        assert!(matches!(journal.append(&started()), Err(JournalError::Broken { .. })));
        assert!(read_journal(&path).unwrap().is_empty());
    }
}
