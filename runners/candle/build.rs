//! Puts candle's version, which the crate itself does not tell, into the binary.

use std::fs;

const LOCK: &str = "../../Cargo.lock";

fn main() {
    println!("cargo::rerun-if-changed={LOCK}");
    let lock = fs::read_to_string(LOCK).unwrap_or_default();
    let version = lock
        .split_once("name = \"candle-core\"\nversion = \"")
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version);
    println!("cargo::rustc-env=CANDLE_VERSION={version}");
}
