#!/usr/bin/env bash
# Fuzzes each target for so many seconds, one after the other, with the installed stable compiler:
#   ci/fuzz.sh [SECONDS [TARGET...]]
# What it finds lies in ci/fuzz/artifacts; once it is mended, move it to ci/fuzz/regressions/TARGET, where the test
# `replay` of ci/hostile goes through it. With a nightly compiler `cargo fuzz run TARGET` does the same in ci/fuzz
# (journal and summary need `--features reports`).
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
shift || true
targets=("$@")
(( ${#targets[@]} )) || targets=(matrix protocol journal summary)
features=()
for target in "${targets[@]}"; do
    case $target in journal | summary) features=(--features reports) ;; esac
done

# Code that counts its edges must not meet the code that is shipped.
CARGO_TARGET_DIR=${FUZZ_TARGET_DIR:-"$(ci/target-dir.sh)-fuzz"}
RUSTC_WRAPPER=$PWD/ci/fuzz/rustc.sh
export CARGO_TARGET_DIR RUSTC_WRAPPER
build=(--release --locked --manifest-path ci/fuzz/Cargo.toml "${features[@]}")
for target in "${targets[@]}"; do
    cargo build "${build[@]}" --bin "$target"
done

for target in "${targets[@]}"; do
    # What is found on the way is kept beside the build; the seeds in the repository stay as they are.
    found=$CARGO_TARGET_DIR/corpus/$target
    artifacts=ci/fuzz/artifacts/$target
    regressions=ci/fuzz/regressions/$target
    mkdir -p "$found" "$artifacts" "$regressions"
    echo "== $target, $seconds s"
    nice -n 19 "$CARGO_TARGET_DIR/release/$target" "$found" "ci/fuzz/corpus/$target" "$regressions" \
        -max_total_time="$seconds" -timeout=5 -report_slow_units=1 -rss_limit_mb=512 -max_len=65536 \
        -use_value_profile=1 -print_final_stats=1 -verbosity=0 -artifact_prefix="$artifacts/"
done
