//! Any bytes as the manifest of a run.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reelbench_hostile::summary(bytes));
