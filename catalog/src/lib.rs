//! The catalog: what there is, who may do what with it, and what has been done.
//!
//! This crate stands beside the policy and below the planner. The planner binds a statement to a [`CatalogSnapshot`]:
//! the tables that it names, with their tags, pinned to the version that they have at that moment. The engine and
//! the pipelines make the changes that statements ask for, and keep the record of runs and decisions.
//!
//! - [`Catalog`] is the durable store, an SQLite file: schemas, tables, columns, tags, principals, their credentials,
//!   grants, policies, lineage, approvals, runs and the audit.
//! - [`Catalog::snapshot_tables`] opens the files behind tables: Parquet, CSV, JSON, and Delta at a version.
//! - [`DeltaWrite`] and [`delta`] write managed tables.
//!
//! # Guarantees
//!
//! - A change is one transaction, whole or absent, also where several processes use one home. It is on the disk when
//!   the call returns; audit, runs and lineage alone may lose their last moments to a power failure.
//! - What was computed from the catalog holds as long as [`Catalog::epoch`] stays.
//! - Tags, grants and approvals hang on a table's identity: renaming keeps them, dropping removes them, and no later
//!   table of the same name has them.
//! - A Delta snapshot gives the same rows however often it is read. A commit to a managed table happens completely,
//!   against the version that it was made for, or not at all.
//! - Loading a table takes time in proportion to its own columns and tags, whatever else the catalog holds.
//! - An error's text holds no value from the data and no path, only names of objects and files.
//!
//! # Non-guarantees
//!
//! - Nothing here asks whether the caller may: that is decided above.
//! - Files that others keep can change while they are read; only their list is pinned.
//!
//! ```
//! use sluice_catalog::Catalog;
//! use sluice_model::{Domain, SchemaName};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let home = std::env::temp_dir().join(format!("sluice-{}", std::process::id()));
//! # std::fs::create_dir_all(&home)?;
//! let public_read = "permit(principal, action, resource);";
//! let catalog = Catalog::create(&home.join("catalog.db"), "ann", public_read).await?;
//! let before = catalog.epoch().await?;
//! catalog.create_schema(&SchemaName::new("crm"), Domain::Production, "ann").await?;
//! assert!(catalog.epoch().await? > before);
//! # catalog.close().await;
//! # std::fs::remove_dir_all(&home)?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod column_metadata;
pub mod delta;
mod error;
mod load;
mod nearest;
mod snapshot;
mod sources;
mod storage_error;
mod store;

pub use column_metadata::stored_column_metadata;
pub use delta::{CommittedVersion, DeltaCommit, DeltaWrite, HistoryRow, WriteMode};
pub use error::CatalogError;
pub use snapshot::*;
pub use sources::{describe_files, is_small, rows_at_hand};
pub use storage_error::StorageError;
pub use store::*;

#[cfg(test)]
mod tests;
