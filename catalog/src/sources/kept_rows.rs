//! The rows of small tables, kept in memory.
//!
//! To plan and open the scan of a Delta table takes many times as long as to read a thousand rows. What is opened is
//! one version, whose rows never change, so those of a small table are kept once they have been read; they go with the
//! version.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use arrow::{
    array::{RecordBatch, RecordBatchOptions},
    compute::concat_batches,
};
use datafusion::{
    catalog::{MemTable, Session, TableProvider},
    error::Result,
    physical_plan::{ExecutionPlan, execute_stream},
};
use futures::TryStreamExt;
use tokio::sync::OnceCell;

/// How large the files of a small table are together at most, in bytes.
const SMALL_FILES: u64 = 1 << 20;
/// How large its rows are in memory at most, in bytes.
const SMALL_ROWS: usize = 8 << 20;
/// How many rows become one batch.
const FEW_ROWS: usize = 8192;
/// How large the rows of all such tables are together at most, in bytes.
const ALL_ROWS: usize = 64 << 20;

/// How large the rows are that are kept, in bytes.
static KEPT: AtomicUsize = AtomicUsize::new(0);

/// The rows of one version of a small table.
#[derive(Debug, Default)]
pub(super) struct KeptRows(OnceCell<Option<Kept>>);

#[derive(Debug)]
struct Kept {
    table: MemTable,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Drop for Kept {
    fn drop(&mut self) {
        KEPT.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl KeptRows {
    /// A place for the rows of a table with so many bytes of files, if it is small.
    pub(super) fn of(file_bytes: u64) -> Option<Self> {
        (file_bytes <= SMALL_FILES).then(Self::default)
    }

    /// The rows, if they have been read and kept.
    pub(super) fn at_hand(&self) -> Option<&[RecordBatch]> {
        Some(&self.0.get()?.as_ref()?.batches)
    }

    /// The rows of `table`, read now unless they have been; `None` where they are not kept.
    pub(super) async fn get(&self, session: &dyn Session, table: &dyn TableProvider) -> Result<Option<&MemTable>> {
        let kept = self.0.get_or_try_init(|| read(session, table)).await?;
        Ok(kept.as_ref().map(|kept| &kept.table))
    }
}

async fn read(session: &dyn Session, table: &dyn TableProvider) -> Result<Option<Kept>> {
    let plan: Arc<dyn ExecutionPlan> = table.scan(session, None, &[], None).await?;
    let schema = table.schema();
    let mut rows = execute_stream(plan, session.task_ctx())?;
    let (mut batches, mut bytes) = (Vec::new(), 0_usize);
    while let Some(batch) = rows.try_next().await? {
        // What is small as a file need not be small: values that repeat take no room there.
        bytes = bytes.saturating_add(batch.get_array_memory_size()).saturating_add(batch.num_rows());
        if bytes > SMALL_ROWS {
            return Ok(None);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        batches.push(RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &options)?);
    }
    let fits = |kept: usize| kept.checked_add(bytes).filter(|kept| *kept <= ALL_ROWS);
    if KEPT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_err() {
        return Ok(None);
    }
    // There is a batch for each file at least, and each takes an operator longer than its rows do, where they are few. More of
    // them stay apart: whoever counts the memory of a slice counts all that it was cut of.
    if batches.len() > 1
        && batches.iter().map(RecordBatch::num_rows).sum::<usize>() <= FEW_ROWS
        && let Ok(joined) = concat_batches(&schema, &batches)
    {
        batches = vec![joined];
    }
    let table = MemTable::try_new(schema, vec![batches.clone()]).inspect_err(|_| {
        KEPT.fetch_sub(bytes, Ordering::Relaxed);
    })?;
    Ok(Some(Kept { table, batches, bytes }))
}
