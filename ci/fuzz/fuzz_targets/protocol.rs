//! Any bytes as what a runner says.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reelbench_hostile::protocol(bytes));
