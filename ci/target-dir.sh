#!/usr/bin/env bash
# Prints a target folder outside the clone that runs on this kind of machine share.
# Code is built for the very CPU it runs on, so the folder's name holds the toolchain and the CPU's features.
set -euo pipefail
key=$( { rustc -vV; rustc --print cfg -C target-cpu=native; } | sha256sum | cut -c1-12)
echo "${XDG_CACHE_HOME:-$HOME/.cache}/reelbench/build-$key"
