//! Which program a runner's name stands for.

use std::path::{Path, PathBuf};

use reelbench_exec::RunnerCommand;
use reelbench_matrix::RunnerEntry;

use crate::error::BenchError;

/// Programs that come with `bench` and lie beside it.
const BUILT_IN: [(&str, &str); 2] = [("candle", "bench-runner"), ("fake", "bench-runner-fake")];

/// Finds a runner: an entry of `runners.yaml` beside the matrix, one that comes with `bench`, or a program's path.
///
/// # Errors
/// When there is none by that name, or `runners.yaml` cannot be read.
pub(crate) fn find(name: &str, matrix: Option<&Path>) -> Result<RunnerCommand, BenchError> {
    let folder = matrix.and_then(Path::parent).unwrap_or(Path::new(""));
    let list = folder.join("runners.yaml");
    if list.is_file() {
        let mut entries = reelbench_matrix::read_runners(&list)?;
        if let Some(RunnerEntry { program, args }) = entries.remove(name) {
            // A program with a folder in its name is meant from where the list lies.
            let program = if program.components().count() > 1 { folder.join(program) } else { program };
            return Ok(RunnerCommand { name: name.to_owned(), program, args, variables: Vec::new() });
        }
    }
    if let Some((_, program)) = BUILT_IN.iter().find(|(built_in, _)| *built_in == name) {
        return beside_bench(name, program);
    }
    let path = Path::new(name);
    if path.is_file() {
        return Ok(RunnerCommand {
            name: file_name(path),
            program: absolute(path),
            args: Vec::new(),
            variables: Vec::new(),
        });
    }
    Err(BenchError::NoRunner {
        name: name.to_owned(),
        looked: format!(
            "it is no program, not in {} and none of the built-in ones (candle, fake)",
            list.display()
        ),
    })
}

fn beside_bench(name: &str, program: &str) -> Result<RunnerCommand, BenchError> {
    let missing = |looked: String| BenchError::NoRunner { name: name.to_owned(), looked };
    let bench = std::env::current_exe().map_err(|error| missing(error.to_string()))?;
    let program = bench.with_file_name(program);
    if program.is_file() {
        Ok(RunnerCommand { name: name.to_owned(), program, args: Vec::new(), variables: Vec::new() })
    } else {
        Err(missing(format!(
            "{} does not exist; build it with `make demo` or `cargo build --release --workspace`",
            program.display()
        )))
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

/// Commands are started from wherever the run directory needs; a bare name would be looked up in `PATH`.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
