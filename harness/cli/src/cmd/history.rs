//! `bench history`: each cell's real-time factor over many runs.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use reelbench_protocol::PlannedCell;
use reelbench_reports::{History, MANIFEST_FILE, PastRun};

use crate::args::{HistoryArgs, Output};
use crate::error::BenchError;
use crate::exit_code::Exit;
use crate::print;

pub(crate) fn history(args: &HistoryArgs) -> Result<Exit, BenchError> {
    let mut dirs = BTreeSet::new();
    for dir in &args.dirs {
        dirs.extend(runs_in(dir)?);
    }
    let read = dirs.iter().filter_map(|dir| {
        PastRun::load(dir).map_err(|error| print::line(&format!("left out: {error}"))).ok()
    });
    let runs: Vec<PastRun> = read.collect();
    if runs.is_empty() {
        return Err(BenchError::NoRuns);
    }
    let cells = Cell::new(0);
    let wanted = |cell: &PlannedCell| {
        cells.set(cells.get() + 1);
        args.only.as_ref().is_none_or(|only| only.matches(cell))
    };
    let history = History::new(runs, wanted);
    if let (Some(only), true) = (&args.only, history.cells.is_empty()) {
        return Err(BenchError::NothingSelected { expression: only.to_string(), cells: cells.get() });
    }
    match args.output.output() {
        Output::Json => print::json(&history),
        Output::Text => print::text(&history.terminal_text()),
    }
}

/// The run that a directory is of, else the runs in it.
fn runs_in(dir: &Path) -> Result<Vec<PathBuf>, BenchError> {
    let is_run = |dir: &Path| dir.join(MANIFEST_FILE).exists();
    let dir = fs::canonicalize(dir).map_err(|_missing| BenchError::NoSuchFile(dir.to_owned()))?;
    if is_run(&dir) {
        return Ok(vec![dir]);
    }
    let entries = fs::read_dir(&dir).map_err(|_file| BenchError::NotAFolder(dir.clone()))?;
    let runs: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_run(path)).collect();
    if runs.is_empty() {
        print::line(&format!(
            "left out: {}: no run in it, for nothing there has a {MANIFEST_FILE}",
            dir.display()
        ));
    }
    Ok(runs)
}
