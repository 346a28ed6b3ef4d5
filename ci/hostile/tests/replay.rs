//! Every input that fuzzing starts from, and every one that it once found, goes through and comes back soon.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Far more than any of them takes, on a busy machine too.
const SOON: Duration = Duration::from_secs(20);

fn inputs(kind: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let folders = ["corpus", "regressions"].map(|name| folder.join(name).join(kind));
    let files =
        folders.iter().filter(|folder| folder.is_dir()).flat_map(|folder| fs::read_dir(folder).unwrap());
    files.map(|file| file.unwrap().path()).collect()
}

fn replay(kind: &str, target: fn(&[u8])) {
    let inputs = inputs(kind);
    assert!(!inputs.is_empty(), "{kind} has inputs");
    for input in inputs {
        let bytes = fs::read(&input).unwrap();
        let start = Instant::now();
        target(&bytes);
        assert!(start.elapsed() < SOON, "{} took {:?}", input.display(), start.elapsed());
    }
}

#[test]
fn matrices_come_back() {
    replay("matrix", reelbench_hostile::matrix);
}

#[test]
fn what_runners_say_comes_back() {
    replay("protocol", reelbench_hostile::protocol);
}

#[test]
fn journals_come_back() {
    replay("journal", reelbench_hostile::journal);
}

#[test]
fn manifests_come_back() {
    replay("summary", reelbench_hostile::summary);
}
