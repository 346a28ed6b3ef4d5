//! Fixtures, and numbers that must be the same.

use std::path::Path;

use serde::de::DeserializeOwned;

/// Reads a fixture of this crate.
pub(crate) fn fixture<T: DeserializeOwned>(name: &str) -> T {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    let text = std::fs::read_to_string(folder.join(name)).expect("a fixture");
    serde_json::from_str(&text).expect("a fixture of the expected form")
}

/// Fails where two numbers differ by more than the last digits of their sums.
#[track_caller]
pub(crate) fn same(ours: f64, theirs: f64, what: &str) {
    assert!((ours - theirs).abs() <= 1e-12, "{what}: {ours} here, {theirs} there");
}
