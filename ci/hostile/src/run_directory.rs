//! What lies in a run directory, which somebody else may have made.

use std::fs;
use std::sync::{LazyLock, Mutex, PoisonError};

use reelbench_exec::read_journal;
use reelbench_reports::{JOURNAL_FILE, MANIFEST_FILE, Results, Template, render};
use tempfile::TempDir;

use crate::JOURNAL;

/// The manifest of a run.
const MANIFEST: &[u8] = include_bytes!("../fixtures/manifest.json");

/// One folder for all inputs, one after the other.
static FOLDER: LazyLock<Mutex<TempDir>> =
    LazyLock::new(|| Mutex::new(tempfile::tempdir().expect("room for a folder")));

/// Replays a journal, judges it, adds it up and renders its report.
pub fn journal(bytes: &[u8]) {
    load(MANIFEST, bytes);
}

/// Reads a manifest, and renders the report of its run.
pub fn summary(bytes: &[u8]) {
    load(bytes, JOURNAL.as_bytes());
}

fn load(manifest: &[u8], journal: &[u8]) {
    let folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
    let path = folder.path();
    let write = |name: &str, bytes: &[u8]| fs::write(path.join(name), bytes).expect("a writable folder");
    write(MANIFEST_FILE, manifest);
    write(JOURNAL_FILE, journal);
    drop(read_journal(&path.join(JOURNAL_FILE)).map_err(|error| error.to_string()));
    match Results::load(path) {
        Ok(results) => drop(render(&results.report, &Template::Embedded).expect("our own template fits")),
        Err(error) => drop(error.to_string()),
    }
}
