//! The durable store: one SQLite file, one file of Rust for each family of objects in it.

mod approvals;
mod audit;
mod credentials;
mod edit;
mod epoch;
mod grants;
mod journal;
mod lineage;
mod open;
mod pipelines;
mod policies;
mod principals;
mod run_records;
mod runs;
mod schemas;
mod seen;
mod table_records;
mod tables;
mod tag_rows;
mod tag_setting;
mod tags;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::Mutex;
use sluice_model::{IndirectRule, Tag};
use sqlx::{Sqlite, SqlitePool, Transaction, query_scalar};

pub use approvals::ExperimentApproval;
pub use audit::{AuditDecision, AuditFilter, AuditRecord};
pub use credentials::TokenRecord;
pub use grants::{Grant, GrantFilter, GrantObject, GrantRecord};
pub use lineage::{LineageEdge, LineageKind, LineageRecord};
pub use pipelines::PipelineRecord;
pub use policies::{PolicyRecord, PolicyText};
pub use principals::PrincipalRecord;
pub use run_records::{RunRecord, RunStatus, StageRecord, StageStatus};
pub use seen::{SeenBy, TablePattern};
pub(crate) use table_records::RelationRow;
pub use table_records::{ColumnRecord, Format, NewColumn, NewTable, TableRecord, TableSource};
pub(crate) use tag_rows::read_tags;
pub use tags::{Change, TableTags, TagChange, TagRecord};

use crate::{CatalogError, load::SnapshotCache};

/// What every fallible function of the store answers.
pub(crate) type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// The catalog of one home.
///
/// Clones share one set of connections and one cache. Any number of processes may use a home at the same time: each
/// change is one transaction, and whoever reads sees all of it or nothing.
#[derive(Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    readers: SqlitePool,
    writers: Option<edit::Writers>,
    snapshots: SnapshotCache,
    rules: Mutex<Option<EpochRules>>,
    epoch: epoch::EpochReader,
}

/// The declared tags as they were at one epoch.
type EpochRules = (u64, Arc<HashMap<Tag, IndirectRule>>);

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog").field("path", &self.inner.path).field("read_only", &self.is_read_only()).finish()
    }
}

impl Catalog {
    fn new(path: &Path, readers: SqlitePool, writers: Option<edit::Writers>) -> Self {
        let inner = Inner {
            path: path.to_owned(),
            readers,
            writers,
            snapshots: SnapshotCache::default(),
            rules: Mutex::new(None),
            epoch: epoch::EpochReader::open(path),
        };
        Self { inner: Arc::new(inner) }
    }

    /// The file that holds the catalog.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Whether changes are refused because the home cannot be written.
    pub fn is_read_only(&self) -> bool {
        self.inner.writers.is_none()
    }

    /// A number that grows whenever something changed that a statement could notice: what was computed from the
    /// catalog at one epoch holds as long as the epoch stays. Audit, runs and lineage do not change it.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn epoch(&self) -> Result<u64> {
        if let Some(epoch) = self.inner.epoch.read() {
            return Ok(epoch);
        }
        let epoch: i64 = query_scalar("SELECT epoch FROM meta").fetch_one(self.readers()).await?;
        Ok(epoch.unsigned_abs())
    }

    /// Closes every connection, also those of the clones. Without it nothing is lost; with it the catalog is left as
    /// a single file.
    pub async fn close(&self) {
        self.inner.epoch.close();
        self.inner.readers.close().await;
        if let Some(writers) = &self.inner.writers {
            writers.close().await;
        }
    }

    /// The connections for reading.
    fn readers(&self) -> &SqlitePool {
        &self.inner.readers
    }

    /// A transaction that sees one state of the store.
    pub(crate) async fn begin_read(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.readers().begin().await?)
    }

    /// What earlier statements loaded.
    pub(crate) fn snapshots(&self) -> &SnapshotCache {
        &self.inner.snapshots
    }
}

/// The time, in milliseconds since 1970 (UTC).
pub(crate) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// `number` as the store holds it; what does not fit is no count of anything.
fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
