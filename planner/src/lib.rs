//! Text to an authorized plan, synchronously and without input or output.
//!
//! ```text
//! &str ──parse──▶ Statement ──bind──▶ BoundPlan ──label──▶ LabeledPlan ──authorize──▶ Decision ──enforce──▶ AuthorizedPlan
//! ```
//!
//! Each stage is a type, and the next stage takes nothing else. The engine, next in the flow, runs an
//! [`AuthorizedPlan`] and nothing but that.
//!
//! # Guarantees
//!
//! - An [`AuthorizedPlan`] can only be made here, from a plan that was bound, labelled and decided.
//! - Every operator and expression of DataFusion has a labelling rule or is refused by name.
//! - An object that the caller may not see is reported exactly like one that does not exist.
//!
//! # Non-guarantees
//!
//! - Nothing here checks that files are what the snapshot says, or runs anything.
//!
//! ```
//! let statements = sluice_planner::parse::parse("SET TAG ON COLUMN crm.users.email pii.email; SELECT 1")?;
//! assert_eq!(statements.len(), 2);
//! # Ok::<(), sluice_planner::parse::ParseError>(())
//! ```

mod authorize;
pub mod bind;
mod denial;
mod enforce;
mod error;
mod explain;
pub mod label;
mod lineage;
pub mod parse;
mod subqueries;

pub use authorize::{
    Access, Decided, Destination, Metrics, Ruling, StoredLabels, Verdict, authorize, authorize_definition, require,
};
pub use denial::{ColumnOrRows, Denial, DenialKind, ObjectReason};
pub use enforce::{AuthorizedPlan, enforce};
pub use error::{PlanError, nearest};
pub use explain::{GovernanceRow, explain, render_plan};
pub use label::{Dependencies, Dependency, reading::LineageKind};
pub use lineage::{LineageEdge, lineage};
