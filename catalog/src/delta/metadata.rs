//! Changing what a table says about its columns.

use std::collections::BTreeMap;

use deltalake::{
    kernel::{Action, MetadataExt},
    protocol::DeltaOperation,
};
use serde_json::{Map, Value};
use url::Url;

use super::{
    commit::{CommittedVersion, Proposal, base_at},
    schema::StoredSchema,
};
use crate::StorageError;

/// Replaces the properties of the columns named in `metadata`, as a version of its own without new rows. What is so
/// already is not committed again: then the version is the present one.
///
/// # Errors
/// [`StorageError::ColumnMismatch`] for a column that is not there, [`StorageError::ConcurrentWrite`].
pub async fn set_column_metadata(
    location: &Url,
    metadata: &BTreeMap<String, BTreeMap<String, String>>,
    info: Map<String, Value>,
) -> Result<CommittedVersion, StorageError> {
    let (log, base) = base_at(location, None).await?;
    let schema = StoredSchema::from_delta(base.schema().as_ref().clone())?.with_metadata(metadata)?.delta;
    if schema == *base.schema() {
        return Ok(CommittedVersion { version: base.version(), rows: 0, bytes: 0, files: 0 });
    }
    let fields = schema.fields().filter(|field| metadata.contains_key(field.name())).cloned().collect();
    let action = base.metadata().clone().with_schema(&schema).map_err(StorageError::commit)?;
    let proposal = Proposal {
        location,
        log: &log,
        base: Some(&base),
        actions: vec![Action::Metadata(action)],
        kind: DeltaOperation::UpdateFieldMetadata { fields },
        operation: "SET TAG",
        app_id: None,
        info,
    };
    Ok(CommittedVersion { version: proposal.publish().await?, rows: 0, bytes: 0, files: 0 })
}
