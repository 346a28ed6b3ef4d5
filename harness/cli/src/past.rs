//! Earlier runs on this machine.

use std::fs;
use std::path::{Path, PathBuf};

use reelbench_protocol::{Environment, Manifest, RunnerInfo};
use reelbench_reports::Run;

use crate::error::BenchError;
use crate::print;

/// Older runs than so many are not looked at: reading them takes longer than they are worth.
const NEWEST: usize = 20;

/// The newest runs below `folder` of this runner on this machine, the newest first. Runs that cannot be read are told of
/// and left out.
///
/// # Errors
/// When there is no such folder.
pub(crate) fn runs(
    folder: &Path,
    machine: &Environment,
    runner: &RunnerInfo,
) -> Result<Vec<Run>, BenchError> {
    let entries = fs::read_dir(folder).map_err(|_missing| BenchError::NoSuchFile(folder.to_owned()))?;
    let mut alike: Vec<(String, PathBuf)> = Vec::new();
    for run in entries.flatten().map(|entry| entry.path()) {
        let Ok(json) = fs::read(run.join("manifest.json")) else { continue };
        match Manifest::from_json(&json) {
            Ok(manifest) if is_alike(&manifest, machine, runner) => alike.push((manifest.started, run)),
            Ok(_) => {}
            Err(error) => print::line(&format!("{}: left out of the estimates: {error}", run.display())),
        }
    }
    alike.sort();
    let newest = alike.iter().rev().take(NEWEST);
    let read = newest.filter_map(|(_, run)| {
        Run::load(run).map_err(|error| print::line(&format!("left out of the estimates: {error}"))).ok()
    });
    Ok(read.collect())
}

/// Whether a run's times hold for this runner on this machine, as far as an estimate goes: the runner's version may differ.
fn is_alike(manifest: &Manifest, machine: &Environment, runner: &RunnerInfo) -> bool {
    let of_machine = |machine: &Environment| {
        let Environment { cpu, cpu_features, cores, gpus, variables, .. } = machine.clone();
        (cpu, cpu_features, cores, gpus, variables)
    };
    let of_runner = |runner: &RunnerInfo| (runner.name.clone(), runner.threads);
    of_machine(&manifest.environment) == of_machine(machine)
        && manifest.runner.as_ref().map(of_runner) == Some(of_runner(runner))
}
