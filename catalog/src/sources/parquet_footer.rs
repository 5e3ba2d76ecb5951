//! What has to be true of the last bytes of a Parquet file.

use std::sync::Arc;

use datafusion::error::DataFusionError;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use crate::{Format, StorageError};

/// The length of the metadata, four bytes, and the word `PAR1`.
const FOOTER: u64 = 8;

/// The least that a file can consist of: a footer, and the same word at the beginning.
const SMALLEST: u64 = FOOTER + 4;

/// How many files are looked at together.
const AT_ONCE: usize = 32;

/// Checks that each file ends as a complete Parquet file does. The reader subtracts the length that a file claims
/// for its metadata from the length that it has, and panics over a damaged one.
pub(super) async fn check(store: &Arc<dyn ObjectStore>, files: &[ObjectMeta]) -> Result<(), StorageError> {
    // Collected first: a stream over borrowed files and a closure would not be seen to be `Send`.
    let checks: Vec<_> = files.iter().map(|file| check_one(store, file)).collect();
    stream::iter(checks).buffered(AT_ONCE).try_collect().await
}

async fn check_one(store: &Arc<dyn ObjectStore>, file: &ObjectMeta) -> Result<(), StorageError> {
    let name = || file.location.filename().unwrap_or_default().to_owned();
    let damaged = |what: &str| StorageError::FileUnreadable {
        file: name(),
        format: Format::Parquet.as_str(),
        cause: Box::new(DataFusionError::External(what.into())),
    };
    if file.size < SMALLEST {
        return Err(damaged("shorter than the shortest file"));
    }
    let footer = store.get_range(&file.location, file.size - FOOTER..file.size).await;
    let footer = footer.map_err(|cause| StorageError::Unreadable { file: name(), cause: Box::new(cause) })?;
    let Some((length, word)) = footer.split_first_chunk::<4>() else { return Err(damaged("no footer")) };
    if word != b"PAR1" {
        return Err(damaged("no footer"));
    }
    if u64::from(u32::from_le_bytes(*length)) > file.size - SMALLEST {
        return Err(damaged("metadata longer than the file"));
    }
    Ok(())
}
