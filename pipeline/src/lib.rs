//! Pipelines: files of stages, checked as a whole and run so that every table is committed once.
//!
//! ```text
//! &str ──Pipeline::read──▶ Pipeline ──check──▶ Checked ──run──▶ Summary
//! ```
//!
//! A pipeline has no execution path of its own: every stage goes through [`sluice_engine::Session`], with the rights
//! of whoever runs it, and is audited there like any statement. What this crate adds is the order of the stages, the
//! values of their parameters, and what is known of a run.
//!
//! # Guarantees
//!
//! - Nothing runs before every stage is planned and allowed.
//! - A stage starts only after the stages that write what it reads; where names in the file do not show what is read,
//!   because a view of the catalog stands between, the view is looked into.
//! - Two runs of one pipeline in one home do not overlap.
//! - A run that is taken up after its process died repeats no commit.
//!
//! # Non-guarantees
//!
//! - The tables of a run do not become visible together: each one does when its stage commits.
//! - A run that failed is not taken up again: the next run is another one, and an `INSERT` that had been committed
//!   adds its rows once more.
//! - Schedules are read and kept, and nothing here fires them.
//!
//! ```
//! use sluice_pipeline::Pipeline;
//!
//! let pipeline = Pipeline::read(
//!     "PIPELINE shop.daily (schedule CRON '0 6 * * *' TIME ZONE 'Europe/Berlin');
//!      CREATE OR REFRESH MATERIALIZED VIEW shop.totals AS SELECT day, sum(price) AS price FROM paid GROUP BY day;
//!      CREATE TEMPORARY VIEW paid AS SELECT * FROM shop.orders WHERE paid;
//!      CREATE OR REFRESH MATERIALIZED VIEW shop.best AS SELECT max(price) AS price FROM shop.totals;",
//! )?;
//! assert_eq!(pipeline.graph().levels(), [vec![0], vec![1]]);
//! # Ok::<(), sluice_pipeline::PipelineError>(())
//! ```

mod admission;
mod approve;
mod arguments;
mod check;
mod error;
mod event;
mod failure;
mod graph;
mod literal;
mod names;
mod pipeline;
mod run;
mod schedule;
mod stage;
mod summary;

pub use approve::approve;
pub use arguments::{ArgumentProblem, Arguments};
pub use check::{Checked, CheckedStage, Verdict, check};
pub use error::PipelineError;
pub use event::Event;
pub use failure::StageFailure;
pub use graph::Graph;
pub use pipeline::Pipeline;
pub use run::run;
pub use stage::PipelineStage;
pub use summary::{Skipped, StageResult, StageSummary, Summary};
