//! Delta tables, pinned to a version.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::Schema;
use datafusion::{
    catalog::{Session, TableProvider},
    error::DataFusionError,
};
use deltalake::{
    delta_datafusion::{DeltaScanConfig, DeltaScanNext},
    kernel::EagerSnapshot,
};
use url::Url;

use super::{CarriedTags, DeltaLog, FileState, Opened, delta_log::FileStamp, delta_scan::DeltaScan};
use crate::{StorageError, TableVersion, column_metadata::read_column_metadata};

/// Which version a table was opened at, and what its log looked like.
#[derive(Debug)]
pub(super) struct DeltaState {
    log: DeltaLog,
    version: u64,
    /// The commit itself. A table that was made anew in the same place has another one.
    commit: Option<FileStamp>,
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
    // INVARIANT: looked at before the snapshot is read. What comes to stand in its place is noticed next time.
    let commit = log.stamp(version).await?;
    let snapshot = EagerSnapshot::try_new(log.store().as_ref(), Some(version)).await.map_err(StorageError::log)?;
    // The session's choices, as DataFusion makes them for its own Parquet tables.
    let scan = DeltaScanConfig::new_from_session(session).with_wrap_partition_values(false);
    let sizes = snapshot.log_data().into_iter().map(|file| u64::try_from(file.size()).unwrap_or(u64::MAX));
    let file_bytes = sizes.fold(0, u64::saturating_add);
    let (provider, carried) = provider(Arc::new(snapshot), scan).map_err(|error| StorageError::log(error.into()))?;
    let state =
        DeltaState { commit, follows: version == latest && !matches!(at, TableVersion::Number(_)), log, version };
    let opened = Opened::new(session, Arc::new(DeltaScan::new(provider, file_bytes)), FileState::Delta(state));
    Ok(Opened { version: Some(version), carried, ..opened })
}

/// The table at `snapshot`, and the tags that its columns' properties hold. The table's own schema is without them: a
/// schema goes to whoever asks for one row, and the properties name the places where tags came from.
fn provider(
    snapshot: Arc<EagerSnapshot>,
    scan: DeltaScanConfig,
) -> Result<(DeltaScanNext, CarriedTags), DataFusionError> {
    let described = DeltaScanNext::new(Arc::clone(&snapshot), scan.clone())?.schema();
    let mut carried = CarriedTags::new();
    let fields = described.fields().iter().map(|field| {
        carried.insert(field.name().as_str().into(), read_column_metadata(field.metadata()));
        field.as_ref().clone().with_metadata(HashMap::new())
    });
    let bare = Schema::new(fields.collect::<Vec<_>>());
    Ok((DeltaScanNext::new(snapshot, scan.with_schema(Arc::new(bare)))?, carried))
}
