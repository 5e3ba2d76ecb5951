//! Delta tables, pinned to a version.

use std::sync::Arc;

use datafusion::catalog::Session;
use deltalake::{
    delta_datafusion::{DeltaScanConfig, DeltaScanNext},
    kernel::EagerSnapshot,
};
use object_store::ObjectMeta;
use url::Url;

use super::{DeltaLog, FileState, Opened, delta_log::Entry};
use crate::{StorageError, TableVersion};

/// Which version a table was opened at, and what its log looked like.
#[derive(Debug)]
pub(super) struct DeltaState {
    log: DeltaLog,
    version: u64,
    /// The commit itself. A table that was made anew in the same place has another one.
    commit: Option<ObjectMeta>,
    /// Whether a commit that comes next would have been opened instead.
    follows: bool,
}

impl DeltaState {
    pub(super) async fn is_current(&self) -> bool {
        let Ok(commit) = self.log.stamp(self.version).await else { return false };
        if commit != self.commit {
            return false;
        }
        // Versions are consecutive: without the next one there is no later one.
        !self.follows || matches!(self.log.stamp(self.version + 1).await, Ok(None))
    }
}

pub(super) async fn open(session: &dyn Session, location: &Url, at: TableVersion) -> Result<Opened, StorageError> {
    let log = DeltaLog::at(location)?;
    let entries = log.list().await?;
    let latest = entries.latest();
    let version = match at {
        TableVersion::Latest => latest,
        TableVersion::Number(version) if version > latest => {
            return Err(StorageError::VersionMissing { version, latest });
        }
        TableVersion::Number(version) => version,
        TableVersion::TimestampMs(at_ms) => log.version_at(&entries, at_ms).await?,
    };
    entries.check_complete(version)?;
    let snapshot = EagerSnapshot::try_new(log.store().as_ref(), Some(version)).await.map_err(StorageError::log)?;
    // The session's choices, as DataFusion makes them for its own Parquet tables.
    let scan = DeltaScanConfig::new_from_session(session).with_wrap_partition_values(false);
    let provider = DeltaScanNext::new(snapshot, scan).map_err(|error| StorageError::log(error.into()))?;
    let state = DeltaState {
        commit: entries.commit(version).map(Entry::stamp),
        follows: version == latest && !matches!(at, TableVersion::Number(_)),
        log,
        version,
    };
    Ok(Opened::new(session, Arc::new(provider), Some(version), FileState::Delta(state)))
}
