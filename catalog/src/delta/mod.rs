//! Managed tables: Delta tables on a local disk that Sluice alone writes.
//!
//! A write puts its data files in a folder of its own inside the table's, and becomes part of the table by one
//! commit: a file of the log that must not exist before. Whoever comes second with the same version number fails
//! and has changed nothing. Before a commit is made, all that it names is on the disk; once it is made, it is.

mod commit;
mod durable;
mod history;
mod metadata;
mod schema;
mod write;

use std::path::PathBuf;

use url::Url;

pub use commit::{CommittedVersion, DeltaCommit};
pub use history::{HistoryRow, history};
pub use metadata::set_column_metadata;
pub use schema::stored_schema;
pub use write::{DeltaWrite, WriteMode};

use crate::{StorageError, sources::DeltaLog};

/// The newest version of the table at `location`; `None` if there is no table.
///
/// # Errors
/// When the log cannot be listed.
pub async fn latest_version(location: &Url) -> Result<Option<u64>, StorageError> {
    match DeltaLog::at(location)?.list().await {
        Ok(entries) => Ok(Some(entries.latest())),
        Err(StorageError::NotDelta { .. } | StorageError::FileMissing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The number under which the application `app_id` last committed to the table at `location`; `None` if it never
/// did, or if there is no table. Whoever writes with a number tells by it whether an attempt that seemed to fail
/// has committed.
///
/// # Errors
/// When the log cannot be read.
pub async fn last_transaction(location: &Url, app_id: &str) -> Result<Option<i64>, StorageError> {
    let Some(version) = latest_version(location).await? else { return Ok(None) };
    let (log, snapshot) = commit::base_at(location, Some(version)).await?;
    snapshot.transaction_version(log.store().as_ref(), app_id).await.map_err(StorageError::log)
}

/// Removes the table at `location` with all its versions. One that is not there is removed already.
///
/// # Errors
/// When its files cannot be removed.
pub async fn remove_table(location: &Url) -> Result<(), StorageError> {
    let root = local_folder(location)?;
    durable::blocking(move || durable::remove_folder(&root)).await
}

/// The folder that `location` names.
fn local_folder(location: &Url) -> Result<PathBuf, StorageError> {
    location.to_file_path().map_err(|()| StorageError::LocationInvalid)
}
