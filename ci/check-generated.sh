#!/usr/bin/env bash
# Makes the generated files again and fails if they differ from those committed.
set -euo pipefail
cd "$(dirname "$0")/.."
bench="${CARGO_TARGET_DIR:-target}/release/bench"
"$bench" schema > harness/matrix/matrix.schema.json
git diff --exit-code -- harness/matrix/matrix.schema.json || {
  echo "check-generated: harness/matrix/matrix.schema.json was out of date; commit it as it is now" >&2
  exit 1
}
