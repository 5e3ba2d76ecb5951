//! placeholder

pub mod delta;
mod error;
mod load;
mod nearest;
mod snapshot;
mod sources;
mod storage_error;
mod store;

pub use delta::{CommittedVersion, DeltaCommit, DeltaWrite, HistoryRow, WriteMode};
pub use error::CatalogError;
pub use snapshot::*;
pub use sources::describe_files;
pub use storage_error::StorageError;
pub use store::*;
