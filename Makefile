# Two commands on a fresh machine: `make demo` and `make test`. Both install what is missing first.
.PHONY: demo test lint bench fuzz setup

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)

setup:
	@ci/setup.sh

# Builds, then runs the quickstart: a licensed clip, dummy weights, no network, no GPU.
demo: setup
	$(CARGO) build --release --locked --package reelbench --package reelbench-runner-candle
	$(TARGET)/release/bench ci/quickstart.yaml $(BENCH_FLAGS)

test: setup
	@ci/setup.sh tests
	$(CARGO) build --release --locked --workspace --bins
	$(CARGO) test --release --locked --workspace

lint: setup
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --release --locked --workspace --no-deps

bench: setup
	$(CARGO) bench --locked --workspace

# Each target for a minute, or for SECONDS.
fuzz: setup
	@ci/fuzz.sh $(or $(SECONDS),60)
