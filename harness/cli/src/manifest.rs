//! What a run is made from, as far as `bench` knows it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use reelbench_exec::{Inputs, RunDirectory, environment, hash_bytes, hash_file, rfc3339};
use reelbench_protocol::{FileHash, GitRevision, Manifest, RUN_FORMAT_VERSION};

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
        command: std::env::args().collect(),
        matrix_sha256: hash_bytes(planned.matrix.text().as_bytes()),
        git: git_revision(),
        session: None,
        bench_version: env!("CARGO_PKG_VERSION").to_owned(),
        runner: Some(planned.hello.runner.clone()),
        binaries: binaries(&planned.runner.program),
        environment: environment(),
        inputs: inputs.hashes.clone(),
        changes: Vec::new(),
    }
}

/// The revision that `bench` was built from, as its build script found it.
fn git_revision() -> Option<GitRevision> {
    let commit = option_env!("REELBENCH_COMMIT")?.to_owned();
    Some(GitRevision { commit, dirty: option_env!("REELBENCH_DIRTY") != Some("false") })
}

fn binaries(runner: &Path) -> Vec<FileHash> {
    let bench = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("bench"));
    let by_name = BTreeMap::from([("bench", bench.as_path()), (RUNNER, runner)]);
    let hash = |(name, path): (&str, &Path)| {
        // A runner that the shell finds in PATH has no path here; its version still stands in the manifest.
        let (bytes, sha256) = hash_file(path).ok()?;
        Some(FileHash { used_by: name.to_owned(), path: path.to_owned(), bytes, sha256 })
    };
    by_name.into_iter().filter_map(hash).collect()
}
