//! What a run is made from, as far as `bench` knows it.

use std::env;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reelbench_exec::{Inputs, RunDirectory, RunnerCommand, environment, hash_bytes, hash_file, rfc3339};
use reelbench_protocol::{Environment, FileHash, GitRevision, Manifest, RUN_FORMAT_VERSION};

use crate::args::{RUNNER_OPTION, RUNNER_VARIABLE};
use crate::plan::Planned;

/// What the runner's program is used by.
const RUNNER: &str = "runner";

/// The manifest of a run that begins now.
pub(crate) fn manifest(planned: &Planned, directory: &RunDirectory, inputs: &Inputs) -> Manifest {
    Manifest {
        format: RUN_FORMAT_VERSION,
        run_id: directory.run_id().to_owned(),
        name: planned.matrix.name().to_owned(),
        started: rfc3339(SystemTime::now()),
        finished: None,
        command: command_line(env::args().collect(), env::var(RUNNER_VARIABLE).ok()),
        folder: env::current_dir().ok(),
        matrix_sha256: hash_bytes(planned.matrix.text().as_bytes()),
        git: git_revision(),
        session: None,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        runner: Some(planned.hello.runner.clone()),
        binaries: binaries(&planned.runner),
        environment: Environment {
            ffmpeg: planned.hello.runner.libraries.get("ffmpeg").cloned(),
            ..environment()
        },
        inputs: inputs.hashes.clone(),
        changes: Vec::new(),
        weights: inputs.weights.clone(),
    }
}

/// The revision that `bench` was built from, as its build script found it.
fn git_revision() -> Option<GitRevision> {
    let commit = option_env!("REELBENCH_COMMIT")?.to_owned();
    Some(GitRevision { commit, dirty: option_env!("REELBENCH_DIRTY") != Some("false") })
}

/// A command line that needs no variable to name the runner.
fn command_line(mut typed: Vec<String>, runner_variable: Option<String>) -> Vec<String> {
    let names_runner =
        |word: &String| word.split_once('=').map_or(word.as_str(), |(option, _)| option) == RUNNER_OPTION;
    if let Some(runner) = runner_variable
        && !typed.iter().any(names_runner)
    {
        typed.extend([RUNNER_OPTION.to_owned(), runner]);
    }
    typed
}

/// `bench`, the runner's program, and the files among its arguments: a runner may be a script that another program runs.
fn binaries(runner: &RunnerCommand) -> Vec<FileHash> {
    let bench = env::current_exe().unwrap_or_else(|_| PathBuf::from("bench"));
    let scripts = runner.args.iter().map(PathBuf::from).filter(|argument| argument.is_file());
    let runner = in_search_path(&runner.program).into_iter().chain(scripts);
    let by_name = std::iter::once(("bench", bench)).chain(runner.map(|path| (RUNNER, path)));
    let hash = |(name, path): (&str, PathBuf)| {
        let (bytes, sha256) = hash_file(&path).ok()?;
        Some(FileHash { used_by: name.to_owned(), path, bytes, sha256 })
    };
    by_name.filter_map(hash).collect()
}

/// The file of a program: a bare name is looked up as a shell does.
fn in_search_path(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return Some(program.to_owned());
    }
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_that_a_variable_names_becomes_part_of_the_command() {
        let line = |typed: &str, variable: Option<&str>| {
            let typed = typed.split_whitespace().map(str::to_owned).collect();
            command_line(typed, variable.map(str::to_owned)).join(" ")
        };
        assert_eq!(line("bench m.yaml", Some("fake")), "bench m.yaml --runner fake");
        assert_eq!(line("bench m.yaml --runner candle", Some("fake")), "bench m.yaml --runner candle");
        assert_eq!(line("bench m.yaml --runner=candle", Some("fake")), "bench m.yaml --runner=candle");
        assert_eq!(line("bench m.yaml", None), "bench m.yaml");
    }

    #[test]
    fn a_bare_program_is_found_where_a_shell_finds_it() {
        assert!(
            in_search_path(Path::new("sh")).is_some_and(|path| path.ends_with("sh") && path.is_absolute())
        );
        assert_eq!(in_search_path(Path::new("no-such-program-anywhere")), None);
        assert_eq!(in_search_path(Path::new("./runner")), Some("./runner".into()));
    }
}
