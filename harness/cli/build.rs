//! Puts the revision that `bench` is built from into the binary.

use std::process::Command;

fn main() {
    // What `bench` and its runners are made of, and where git keeps what is committed.
    for path in
        [".git/HEAD", ".git/index", "Cargo.lock", "harness", "datasets", "reports", "runners", "templates"]
    {
        println!("cargo::rerun-if-changed=../../{path}");
    }
    if let Some(commit) = git(&["rev-parse", "HEAD"]) {
        let dirty =
            git(&["status", "--porcelain", "--untracked-files=no"]).is_none_or(|changes| !changes.is_empty());
        println!("cargo::rustc-env=REELBENCH_COMMIT={commit}");
        println!("cargo::rustc-env=REELBENCH_DIRTY={dirty}");
    }
}

/// What git says; nothing outside a checkout.
fn git(args: &[&str]) -> Option<String> {
    let output = Command::new("git").args(args).output().ok().filter(|output| output.status.success())?;
    String::from_utf8(output.stdout).ok().map(|text| text.trim().to_owned())
}
