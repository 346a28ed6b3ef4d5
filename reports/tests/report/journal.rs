//! Run directories that cannot be read.

use std::path::Path;

use reelbench_protocol::JournalEvent;
use reelbench_reports::Results;

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
fn what_no_run_writes_is_refused_at_its_line() {
    let run = finished_run();
    let journal = run.journal();
    let finished = journal.lines().count();
    let with = |line: &str| journal_error(&run, &format!("{journal}{line}\n"));
    let after = format!("DIR/journal.jsonl, line {}: the run is finished", finished + 1);
    let repeat = journal.lines().find(|line| line.contains("\"kind\":\"repeat\"")).unwrap();
    assert!(with(repeat).starts_with(&after), "{}", with(repeat));
    assert!(with(journal.lines().last().unwrap()).starts_with(&after));

    let number = journal.lines().take_while(|line| *line != repeat).count() + 1;
    let spoilt = |key: &str, value: &str| {
        let (before, rest) = repeat.split_once(&format!("\"{key}\":")).unwrap();
        let (_, rest) = rest.split_once(',').unwrap();
        journal_error(&run, &journal.replacen(repeat, &format!("{before}\"{key}\":{value},{rest}"), 1))
    };
    for (key, value, problem) in [
        ("media_s", "-1.0", "media_s is no length of a film"),
        ("media_s", "0.0", "media_s is no length of a film"),
        ("wall_ns", "0", "wall_ns is no time that a repeat takes"),
        ("wall_ns", "18446744073709551615", "wall_ns is no time that a repeat takes"),
        ("wall_ns", "1", "a span ends after the repeat"),
    ] {
        let error = spoilt(key, value);
        assert!(
            error.starts_with(&format!("DIR/journal.jsonl, line {number}: the repeat of cell ")),
            "{error}"
        );
        assert!(error.contains(problem), "{error}");
    }
    let long = format!("{}{}\n", journal, "[".repeat(10 << 20));
    assert!(journal_error(&run, &long).contains("not an event of a journal: "), "10 MB of one line");
}

#[test]
fn a_sample_that_is_written_twice_counts_once() {
    let run = finished_run();
    let journal = run.journal();
    let repeats: Vec<&str> = journal.lines().filter(|line| line.contains("\"kind\":\"repeat\"")).collect();
    let twice = journal.replacen(repeats[0], &[repeats[0], repeats[0]].join("\n"), 1);
    assert_ne!(twice, journal);
    let count = |dir: &Path| {
        let cells = Results::load(dir).unwrap().run.cells;
        cells.iter().map(|cell| cell.measured().len()).sum::<usize>()
    };
    let once = count(run.write());
    assert_eq!(count(run.write_journal(twice.as_bytes())), once);
}

#[test]
fn a_newer_format_is_refused_with_the_version_that_reads_it() {
    let mut run = finished_run();
    run.manifest.format = 2;
    run.manifest.bench_version = "9.1.0".into();
    let error = Results::load(run.write()).unwrap_err().to_string();
    assert!(error.contains("manifest.json: run directory of format 2, but bench "), "{error}");
    assert!(error.ends_with(" reads formats up to 1: use bench 9.1.0 or a newer one"), "{error}");

    let mut run = finished_run();
    run.events[0] = JournalEvent::Started { format: 2, run_id: "run-1".into() };
    let error = Results::load(run.write()).unwrap_err().to_string();
    assert!(error.contains("journal.jsonl: run directory of format 2, but bench "), "{error}");
}

#[test]
fn a_missing_folder_is_named() {
    let error = Results::load(Path::new("no/such/run")).unwrap_err().to_string();
    assert_eq!(
        error,
        "no/such/run: no run, since it has no manifest.json: give the directory that a run was written to"
    );
}
