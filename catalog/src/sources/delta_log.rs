//! A Delta table's log, as far as it has to be looked at before the table is opened.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    fs::Metadata,
    io,
};

use chrono::{DateTime, Utc};
use deltalake::logstore::{LogStoreRef, StorageConfig, logstore_for};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStoreExt, path::Path};
use serde_json::Value;
use url::Url;

use super::short_name;
use crate::StorageError;

/// The log of one Delta table.
#[derive(Clone)]
pub(crate) struct DeltaLog {
    location: Url,
    store: LogStoreRef,
}

impl fmt::Debug for DeltaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaLog").field("location", &self.location.as_str()).finish()
    }
}

/// What a file looks like from outside: a file that was written anew looks different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileStamp {
    size: u64,
    modified: DateTime<Utc>,
    e_tag: Option<String>,
}

impl From<ObjectMeta> for FileStamp {
    fn from(file: ObjectMeta) -> Self {
        Self { size: file.size, modified: file.last_modified, e_tag: file.e_tag }
    }
}

impl FileStamp {
    fn of_file(file: &Metadata) -> io::Result<Self> {
        #[cfg(unix)]
        let e_tag = Some(std::os::unix::fs::MetadataExt::ino(file).to_string());
        #[cfg(not(unix))]
        let e_tag = None;
        Ok(Self { size: file.len(), modified: file.modified()?.into(), e_tag })
    }
}

/// What the folder of the log holds. There is at least one commit.
pub(crate) struct Entries {
    /// How large each commit is, in bytes.
    commits: BTreeMap<u64, u64>,
    checkpoints: BTreeSet<u64>,
}

impl Entries {
    /// The newest version.
    pub(crate) fn latest(&self) -> u64 {
        self.commits.keys().chain(&self.checkpoints).max().copied().unwrap_or_default()
    }

    /// Every version whose commit is there, oldest first.
    pub(crate) fn versions(&self) -> impl DoubleEndedIterator<Item = u64> + '_ {
        self.commits.keys().copied()
    }

    /// Checks that nothing is missing of what `version` is made of. The reader notices most gaps too, but an empty
    /// file, which a crash can leave, it takes for a commit that changed nothing.
    pub(crate) fn check_complete(&self, version: u64) -> Result<(), StorageError> {
        let first = self.checkpoints.range(..=version).next_back().map_or(0, |checkpoint| checkpoint + 1);
        for needed in first..=version {
            match self.commits.get(&needed) {
                None => return Err(StorageError::LogGap { version: needed }),
                Some(0) => return Err(StorageError::LogEmpty { version: needed }),
                Some(_) => {}
            }
        }
        Ok(())
    }
}

impl DeltaLog {
    /// The log of the table at `location`, which need not exist.
    pub(crate) fn at(location: &Url) -> Result<Self, StorageError> {
        let store = logstore_for(location, StorageConfig::default()).map_err(|_| StorageError::LocationInvalid)?;
        Ok(Self { location: location.clone(), store })
    }

    /// The library's handle on the log.
    pub(crate) fn store(&self) -> &LogStoreRef {
        &self.store
    }

    /// Lists the log.
    pub(crate) async fn list(&self) -> Result<Entries, StorageError> {
        let mut entries = Entries { commits: BTreeMap::new(), checkpoints: BTreeSet::new() };
        let objects = self.store.object_store(None);
        let mut listing = objects.list(Some(self.store.log_path()));
        while let Some(file) = listing.try_next().await.map_err(|cause| self.unreadable(cause))? {
            let name = file.location.filename().unwrap_or_default();
            let Some((Ok(version), rest)) = name.split_once('.').map(|(version, rest)| (version.parse(), rest)) else {
                continue;
            };
            if rest == "json" {
                entries.commits.insert(version, file.size);
            } else if rest.starts_with("checkpoint.") && rest.ends_with("parquet") {
                entries.checkpoints.insert(version);
            }
        }
        if entries.commits.is_empty() && entries.checkpoints.is_empty() {
            return Err(self.absent());
        }
        Ok(entries)
    }

    /// What the file of the commit that made `version` looks like; `None` if there is none. To be compared with what
    /// this answered before.
    pub(crate) async fn stamp(&self, version: u64) -> Result<Option<FileStamp>, StorageError> {
        let name = format!("_delta_log/{version:020}.json");
        // Every statement asks this of every table that it names, and has an answer sooner than another thread could.
        if let Ok(folder) = self.location.to_file_path() {
            return match std::fs::metadata(folder.join(&name)).and_then(|file| FileStamp::of_file(&file)) {
                Ok(stamp) => Ok(Some(stamp)),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(cause) => {
                    Err(self.unreadable(object_store::Error::Generic { store: "local", source: Box::new(cause) }))
                }
            };
        }
        let path = Path::from(name);
        match self.store.object_store(None).head(&path).await {
            Ok(file) => Ok(Some(file.into())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.unreadable(cause)),
        }
    }

    /// The newest version that is from `at_ms` or earlier.
    ///
    /// Looks from the newest version backwards, since the clocks of several writers need not agree and only some
    /// writers make times increase.
    pub(crate) async fn version_at(&self, entries: &Entries, at_ms: i64) -> Result<u64, StorageError> {
        let mut first_ms = i64::MAX;
        for version in entries.versions().rev() {
            first_ms = self.commit_time(version).await?;
            if first_ms <= at_ms {
                return Ok(version);
            }
        }
        Err(StorageError::BeforeFirst { first_ms })
    }

    /// When `version` was committed: by its own word, else by its file's time.
    pub(crate) async fn commit_time(&self, version: u64) -> Result<i64, StorageError> {
        let said = self.commit_info(version).await?.and_then(|info| {
            info.get("inCommitTimestamp").and_then(Value::as_i64).or_else(|| info.get("timestamp")?.as_i64())
        });
        match said {
            Some(at_ms) => Ok(at_ms),
            None => match self.stamp(version).await? {
                Some(file) => Ok(file.modified.timestamp_millis()),
                None => Err(StorageError::LogGap { version }),
            },
        }
    }

    /// What the commit that made `version` says about itself; `None` if it says nothing.
    pub(crate) async fn commit_info(&self, version: u64) -> Result<Option<Value>, StorageError> {
        Ok(self
            .actions(version)
            .await?
            .into_iter()
            .find_map(|mut action| action.get_mut("commitInfo").map(Value::take)))
    }

    /// What the commit that made `version` did, as the log has it.
    pub(crate) async fn actions(&self, version: u64) -> Result<Vec<Value>, StorageError> {
        let bytes = self.store.read_commit_entry(version).await.map_err(StorageError::log)?;
        let bytes = bytes.ok_or(StorageError::LogGap { version })?;
        serde_json::Deserializer::from_slice(&bytes).into_iter().collect::<Result<_, _>>().map_err(|json_err| {
            // Without the line, which may quote data: a commit holds the least and greatest value of columns.
            let cause = deltalake::DeltaTableError::InvalidJsonLog { json_err, line: String::new(), version };
            StorageError::log(cause)
        })
    }

    fn absent(&self) -> StorageError {
        let folder = short_name(&self.location);
        let exists = self.location.to_file_path().map_or(true, |path| path.exists());
        if exists { StorageError::NotDelta { folder } } else { StorageError::FileMissing { file: folder } }
    }

    fn unreadable(&self, cause: object_store::Error) -> StorageError {
        StorageError::Unreadable { file: short_name(&self.location), cause: Box::new(cause) }
    }
}
