//! Run directories that cannot be read.

use std::path::Path;

use reelbench_reports::{ReportError, Results};

use crate::fixtures::*;
use crate::support::*;

/// The error of loading a run with this journal.
fn journal_error(run: &RunDir, journal: &str) -> String {
    let dir = run.write_journal(journal.as_bytes());
    let error = Results::load(dir).unwrap_err().to_string();
    error.replace(&dir.display().to_string(), "DIR")
}

#[test]
fn a_damaged_journal_names_its_line() {
    let run = finished_run();
    let journal = run.journal();
    let damaged = journal.replacen("\"what\"", "\"wat\"", 3).replacen("\"wat\"", "\"what\"", 2);
    let error = journal_error(&run, &damaged);
    assert!(error.starts_with("DIR/journal.jsonl, line 3: not an event of a journal: "), "{error}");

    let (first, rest) = journal.split_once('\n').unwrap();
    assert_eq!(
        journal_error(&run, rest),
        "DIR/journal.jsonl, line 1: the journal does not begin with `started`"
    );
    let (plan, after) = rest.split_once('\n').unwrap();
    assert_eq!(
        journal_error(&run, &format!("{first}\n{plan}\n{plan}\n{after}")),
        "DIR/journal.jsonl, line 3: the run is planned a second time"
    );
    let error = journal_error(&run, &format!("{first}\n{after}"));
    assert!(error.contains("line 3: cell ") && error.ends_with(" is not in the plan"), "{error}");
}

#[test]
fn another_format_is_refused() {
    let mut run = finished_run();
    run.manifest.format = 2;
    let error = Results::load(run.write()).unwrap_err();
    assert!(matches!(error, ReportError::Format { found: 2, .. }));
    assert!(error.to_string().ends_with(
        "manifest.json: run directory of format 2, but this bench reads format 1: \
         use the bench that made the run, or a newer one"
    ));
}

#[test]
fn a_missing_folder_is_named() {
    let error = Results::load(Path::new("no/such/run")).unwrap_err().to_string();
    assert!(error.starts_with("no/such/run/manifest.json: cannot be read: "), "{error}");
}
