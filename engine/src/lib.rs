//! Runs authorized plans: the only owner of a DataFusion session.
//!
//! A [`Session`] takes parsed statements through the planner's stages, runs what policy lets pass, and writes down
//! what was decided. Above it stand pipelines, servers and the command line; none of them has another way to data.
//!
//! # Guarantees
//!
//! - Nothing is executed but a [`sluice_planner::AuthorizedPlan`], and before it runs, every leaf of the optimized plan
//!   is checked to be a table that was decided about.
//! - Every statement leaves a record in the audit log before its first row is handed out.
//! - Tags are never weaker than the data that they stand on: a table's tags grow before a write becomes visible, and
//!   shrink after it.
//! - Of an answer's buffers IPC writers write its values and zeros: nothing of a row, a text or a value that it does not
//!   show. Buffers in memory may be longer.
//! - No error holds a value from the data, and neither an error nor the audit log a password or a token.
//!
//! # Non-guarantees
//!
//! - Results are not cached, and a query without `ORDER BY` may answer its rows in any order.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use sluice_engine::{Engine, Outcome, SessionOptions};
//!
//! let engine = Engine::open("home".as_ref()).await?;
//! let mut session = engine.session(SessionOptions::default()).await?;
//! for statement in sluice_planner::parse::parse("SELECT 1 AS one")? {
//!     if let Outcome::Rows { schema, .. } = session.run(&statement, ".".as_ref()).await? {
//!         assert_eq!(schema.field(0).name(), "one");
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod answer;
mod audit;
mod barrier;
mod batch;
mod bearer;
mod bounded;
mod context;
mod credentials;
mod describe;
mod error;
mod exact;
mod guarded;
mod home;
mod ingest;
mod interrupt;
mod labels;
mod load;
mod lock;
mod lookup;
mod memory;
mod nested;
mod objects;
mod prepared;
mod progress;
mod query;
mod ready;
mod redact;
mod session;
mod sink;
mod stage;
mod statement;
mod stored_tags;
mod substrait;
mod temporary;
mod write;

pub use bearer::BearerToken;
pub use credentials::TokenHolder;
pub use describe::{Described, StatementKind};
pub use error::EngineError;
pub use exact::{exact, expanded_bytes};
pub use guarded::{guarded, silence};
pub use home::{Home, Settings};
pub use ingest::{Ingest, IngestMode};
pub use labels::{LabelEntry, ResultLabels};
pub use lock::LockGuard;
pub use memory::{MemoryShare, held_bytes};
pub use objects::{ObjectFilter, VisibleSchema, VisibleTable};
pub use prepared::{AtOnce, Prepared};
pub use progress::Progress;
pub use query::PlanningTimes;
pub use session::{Engine, Outcome, Session, SessionOptions};
pub use stage::{CheckedStage, Stage, StageCommit, StageDecision, StageOutcome, StageTarget};
pub use substrait::SubstraitQuery;
