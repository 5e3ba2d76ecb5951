//! Proof across crates, as users see it: one binary, one module per promise.

mod architecture;
mod attacks;
mod bad_input;
mod crashes;
mod domains;
mod matrix;
mod names;
mod process;
mod support;
mod versions;
mod views;
mod writes;
