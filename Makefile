# make demo    the main job on bundled real data, from nothing
# make test    the tests, from nothing
# make lint    formatting, clippy, documentation
# make slow-test    the tests that take long
# make clients the tests with real Flight SQL clients alone; part of the tests
# make fuzz    ten minutes of everything that the server decodes: make fuzz FUZZ_SECONDS=60
# make bench   the benchmarks; not part of the tests
# make bench-flight   the benchmarks of the Flight SQL server
# make tpch    TPC-H data as Parquet: make tpch SCALE=1 OUT=DIR

export CARGO_TARGET_DIR ?= $(HOME)/.cache/sluice/target
SCALE ?= 0.01
FUZZ_SECONDS ?= 600
OUT ?= tpch-data

# Chains as long as may be: planning them takes a debug build more than a minute.
SLOW := flight::oversized::long_chains

.PHONY: demo test slow-test clients lint fuzz bench bench-flight tpch

# One set of features for every target, so that nothing is built twice.
demo:
	cargo build --locked --workspace --bins
	$(CARGO_TARGET_DIR)/debug/sluice demo --datasets datasets

test:
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --no-fail-fast -- $(addprefix --skip ,$(SLOW))
	python/check
	tests/clients/run

slow-test:
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --test all --no-fail-fast -- $(SLOW)

clients:
	cargo build --locked --workspace --bins
	tests/clients/run

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

fuzz:
	cargo build --locked --workspace --bins
	FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --locked --workspace --test all -- flight::fuzz --nocapture --test-threads=1

bench-flight:
	cargo build --locked --release --workspace --bins
	bench/flight/run

bench:
	cargo run --locked --release -p sluice-bench --bin bench

tpch:
	cargo run --locked -p sluice-bench --bin tpch -- --scale $(SCALE) --out $(OUT)
