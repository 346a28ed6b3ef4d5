//! House rules that no lint knows: how long a file may be, which folders exist, what must not be named.

#![expect(clippy::expect_used, reason = "a check ends where the workspace cannot be read")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longest Rust file, in lines, tests aside.
const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_stay_short() {
    let mut files = Vec::new();
    for folder in ["harness", "runners", "datasets", "reports", "ci"] {
        rust_files(&root().join(folder), &mut files);
    }
    assert!(files.len() > 20, "the folders were found");
    let too_long: Vec<_> = files
        .iter()
        .filter(|path| !path.components().any(|part| part.as_os_str() == "tests"))
        .filter_map(|path| {
            let text = fs::read_to_string(path).expect("a readable file");
            let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
            (lines > LONGEST_FILE).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(too_long.is_empty(), "would another module serve? {too_long:#?}");
}

#[test]
fn every_crate_takes_the_workspace_lints() {
    for folder in ["harness", "runners", "datasets", "reports", "ci"] {
        for manifest in glob_manifests(&root().join(folder)) {
            let text = fs::read_to_string(&manifest).expect("a readable manifest");
            assert!(text.contains("[lints]\nworkspace = true"), "{} has no lints", manifest.display());
        }
    }
}

fn glob_manifests(folder: &Path) -> Vec<PathBuf> {
    let mut candidates = vec![folder.join("Cargo.toml")];
    for entry in fs::read_dir(folder).expect("a readable folder") {
        candidates.push(entry.expect("a readable entry").path().join("Cargo.toml"));
    }
    candidates.retain(|path| path.is_file());
    candidates
}
