//! From a matrix's file to the cells that will be run, as `plan` and `run` both need it.

use std::path::Path;
use std::time::Duration;

use reelbench_exec::{RunnerCommand, RunnerLog, RunnerProcess, StopFlag};
use reelbench_matrix::{Expansion, Folders, Matrix, RunOverrides, Selection, with_dependencies};
use reelbench_protocol::{AsrEngine, Hello, Repeats, Warmup, Work};

use crate::args::{Misfits, Network};
use crate::error::BenchError;
use crate::estimate::Estimates;
use crate::{print, runners};

/// How long a runner may take to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// A matrix, the runner it is for, and the cells it comes to.
pub(crate) struct Planned {
    pub(crate) matrix: Matrix,
    pub(crate) runner: RunnerCommand,
    pub(crate) hello: Hello,
    pub(crate) expansion: Expansion,
    pub(crate) estimates: Estimates,
}

impl Planned {
    /// How often each cell is measured, and how often it is run before.
    pub(crate) fn repetition(&self) -> (Repeats, Warmup) {
        let run = self.matrix.run();
        (run.repeats, run.warmup)
    }
}

/// Reads a matrix and expands it to what the runner can do.
///
/// # Errors
/// When the matrix has a mistake, asks for what the runner cannot do, or the runner does not start.
pub(crate) fn plan(
    path: &Path,
    runner: &str,
    only: Option<&Selection>,
    overrides: RunOverrides,
    misfits: Misfits,
    network: Network,
) -> Result<Planned, BenchError> {
    let mut matrix = Matrix::load(path, &Folders::from_env())?;
    matrix.override_run(overrides);
    let runner = runners::find(runner, Some(path))?;
    let (mut process, hello) = start(&runner)?;
    let mut expansion = matrix.expand(&hello.capabilities)?;
    for warning in &expansion.warnings {
        print::line(&warning.in_file(matrix.file()).to_string());
    }
    if let Some(selection) = only {
        let cells = expansion.cells.len();
        expansion.cells = with_dependencies(&expansion.cells, selection);
        expansion.skipped.retain(|skipped| selection.matches(&skipped.cell));
        if expansion.cells.is_empty() {
            return Err(BenchError::NothingSelected { expression: selection.to_string(), cells });
        }
    }
    if network == Network::Forbidden {
        refuse_services(&expansion)?;
    }
    let device = matrix.run().device;
    let estimates = Estimates::ask(&mut process, &hello, &expansion.cells, device).unwrap_or_else(|error| {
        print::line(&format!("warning: no estimates of memory: {error}"));
        Estimates::default()
    });
    process.shutdown(PATIENCE);
    estimates.skip_misfits(&mut expansion, misfits);
    Ok(Planned { matrix, runner, hello, expansion, estimates })
}

/// Refuses cells whose speech a service transcribes: they cannot be measured without the network.
fn refuse_services(expansion: &Expansion) -> Result<(), BenchError> {
    let engines = expansion.cells.iter().filter_map(|cell| match &cell.spec.work {
        Work::Stage1(stage1) => stage1.asr.as_ref().map(|asr| asr.model.engine()),
        Work::Caption(_) => None,
    });
    let services: Vec<AsrEngine> = engines.filter(|engine| *engine != AsrEngine::Whisper).collect();
    match services.first() {
        Some(&engine) => Err(BenchError::NeedsNetwork { engine, cells: services.len() }),
        None => Ok(()),
    }
}

/// Starts a runner just to hear what it can do.
pub(crate) fn greet(runner: &RunnerCommand) -> Result<Hello, BenchError> {
    let (process, hello) = start(runner)?;
    process.shutdown(PATIENCE);
    Ok(hello)
}

fn start(runner: &RunnerCommand) -> Result<(RunnerProcess, Hello), BenchError> {
    Ok(RunnerProcess::start(runner, &RunnerLog::Inherited, &StopFlag::new())?)
}
