//! Reads a run directory.

use std::fs;
use std::path::Path;

use rayon::prelude::*;
use reelbench_protocol::{Conditions, JournalEvent, JournalLine, Manifest, RepeatResult, check_format};
use serde::Deserialize;

use crate::error::ReportError;
use crate::references::REFERENCES_FOLDER;
use crate::run::{Replay, Run};

/// Name of the manifest in a run directory.
pub const MANIFEST_FILE: &str = "manifest.json";
/// Name of the journal in a run directory.
pub const JOURNAL_FILE: &str = "journal.jsonl";
/// Folder of what stage 1 found, in a run directory.
pub const STAGE1_FOLDER: &str = "stage1";
/// Folder of the frames that captioners were shown, one folder per cell, in a run directory.
pub const FRAMES_FOLDER: &str = "frames";
/// What a run directory holds beside what is rebuilt; nothing else has it.
pub const KEPT: [&str; 6] =
    [MANIFEST_FILE, "matrix.yaml", JOURNAL_FILE, "logs", FRAMES_FOLDER, REFERENCES_FOLDER];

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

/// Lines that are parsed side by side before they are replayed: enough to keep every core busy, and few beside a long
/// journal.
const BLOCK: usize = 512;

fn replay_journal(path: &Path, replay: &mut Replay) -> Result<(), ReportError> {
    let journal = read(path)?;
    // Only the last line can lack its newline. Then its writing was cut off, and going on with the run drops it.
    let lines: Vec<&[u8]> =
        journal.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")).collect();
    for (block, lines) in lines.chunks(BLOCK).enumerate() {
        let parsed: Vec<_> = lines.par_iter().map(|line| journal_line(line)).collect();
        for (number, line) in (block * BLOCK + 1..).zip(parsed) {
            let JournalLine { at_ms, event } =
                line.map_err(|source| ReportError::Event { path: path.to_owned(), line: number, source })?;
            if let JournalEvent::Started { format, .. } = event {
                check_format(format, None).map_err(|source| ReportError::Manifest {
                    path: path.to_owned(),
                    source: source.into(),
                })?;
            }
            replay.apply(at_ms, event).map_err(|problem| ReportError::Order {
                path: path.to_owned(),
                line: number,
                problem,
            })?;
        }
    }
    Ok(())
}

/// The line of a repeat. A long journal is made of them, and read as what it must be, a line takes half the time that it
/// takes as one of many events: there serde sets every value aside until it knows what it is of.
#[derive(Deserialize)]
struct RepeatLine {
    at_ms: u64,
    what: RepeatEvent,
}

#[derive(Deserialize)]
struct RepeatEvent {
    #[serde(rename = "kind")]
    _kind: RepeatKind,
    result: Box<RepeatResult>,
    #[serde(default)]
    conditions: Option<Box<Conditions>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum RepeatKind {
    Repeat,
}

fn journal_line(line: &[u8]) -> Result<JournalLine, serde_json::Error> {
    if let Ok(RepeatLine { at_ms, what: RepeatEvent { result, conditions, .. } }) =
        serde_json::from_slice(line)
    {
        return Ok(JournalLine { at_ms, event: JournalEvent::Repeat { result, conditions } });
    }
    serde_json::from_slice(line)
}
