//! What one statement, one principal and the whole server may use at once.
//!
//! - [`options`]: the numbers, from `[server]` of `sluice.toml`.
//! - [`turns`]: whose turn it is, as a rule without clocks or locks.
//! - [`queue`]: the rule with waiting added; a statement runs while it holds a [`Permit`].
//! - [`bytes`]: how many bytes one statement may answer.
//! - [`stall`]: how long a statement may run, and how long its answer may go unread.

mod bytes;
mod options;
mod queue;
mod stall;
mod turns;

pub(crate) use bytes::{ByteBudget, OverBudget};
pub(crate) use options::LimitOptions;
pub(crate) use queue::{Limiter, Permit, Refused};
pub(crate) use stall::{Interrupted, Sweeper};
