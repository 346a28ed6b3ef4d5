//! Any bytes as a matrix.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reelbench_hostile::matrix(bytes));
