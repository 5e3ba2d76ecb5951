//! Writing rows to a managed table.

use std::{
    fmt,
    num::NonZeroU64,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use deltalake::{
    datafile::writer::{DeltaWriter, WriterConfig},
    kernel::{Action, Add, EagerSnapshot, MetadataExt, new_metadata},
    operations::get_num_idx_cols_and_stats_columns,
    parquet::{
        basic::{Compression, ZstdLevel},
        file::properties::WriterProperties,
    },
    protocol::{DeltaOperation, SaveMode},
};
use futures::TryStreamExt;
use object_store::prefix::PrefixStore;
use serde_json::json;
use url::Url;
use uuid::Uuid;

use super::{
    commit::{CommittedVersion, DeltaCommit, Proposal, base_at, protocol},
    durable, local_folder,
    schema::{ColumnMetadata, StoredSchema},
};
use crate::{StorageError, sources::DeltaLog};

/// The size at which a data file is closed and another begun, in bytes.
const FILE_SIZE: Option<NonZeroU64> = NonZeroU64::new(256 << 20);

/// How many rows are held in memory until they are written together.
const ROW_GROUP_ROWS: usize = 128 * 1024;

/// How large these may become, in bytes.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// How a write relates to what is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriteMode {
    /// It makes the table.
    Create,
    /// It adds rows.
    Append,
    /// It replaces rows and columns of a version that was read, if that is still the newest.
    Overwrite {
        /// The version.
        expected_version: u64,
    },
}

/// Rows on their way into a managed table. They become part of it, all at once, with [`Self::commit`]. If this value
/// is dropped before, they never do, and their files are removed.
pub struct DeltaWrite {
    location: Url,
    root: PathBuf,
    /// The folder of this write's files, within the table's.
    folder: String,
    log: DeltaLog,
    mode: WriteMode,
    base: Option<EagerSnapshot>,
    schema: StoredSchema,
    positions: Vec<usize>,
    writer: Option<DeltaWriter>,
    rows: u64,
    /// Whether the table may name this write's files, so that they must stay.
    keep: bool,
}

impl fmt::Debug for DeltaWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeltaWrite")
            .field("location", &self.location.as_str())
            .field("mode", &self.mode)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl DeltaWrite {
    /// Starts to write rows of `schema` to the table at `location`, the URL of a folder on a local disk.
    ///
    /// What is made or replaced gets the columns that [`super::stored_schema`] says, in their order. What rows are
    /// added to keeps its own, and `schema` must have the same names in any order.
    ///
    /// # Errors
    /// [`StorageError::TableThere`], [`StorageError::NotDelta`], [`StorageError::ConcurrentWrite`] if the expected
    /// version is not the newest; [`StorageError::ColumnMismatch`] and what [`super::stored_schema`] refuses.
    pub async fn begin(location: &Url, schema: SchemaRef, mode: WriteMode) -> Result<Self, StorageError> {
        let root = local_folder(location)?;
        let (log, base) = match mode {
            WriteMode::Create => (DeltaLog::at(location)?, None),
            WriteMode::Append | WriteMode::Overwrite { .. } => {
                let (log, base) = base_at(location, None).await?;
                (log, Some(base))
            }
        };
        let stored = match (mode, &base) {
            (WriteMode::Create, _) if super::latest_version(location).await?.is_some() => {
                return Err(StorageError::TableThere);
            }
            (WriteMode::Overwrite { expected_version }, Some(base)) if base.version() != expected_version => {
                return Err(StorageError::ConcurrentWrite);
            }
            (WriteMode::Append, Some(base)) => StoredSchema::from_delta(base.schema().as_ref().clone())?,
            _ => StoredSchema::of(&schema)?,
        };
        let positions = stored.positions_in(&schema)?;
        let folder = format!("data-{}", Uuid::now_v7());
        let made = root.clone();
        durable::blocking(move || Ok(std::fs::create_dir_all(made)?)).await?;
        let files = PrefixStore::new(log.store().object_store(None), folder.as_str());
        let writer = DeltaWriter::new(Arc::new(files), writer_config(&stored)?);
        Ok(Self {
            location: location.clone(),
            root,
            folder,
            log,
            mode,
            base,
            schema: stored,
            positions,
            writer: Some(writer),
            rows: 0,
            keep: false,
        })
    }

    /// Adds `batch`, which has the schema that the write was started with. What is held in memory is bounded by one
    /// row group and the files that are being written.
    ///
    /// # Errors
    /// [`StorageError::ValueOutOfRange`], [`StorageError::DiskFull`], [`StorageError::Write`]. After an error the
    /// write cannot go on: [`Self::abort`] it.
    pub async fn write(&mut self, batch: &RecordBatch) -> Result<(), StorageError> {
        let batch = self.schema.convert(batch, &self.positions)?;
        if let Some(writer) = &mut self.writer {
            writer.write(&batch).await.map_err(StorageError::write)?;
        }
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// How many rows were added so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Makes the rows part of the table, as one version of it that survives whatever comes after.
    ///
    /// # Errors
    /// [`StorageError::ConcurrentWrite`] if there is another version since the write began, and
    /// [`StorageError::TableThere`] if there is a table by now; then, and after every other error but
    /// [`StorageError::Io`], nothing has changed. After that one, and where this call is cancelled, the commit may
    /// have happened or not: [`super::last_transaction`] tells.
    pub async fn commit(mut self, commit: DeltaCommit) -> Result<CommittedVersion, StorageError> {
        let adds = self.close().await?;
        let (files, bytes) = (adds.len(), adds.iter().map(|add| add.size.unsigned_abs()).sum());
        let mut info = commit.info;
        info.insert("operationMetrics".to_owned(), json!({"numFiles": files, "numOutputRows": self.rows}));
        let actions = self.actions(adds, &commit.column_metadata).await?;
        // INVARIANT: from here until it is known that the commit did not happen, the files stay. Publishing goes on
        // even where nobody waits for it any more.
        self.keep = true;
        let proposal = Proposal {
            location: &self.location,
            log: &self.log,
            base: self.base.as_ref(),
            actions,
            kind: DeltaOperation::Write { mode: self.save_mode(), partition_by: None, predicate: None },
            operation: &commit.operation,
            app_id: commit.app_id.as_ref(),
            info,
        };
        let published = proposal.publish().await;
        // A failing disk may have taken the commit and not have said so.
        self.keep = matches!(published, Ok(_) | Err(StorageError::Io(_)));
        let version = published?;
        Ok(CommittedVersion { version, rows: self.rows, bytes, files })
    }

    /// Gives up: the table stays as it was, and what was written is removed.
    ///
    /// # Errors
    /// When files cannot be removed. They are not part of the table all the same.
    pub async fn abort(mut self) -> Result<(), StorageError> {
        if let Some(writer) = self.writer.take() {
            // Whatever it says, the folder that it wrote to goes next.
            let _ = writer.abort().await;
        }
        let (folder, root) = (self.root.join(&self.folder), self.root.clone());
        let result = durable::blocking(move || {
            durable::remove_folder(&folder)?;
            forget_empty(&root);
            Ok(())
        });
        result.await
    }

    /// Closes the data files and makes them durable.
    async fn close(&mut self) -> Result<Vec<Add>, StorageError> {
        let Some(writer) = self.writer.take() else { return Ok(Vec::new()) };
        let mut adds = writer.close().await.map_err(StorageError::write)?;
        for add in &mut adds {
            add.path = format!("{}/{}", self.folder, add.path);
        }
        let files: Vec<PathBuf> = adds.iter().map(|add| self.root.join(&add.path)).collect();
        let (root, folder) = (self.root.clone(), self.root.join(&self.folder));
        if !files.is_empty() {
            durable::blocking(move || durable::sync(&files, &[&folder, &root])).await?;
        }
        Ok(adds)
    }

    /// What the commit does.
    // `&mut`, so that the future of a write can move between threads: a writer's buffers cannot be shared.
    async fn actions(&mut self, adds: Vec<Add>, metadata: &ColumnMetadata) -> Result<Vec<Action>, StorageError> {
        let schema = self.schema.with_metadata(metadata)?.delta;
        let mut actions = Vec::with_capacity(adds.len() + 2);
        match &self.base {
            None => {
                // Earlier versions are read for as long as the table exists.
                let properties = [("delta.enableExpiredLogCleanup", "false")];
                let metadata = new_metadata(&schema, Vec::<String>::new(), properties).map_err(StorageError::commit)?;
                actions.extend([Action::Protocol(protocol()?), Action::Metadata(metadata)]);
            }
            Some(base) => {
                if *base.schema() != schema {
                    let metadata = base.metadata().clone().with_schema(&schema).map_err(StorageError::commit)?;
                    actions.push(Action::Metadata(metadata));
                }
                if matches!(self.mode, WriteMode::Overwrite { .. }) {
                    let files = base.file_views(self.log.store().as_ref(), None);
                    let removes = files.map_ok(|file| Action::Remove(file.remove_action(true)));
                    actions.extend(removes.try_collect::<Vec<_>>().await.map_err(StorageError::log)?);
                }
            }
        }
        actions.extend(adds.into_iter().map(Action::Add));
        Ok(actions)
    }

    fn save_mode(&self) -> SaveMode {
        match self.mode {
            WriteMode::Create => SaveMode::ErrorIfExists,
            WriteMode::Append => SaveMode::Append,
            WriteMode::Overwrite { .. } => SaveMode::Overwrite,
        }
    }
}

impl Drop for DeltaWrite {
    /// For a write that was neither committed nor aborted, as when its statement is cancelled before.
    fn drop(&mut self) {
        if !self.keep {
            self.writer = None;
            let _ = std::fs::remove_dir_all(self.root.join(&self.folder));
            forget_empty(&self.root);
        }
    }
}

/// Removes the folder of a table that was never made. One that holds anything stays.
fn forget_empty(root: &Path) {
    let _ = std::fs::remove_dir(root);
}

fn writer_config(schema: &StoredSchema) -> Result<WriterConfig, StorageError> {
    let level = ZstdLevel::try_new(1).map_err(|error| StorageError::commit(deltalake::DeltaTableError::from(error)))?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .build();
    let (indexed, statistics) = get_num_idx_cols_and_stats_columns(None, Default::default());
    let files = Arc::clone(&schema.files);
    Ok(WriterConfig::new(files, Vec::new(), Some(properties), FILE_SIZE, Some(8192), indexed, statistics))
}
