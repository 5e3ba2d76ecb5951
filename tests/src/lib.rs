//! Proof across crates. Everything is in the one test binary, `tests/all`.
