//! Rows that a client brings along, written into a table.
//!
//! There is no query and so nothing to label: what may be decided is whether the caller may write there. A new column
//! is unclassified until somebody classifies it; rows that join a column come under the tags that it has.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions, new_null_array},
    compute::{CastOptions, can_cast_types, cast_with_options},
    datatypes::{Field, Schema, SchemaRef},
};
use datafusion::error::DataFusionError;
use futures::{Stream, StreamExt};
use serde_json::json;
use sluice_catalog::{Change, DeltaCommit, DeltaWrite, TableRequest, TableSnapshot, WriteMode};
use sluice_model::{TableAction, TableName};
use sluice_planner::{
    StoredLabels,
    bind::{self, Parameters},
    parse::{TEMPORARY, TableRef},
};
use sluice_policy::Decisions;

use crate::{
    EngineError, Session,
    audit::Audited,
    held_bytes,
    load::Loaded,
    stored_tags::{column_metadata, new_columns, own_unclassified},
    temporary::Temporary,
    write::{location, managed, require_seen_or_create, visible_schema},
};

/// What happens when the table exists, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IngestMode {
    /// The table is made; one that exists is an error.
    Create,
    /// Rows are added; a table that does not exist is an error.
    Append,
    /// The table is made, in place of one that exists.
    Replace,
    /// Rows are added; the table is made where it does not exist.
    CreateAppend,
}

impl IngestMode {
    fn as_str(self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Append => "APPEND",
            Self::Replace => "REPLACE",
            Self::CreateAppend => "CREATE OR APPEND",
        }
    }
}

/// Rows on their way in.
#[derive(Debug, Clone)]
pub struct Ingest {
    /// Where to; a name in [`TEMPORARY`] is one of the session.
    pub table: TableName,
    /// What happens when it exists, or does not.
    pub mode: IngestMode,
    /// The columns of the rows.
    pub schema: SchemaRef,
}

impl Session {
    /// Writes `rows` in one transaction; answers how many there were.
    ///
    /// # Errors
    /// [`EngineError`] when the caller may not, the columns do not fit, or `rows` ends in an error. Nothing is
    /// written then.
    pub async fn ingest(
        &self,
        ingest: &Ingest,
        rows: impl Stream<Item = Result<RecordBatch, EngineError>> + Send,
    ) -> Result<u64, EngineError> {
        let text = format!("INGEST INTO {} ({})", ingest.table, ingest.mode.as_str());
        let result = if ingest.table.schema.as_str() == TEMPORARY {
            self.ingest_temporary(ingest, rows).await
        } else {
            self.ingest_table(ingest, &text, rows).await
        };
        if let Err(error) = &result {
            self.record_failure(&text, error, std::time::Duration::ZERO).await?;
        }
        result
    }

    async fn ingest_table(
        &self,
        ingest: &Ingest,
        text: &str,
        rows: impl Stream<Item = Result<RecordBatch, EngineError>> + Send,
    ) -> Result<u64, EngineError> {
        let name = &ingest.table;
        let request = TableRef::Table(TableRequest { name: name.clone(), at: Default::default() });
        let loaded = self.load(&[request], &HashMap::new()).await?;
        if ingest.mode != IngestMode::Append {
            let schema = visible_schema(self, &loaded, name).await?;
            require_seen_or_create(self, &loaded, &schema, name)?;
        }
        let existing = match (loaded.table(name), ingest.mode) {
            (None, IngestMode::Append) => return Err(EngineError::not_visible(name)),
            (Some(_), IngestMode::Create) => {
                return Err(EngineError::invalid(
                    format!("table `{name}` already exists"),
                    "append to it, replace it, or give the new one another name",
                ));
            }
            (None, _) => None,
            (Some(_), IngestMode::Append | IngestMode::CreateAppend | IngestMode::Replace) => {
                Some(managed(self, &loaded, name)?)
            }
        };
        let Some(table) = existing else {
            let record = self.record(Audited::allowed(text, Default::default())).await?;
            let location = self.new_location(name, &uuid::Uuid::new_v4().to_string())?;
            let labels = unclassified(&ingest.schema);
            let write = written(name, &location, &ingest.schema, WriteMode::Create, rows).await?;
            let count = commit(self, name, write, &labels, None).await?;
            self.name_table(name, &location, &labels, &ingest.schema).await?;
            self.engine().catalog().finish_audit(record, count).await?;
            return Ok(count);
        };
        let replaces = ingest.mode == IngestMode::Replace;
        self.require_write(&loaded, &table, if replaces { TableAction::Modify } else { TableAction::Insert })?;
        let record = self.record(Audited::allowed(text, Default::default())).await?;
        let location = location(&table)?;
        let count = if replaces {
            let expected_version =
                table.version.ok_or_else(|| EngineError::Bug("a managed table without a version".to_owned()))?;
            let labels = unclassified(&ingest.schema);
            let mode = WriteMode::Overwrite { expected_version };
            let write = written(name, &location, &ingest.schema, mode, rows).await?;
            // From the commit on and until the tags of the former rows are gone, the new ones stand under both.
            let change = Change { by: &self.subject().principal.name, why: Some(text) };
            let known = table.columns.iter().filter(|column| ingest.schema.column_with_name(&column.name).is_some());
            let both: Vec<_> = known
                .map(|column| (Arc::clone(&column.name), vec![own_unclassified(&table.name, &column.name)]))
                .collect();
            if let Err(error) = self.engine().catalog().add_propagated(&table.id, &both, &[], &change).await {
                let _ = write.abort().await;
                return Err(error.into());
            }
            let count = commit(self, name, write, &labels, Some(&table)).await?;
            // Tags that came with the former rows go with them; those set by hand stay.
            let columns = new_columns(&labels, &ingest.schema);
            self.engine().catalog().replace_propagated(&table.id, &columns, &[], &change).await?;
            count
        } else {
            let target = Arc::clone(&table.arrow_schema);
            let fit = Fit::new(&ingest.schema, &target, name)?;
            let rows = rows.map(move |batch| fit.apply(&batch?));
            let write = written(name, &location, &target, WriteMode::Append, rows).await?;
            commit(self, name, write, &StoredLabels::default(), Some(&table)).await?
        };
        self.engine().catalog().finish_audit(record, count).await?;
        Ok(count)
    }

    async fn ingest_temporary(
        &self,
        ingest: &Ingest,
        rows: impl Stream<Item = Result<RecordBatch, EngineError>> + Send,
    ) -> Result<u64, EngineError> {
        let name = &ingest.table;
        // An origin in such a schema would look like one of the session's own.
        if self.engine().catalog().schema(&name.schema).await?.is_some() {
            return Err(EngineError::invalid(
                format!("this home has a schema `{TEMPORARY}`, so it has no temporary tables"),
                "an admin can move its tables to another schema and drop it",
            ));
        }
        let mut schema = Arc::clone(&ingest.schema);
        let mut batches = Vec::new();
        // Clients annotate their columns, and the table has none of that.
        let mut fit = Fit::new(&ingest.schema, &ingest.schema, name)?;
        match (self.temporary().rows(&name.table), ingest.mode) {
            (None, IngestMode::Append) => return Err(EngineError::not_visible(name)),
            (Some(_), IngestMode::Create) => {
                return Err(EngineError::invalid(
                    format!("table `{name}` already exists"),
                    "append to it or replace it",
                ));
            }
            (Some((target, rows)), IngestMode::Append | IngestMode::CreateAppend) => {
                fit = Fit::new(&ingest.schema, &target, name)?;
                (schema, batches) = (target, rows);
            }
            (None, IngestMode::Create | IngestMode::Replace | IngestMode::CreateAppend)
            | (Some(_), IngestMode::Replace) => {}
        }
        let mut count = 0;
        let mut bytes = 0;
        let mut rows = std::pin::pin!(rows);
        while let Some(batch) = rows.next().await {
            let batch = batch?;
            count += batch.num_rows() as u64;
            let batch = fit.apply(&batch)?;
            bytes += held_bytes(&batch);
            batches.push(batch);
            // No more is held than is needed to see that it is too much.
            if bytes > Temporary::MOST_BYTES {
                break;
            }
        }
        self.temporary().put(&name.table, schema, batches)?;
        Ok(count)
    }

    fn require_write(&self, loaded: &Loaded, table: &TableSnapshot, action: TableAction) -> Result<(), EngineError> {
        let resource = bind::resource(table, false);
        let decision = Decisions::new(&loaded.authorizer, &loaded.subject).table(action, &resource);
        let (locals, parameters) = (HashMap::new(), Parameters::default());
        let outside = self.outside(&locals, &parameters);
        let surroundings = loaded.surroundings(&outside);
        Ok(sluice_planner::require(&decision, table.name.to_string(), action, table.schema.domain, &surroundings)?)
    }
}

/// Writes files that belong to no table yet.
async fn written(
    name: &TableName,
    location: &url::Url,
    schema: &SchemaRef,
    mode: WriteMode,
    rows: impl Stream<Item = Result<RecordBatch, EngineError>> + Send,
) -> Result<DeltaWrite, EngineError> {
    let cannot_write = |source| EngineError::Write { table: name.clone(), source };
    let fields = schema.fields().iter().map(|field| plain(field));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let mut write = DeltaWrite::begin(location, Arc::clone(&schema), mode).await.map_err(cannot_write)?;
    let mut rows = std::pin::pin!(rows);
    while let Some(batch) = rows.next().await {
        let result = match batch {
            Ok(batch) => {
                let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
                match RecordBatch::try_new_with_options(Arc::clone(&schema), batch.columns().to_vec(), &options) {
                    Ok(batch) => write.write(&batch).await.map_err(cannot_write),
                    Err(_) => Err(EngineError::invalid(
                        "the rows do not have the columns that were announced",
                        "send them anew",
                    )),
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = result {
            // What failed first is what is told; files that cannot be removed belong to no table.
            let _ = write.abort().await;
            return Err(error);
        }
    }
    Ok(write)
}

fn plain(field: &Field) -> Field {
    Field::new(field.name(), field.data_type().clone(), true)
}

async fn commit(
    session: &Session,
    name: &TableName,
    write: DeltaWrite,
    labels: &StoredLabels,
    existing: Option<&TableSnapshot>,
) -> Result<u64, EngineError> {
    let mut info = serde_json::Map::new();
    info.insert("sluice.principal".to_owned(), json!(session.subject().principal.name));
    let commit = DeltaCommit {
        operation: "INGEST".to_owned(),
        app_id: None,
        column_metadata: column_metadata(labels, existing),
        info,
    };
    let committed = write.commit(commit).await.map_err(|source| EngineError::Write { table: name.clone(), source })?;
    Ok(committed.rows)
}

/// Nobody has classified the columns yet.
fn unclassified(schema: &Schema) -> StoredLabels {
    StoredLabels {
        columns: schema.fields().iter().map(|field| (field.name().as_str().into(), Vec::new())).collect(),
        rows: Vec::new(),
    }
}

/// How rows become those of a table that exists: by name, cast where that is possible.
struct Fit {
    target: SchemaRef,
    /// For each column of the table, which of the rows it is.
    positions: Vec<Option<usize>>,
}

impl Fit {
    fn new(given: &Schema, target: &SchemaRef, table: &TableName) -> Result<Self, EngineError> {
        for field in given.fields() {
            let Some((_, column)) = target.column_with_name(field.name()) else {
                let columns: Vec<_> = target.fields().iter().map(|field| field.name().as_str()).collect();
                return Err(EngineError::invalid(
                    format!("table `{table}` has no column `{}`", field.name()),
                    format!("its columns are {}", columns.join(", ")),
                ));
            };
            if !can_cast_types(field.data_type(), column.data_type()) {
                return Err(EngineError::invalid(
                    format!(
                        "column `{}` of `{table}` has type {}, and {} does not fit it",
                        field.name(),
                        column.data_type(),
                        field.data_type()
                    ),
                    "convert the column before sending it",
                ));
            }
        }
        let positions = target.fields().iter().map(|field| given.index_of(field.name()).ok()).collect();
        Ok(Self { target: Arc::clone(target), positions })
    }

    fn apply(&self, batch: &RecordBatch) -> Result<RecordBatch, EngineError> {
        let failed = |error: arrow::error::ArrowError| crate::redact::redact(&DataFusionError::from(error), &[]);
        let options = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.target.fields().iter().zip(&self.positions).map(|(field, position)| match position {
            Some(position) => cast_with_options(batch.column(*position), field.data_type(), &options),
            None => Ok(new_null_array(field.data_type(), batch.num_rows())),
        });
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, _>>().map_err(failed)?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.target), columns, &options).map_err(failed)
    }
}
