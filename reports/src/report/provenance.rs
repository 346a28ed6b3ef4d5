//! What ran where, what went wrong, and what it takes to make the run again.

use std::collections::BTreeSet;

use reelbench_protocol::{
    CacheVerdict, Change, Environment, FileHash, GitRevision, Manifest, RunnerInfo, Weights, WeightsSource,
    value_text,
};
use serde::Serialize;

use super::repetition;
use super::section::CellNames;
use super::status::status;
use super::table::{Cell, Column, Table};
use crate::run::{CellRecord, Run};
use crate::summary::CellSummary;
use crate::units;

/// What ran where.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Setup {
    /// The machine.
    pub machine: Environment,
    /// Its memory in words.
    pub memory: String,
    /// The devices that runners say they computed on.
    pub devices: BTreeSet<String>,
    /// The runner.
    pub runner: Option<RunnerInfo>,
    /// Version of `bench`.
    pub bench_version: String,
    /// Measured repeats planned per cell: `3`, `5 to 30`.
    pub repeats: String,
    /// Warm-up repeats planned per cell: `1`, `up to 5`.
    pub warmup: String,
    /// How many of them it took, and why they stopped, where the matrix leaves that open.
    pub repetition: Vec<String>,
    /// Random weights that numbers of this report come from.
    pub dummy_weights: BTreeSet<String>,
}

impl Setup {
    pub(crate) fn new(run: &Run, cells: &[CellSummary]) -> Self {
        let measured = || run.cells.iter().zip(cells).filter(|(_, cell)| cell.outcome.is_measured());
        let devices =
            measured().filter_map(|(_, cell)| cell.effective.as_ref()?.get("device")).map(value_text);
        let dummies =
            measured().flat_map(|(record, _)| record.spec().weights().filter(|weights| weights.is_dummy()));
        Self {
            machine: run.manifest.environment.clone(),
            memory: units::bytes(run.manifest.environment.memory_bytes),
            devices: devices.collect(),
            runner: run.runner.clone(),
            bench_version: run.manifest.bench_version.clone(),
            repeats: run.repeats.to_string(),
            warmup: run.warmup.to_string(),
            repetition: repetition::sentences(run),
            dummy_weights: dummies.map(Weights::to_string).collect(),
        }
    }
}

/// A cell that did not end ok.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FailedCell {
    /// The cell's id.
    pub cell: String,
    /// Its video, its model or `stage 1`, and the settings that vary.
    pub name: String,
    /// Its status in the tables.
    pub status: String,
    /// Why.
    pub reason: String,
    /// The last lines of the runner's log, if it was written down.
    pub log: Option<String>,
}

/// Every cell that did not end ok, in the order of the plan.
pub(crate) fn failures(run: &Run, cells: &[CellSummary]) -> Vec<FailedCell> {
    let names = CellNames::of(cells);
    let failed = run.cells.iter().zip(cells).filter_map(|(record, cell)| {
        let reason = cell.reason.clone()?;
        let log = log_tail(record).map(|lines| lines.join("\n"));
        Some(FailedCell {
            cell: cell.id.to_string(),
            name: names.name(record, cell),
            status: status(cell),
            reason,
            log: log.filter(|log| !log.is_empty()),
        })
    });
    failed.collect()
}

/// The last lines of the log of what ended the cell, or broke the check of its cache.
fn log_tail(record: &CellRecord) -> Option<&[String]> {
    match (&record.ended, &record.cache_check) {
        (Some(ended), _) => Some(&ended.log_tail),
        (None, Some(CacheVerdict::Broke { log_tail, .. })) => Some(log_tail),
        (None, _) => None,
    }
}

/// What it takes to make the run again.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Provenance {
    /// The run.
    pub run_id: String,
    /// Start, RFC 3339 in UTC.
    pub started: String,
    /// End, RFC 3339 in UTC.
    pub finished: Option<String>,
    /// The lines that make such a run again in a shell: to the folder where it was started, then the run's own command
    /// with the variables that change how fast things run, and without the directory it was written to.
    pub command: String,
    /// SHA-256 of the matrix.
    pub matrix_sha256: String,
    /// The revision `bench` was built from.
    pub git: Option<GitRevision>,
    /// What was no longer what it had been when the run went on.
    pub changes: Vec<Change>,
    /// Where the weights came from, in words.
    pub weights: Vec<String>,
    /// Every binary, video, weight file and tokenizer with its hash.
    pub files: Table,
}

impl Provenance {
    pub(crate) fn new(manifest: &Manifest) -> Self {
        Self {
            run_id: manifest.run_id.clone(),
            started: manifest.started.clone(),
            finished: manifest.finished.clone(),
            command: reproduce(manifest),
            matrix_sha256: manifest.matrix_sha256.clone(),
            git: manifest.git.clone(),
            changes: manifest.changes.clone(),
            weights: manifest.weights.iter().map(WeightsSource::to_string).collect(),
            files: files(manifest.binaries.iter().chain(&manifest.inputs)),
        }
    }
}

fn files<'a>(files: impl Iterator<Item = &'a FileHash>) -> Table {
    let columns =
        vec![Column::left("Used By"), Column::left("File"), Column::right("Size"), Column::left("SHA-256")];
    let row = |file: &FileHash| {
        vec![
            Cell::from(&file.used_by),
            Cell::from(file.path.display().to_string()),
            Cell::bytes(Some(file.bytes)),
            Cell::from(&file.sha256),
        ]
    };
    Table { columns, rows: files.map(row).collect() }
}

fn reproduce(manifest: &Manifest) -> String {
    let folder =
        manifest.folder.iter().map(|folder| format!("cd {}\n", shell_quoted(&folder.display().to_string())));
    let variables = &manifest.environment.variables;
    let variables = variables.iter().map(|(name, value)| format!("{name}={} ", shell_quoted(value)));
    folder.chain(variables).chain([repeatable(&manifest.command)]).collect()
}

/// A command line without `--out` and `--resume`, which name a directory that is taken by now.
fn repeatable(command: &[String]) -> String {
    let mut words = Vec::new();
    let mut rest = command.iter();
    while let Some(word) = rest.next() {
        match word.split_once('=').map_or(word.as_str(), |(option, _)| option) {
            "--out" | "--resume" if word.contains('=') => {}
            "--out" | "--resume" => {
                rest.next();
            }
            _ => words.push(shell_quoted(word)),
        }
    }
    words.join(" ")
}

/// A word as a POSIX shell reads it back.
fn shell_quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_survive_a_shell() {
        assert_eq!(shell_quoted("ci/quickstart.yaml"), "ci/quickstart.yaml");
        assert_eq!(shell_quoted("it's here"), r"'it'\''s here'");
        assert_eq!(shell_quoted(""), "''");
    }

    #[test]
    fn a_command_is_given_without_the_directory_that_is_taken_now() {
        let shown =
            |command: &[&str]| repeatable(&command.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            shown(&["bench", "m.yaml", "--out", "run 1", "--repeats", "5"]),
            "bench m.yaml --repeats 5"
        );
        assert_eq!(shown(&["bench", "run", "m.yaml", "--resume=run"]), "bench run m.yaml");
        assert_eq!(shown(&["bench", "m.yaml", "--only", "model=a"]), "bench m.yaml --only model=a");
    }
}
