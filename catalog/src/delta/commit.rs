//! Commits: how what was written, or what is to be changed, becomes the next version.

use std::collections::{BTreeMap, HashMap};

use deltalake::{
    kernel::{
        Action, CommitInfo, EagerSnapshot, Protocol, Transaction,
        transaction::{CommitData, PROTOCOL},
    },
    logstore::LogStoreRef,
    protocol::DeltaOperation,
};
use serde_json::{Map, Value, json};
use url::Url;

use super::{
    durable::{self, Published},
    local_folder,
};
use crate::{StorageError, sources::DeltaLog};

/// How often the log is condensed, in versions.
const CHECKPOINT_EVERY: u64 = 100;

/// What a commit says besides what it does.
#[derive(Debug, Clone, Default)]
pub struct DeltaCommit {
    /// What was done, as the table's history calls it: `CREATE TABLE AS SELECT`, `INSERT`.
    pub operation: String,
    /// Who committed and under which number, by which an attempt that is made again can tell that it has committed.
    pub app_id: Option<(String, i64)>,
    /// Properties of columns. Where the table is made or replaced, these are all that there are; where rows are
    /// added, they replace those of the columns that are named.
    pub column_metadata: BTreeMap<String, BTreeMap<String, String>>,
    /// Whatever else the table's history is to show.
    pub info: Map<String, Value>,
}

/// What was committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommittedVersion {
    /// The table's new version.
    pub version: u64,
    /// How many rows were written.
    pub rows: u64,
    /// The size of the files that were written.
    pub bytes: u64,
    /// The number of files that were written.
    pub files: usize,
}

/// The table at `location` as it is at `version`, or now.
pub(super) async fn base_at(location: &Url, version: Option<u64>) -> Result<(DeltaLog, EagerSnapshot), StorageError> {
    let log = DeltaLog::at(location)?;
    let entries = log.list().await?;
    let version = version.unwrap_or_else(|| entries.latest());
    entries.check_complete(version)?;
    let snapshot = EagerSnapshot::try_new(log.store().as_ref(), Some(version)).await.map_err(StorageError::log)?;
    Ok((log, snapshot))
}

/// The protocol of every managed table, fixed so that no later commit has to raise it.
pub(super) fn protocol() -> Result<Protocol, StorageError> {
    let protocol = json!({
        "minReaderVersion": 3,
        "minWriterVersion": 7,
        "readerFeatures": ["timestampNtz"],
        "writerFeatures": ["timestampNtz", "appendOnly", "invariants"],
    });
    serde_json::from_value(protocol)
        .map_err(|error| StorageError::commit(deltalake::DeltaTableError::generic(error.to_string())))
}

/// A commit on the way to the log.
pub(super) struct Proposal<'a> {
    pub(super) location: &'a Url,
    pub(super) log: &'a DeltaLog,
    /// What the commit follows; `None` makes the table.
    pub(super) base: Option<&'a EagerSnapshot>,
    pub(super) actions: Vec<Action>,
    pub(super) kind: DeltaOperation,
    pub(super) operation: &'a str,
    pub(super) app_id: Option<&'a (String, i64)>,
    pub(super) info: Map<String, Value>,
}

impl Proposal<'_> {
    /// Makes the commit, and answers its version. It is made under the number after its base's, or not at all.
    pub(super) async fn publish(self) -> Result<u64, StorageError> {
        let version = self.base.map_or(0, |base| base.version() + 1);
        let at_ms = self.timestamp_ms().await?;
        let info = CommitInfo {
            timestamp: Some(at_ms),
            operation: Some(self.operation.to_owned()),
            read_version: self.base.map(EagerSnapshot::version),
            engine_info: Some(concat!("sluice:", env!("CARGO_PKG_VERSION")).to_owned()),
            ..CommitInfo::default()
        };
        // The protocol wants what a commit says about itself to come first.
        let actions = std::iter::once(Action::CommitInfo(info)).chain(self.actions).collect();
        let transaction =
            self.app_id.map(|(app_id, number)| Transaction::new_with_last_update(app_id, *number, Some(at_ms)));
        let info: HashMap<String, Value> = self.info.into_iter().collect();
        let data = CommitData::new(actions, self.kind, info, transaction.into_iter().collect());
        if let Some(base) = self.base {
            PROTOCOL.can_commit(base, &data.actions, &data.operation).map_err(StorageError::commit)?;
        }
        let bytes = data.get_bytes().map_err(StorageError::commit)?;
        let folder = local_folder(self.location)?.join("_delta_log");
        let name = format!("{version:020}.json");
        match durable::blocking(move || durable::publish(&folder, &name, &bytes)).await? {
            Published::Yes => {}
            Published::Taken if version == 0 => return Err(StorageError::TableThere),
            Published::Taken => return Err(StorageError::ConcurrentWrite),
        }
        if version > 0 && version.is_multiple_of(CHECKPOINT_EVERY) {
            // The version is there without it: a checkpoint only makes the log quicker to read.
            let _ = checkpoint(self.location, self.log.store(), version).await;
        }
        Ok(version)
    }

    /// Now, or just after the base where clocks disagree: times within one table increase, so that a time names one
    /// version.
    async fn timestamp_ms(&self) -> Result<i64, StorageError> {
        let now = chrono::Utc::now().timestamp_millis();
        let Some(base) = self.base else { return Ok(now) };
        let before = self.log.commit_time(base.version()).await?;
        Ok(now.max(before + 1))
    }
}

async fn checkpoint(location: &Url, store: &LogStoreRef, version: u64) -> Result<(), StorageError> {
    let mut table = deltalake::DeltaTable::new(store.clone());
    table.load_version(version).await.map_err(StorageError::log)?;
    deltalake::checkpoints::create_checkpoint(&table, None).await.map_err(StorageError::write)?;
    let folder = local_folder(location)?.join("_delta_log");
    let made = [format!("{version:020}.checkpoint.parquet"), "_last_checkpoint".to_owned()];
    durable::blocking(move || durable::sync(&made.map(|name| folder.join(name)), &[&folder])).await
}
