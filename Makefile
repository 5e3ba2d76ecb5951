# make demo    the main job on bundled real data, from nothing
# make test    every test, from nothing
# make lint    formatting, clippy, documentation, licences
# make bench   the benchmarks; not part of the tests
# make tpch    TPC-H data as Parquet: make tpch SCALE=1 OUT=DIR

export CARGO_TARGET_DIR ?= $(HOME)/.cache/sluice/target
SCALE ?= 0.01
OUT ?= tpch-data

.PHONY: demo test lint bench tpch

# One set of features for every target, so that nothing is built twice.
demo:
	cargo build --locked --workspace --bins
	$(CARGO_TARGET_DIR)/debug/sluice demo --datasets datasets

test:
	cargo build --locked --workspace --bins
	cargo test --locked --workspace --no-fail-fast

lint:
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --document-private-items

bench:
	cargo run --locked --release -p sluice-bench --bin bench

tpch:
	cargo run --locked -p sluice-bench --bin tpch -- --scale $(SCALE) --out $(OUT)
