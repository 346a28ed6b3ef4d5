//! Reads a run directory.

use std::fs;
use std::path::Path;

use reelbench_protocol::{JournalEvent, JournalLine, Manifest, check_format};

use crate::error::ReportError;
use crate::run::{Replay, Run};

/// Name of the manifest in a run directory.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the journal in a run directory.
pub const JOURNAL_FILE: &str = "journal.jsonl";
/// Folder of what stage 1 found, in a run directory.
pub const STAGE1_FOLDER: &str = "stage1";
/// Folder of the frames that captioners were shown, one folder per cell, in a run directory.
pub const FRAMES_FOLDER: &str = "frames";

impl Run {
    /// Reads the manifest and the journal of a run directory.
    ///
    /// A last line that a kill tore off is left out; any other line that is not an event is an error.
    ///
    /// # Errors
    /// When a file is missing, of another format version, or damaged; the error names the line.
    pub fn load(dir: &Path) -> Result<Self, ReportError> {
        let manifest = dir.join(MANIFEST_FILE);
        if !manifest.exists() {
            return Err(ReportError::NotRun(dir.to_owned()));
        }
        let manifest = read_manifest(&manifest)?;
        let mut replay = Replay::new(manifest);
        replay_journal(&dir.join(JOURNAL_FILE), &mut replay)?;
        Ok(replay.finish())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ReportError> {
    fs::read(path).map_err(|source| ReportError::Read { path: path.to_owned(), source })
}

fn read_manifest(path: &Path) -> Result<Manifest, ReportError> {
    Manifest::from_json(&read(path)?)
        .map_err(|source| ReportError::Manifest { path: path.to_owned(), source })
}

fn replay_journal(path: &Path, replay: &mut Replay) -> Result<(), ReportError> {
    let journal = read(path)?;
    for (number, line) in (1..).zip(journal.split_inclusive(|&byte| byte == b'\n')) {
        // Only the last line can lack its newline. Then its writing was cut off, and going on with the run drops it.
        if !line.ends_with(b"\n") {
            break;
        }
        let event = match serde_json::from_slice::<JournalLine>(line) {
            Ok(line) => line.event,
            Err(source) => return Err(ReportError::Event { path: path.to_owned(), line: number, source }),
        };
        if let JournalEvent::Started { format, .. } = event {
            check_format(format, None)
                .map_err(|source| ReportError::Manifest { path: path.to_owned(), source: source.into() })?;
        }
        replay.apply(event).map_err(|problem| ReportError::Order {
            path: path.to_owned(),
            line: number,
            problem,
        })?;
    }
    Ok(())
}
