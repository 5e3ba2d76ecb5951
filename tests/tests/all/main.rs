//! Proof across crates, as users see it: one binary, one module per promise.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod architecture;
mod attacks;
mod bad_input;
mod crashes;
mod credentials;
mod delta_rows;
mod domains;
mod flight;
mod lookups;
mod matrix;
mod names;
mod process;
mod slt;
mod support;
mod versions;
mod views;
mod writes;
