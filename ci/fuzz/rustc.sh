#!/usr/bin/env bash
# Cargo's RUSTC_WRAPPER of ci/fuzz.sh: has the crates of this repository count the edges they pass and check their
# sums, on a stable compiler. Their dependencies are built as always, polars above all.
set -euo pipefail
flags=()
if [[ " $* " == *" --crate-name reelbench_"* ]]; then
    flags=(
        -Cpasses=sancov-module
        -Cllvm-args=-sanitizer-coverage-level=4
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
        -Cllvm-args=-sanitizer-coverage-pc-table
        -Cllvm-args=-sanitizer-coverage-trace-compares
        -Ccodegen-units=1 -Cdebug-assertions=on -Coverflow-checks=on
    )
fi
exec "$@" "${flags[@]}"
