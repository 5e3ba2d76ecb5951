//! The rows of an authorized plan, written as files of a managed table.

use std::sync::Arc;

use arrow::{
    array::{Array, AsArray, BooleanArray, RecordBatch},
    compute,
    datatypes::{Schema, SchemaRef},
};
use futures::StreamExt;
use sluice_catalog::{DeltaWrite, WriteMode};
use sluice_model::TableName;
use sluice_planner::{AuthorizedPlan, bind::Marker, parse::OnViolation};
use url::Url;

use crate::{
    EngineError, Session,
    query::{tables, translate},
};

/// Files that are written and not yet part of their table.
pub(crate) struct Pending {
    pub(crate) write: DeltaWrite,
    /// The columns that are stored.
    pub(crate) schema: SchemaRef,
    /// For each boolean column of the plan, how many rows it is true for.
    pub(crate) counts: Vec<u64>,
}

/// Runs `plan` and writes its rows for `table`, in bounded memory. Nothing is visible before the commit.
pub(crate) async fn write_files(
    session: &Session,
    plan: &AuthorizedPlan,
    table: &TableName,
    location: &Url,
    mode: WriteMode,
    progress: &(dyn Fn(u64) + Send + Sync),
) -> Result<Pending, EngineError> {
    let named = tables(plan);
    let failed = |error| translate(error, &named);
    let (schema, mut rows) = session.execute(plan).await.map_err(failed)?;
    let markers = plan.expectations().markers();
    let stored = stored_schema(&schema, markers.len());
    let cannot_write = |source| EngineError::Write { table: table.clone(), source };
    let mut write = DeltaWrite::begin(location, Arc::clone(&stored), mode).await.map_err(cannot_write)?;
    let mut counts = vec![0; markers.len()];
    let result = async {
        while let Some(batch) = rows.next().await {
            let batch = kept_rows(&batch.map_err(failed)?, &stored, markers, &mut counts)?;
            write.write(&batch).await.map_err(cannot_write)?;
            // A row count is data: who may not have it at the end may not watch it grow either.
            if plan.metrics().rows {
                progress(write.rows());
            }
        }
        held_expectations(plan, &counts)
    }
    .await;
    match result {
        Ok(()) => Ok(Pending { write, schema: stored, counts }),
        Err(error) => {
            // What failed first is what is told; files that cannot be removed belong to no table.
            let _ = write.abort().await;
            Err(error)
        }
    }
}

/// The columns before the boolean ones. A query's columns may hold `NULL` whatever today's rows hold, so that a
/// refresh never changes the type of a column by accident.
fn stored_schema(schema: &Schema, markers: usize) -> SchemaRef {
    let fields = schema.fields().iter().take(schema.fields().len() - markers);
    let fields: Vec<_> =
        fields.map(|field| field.as_ref().clone().with_nullable(true).with_metadata(Default::default())).collect();
    Arc::new(Schema::new(fields))
}

/// The rows that stay, without the boolean columns, which are counted.
fn kept_rows(
    batch: &RecordBatch,
    stored: &SchemaRef,
    markers: &[Marker],
    counts: &mut [u64],
) -> Result<RecordBatch, EngineError> {
    let failed = |error: arrow::error::ArrowError| translate(error.into(), &[]);
    let first = stored.fields().len();
    let mut dropped: Option<BooleanArray> = None;
    for (index, marker) in markers.iter().enumerate() {
        let flags = batch.column(first + index);
        let flags = flags.as_boolean_opt().ok_or_else(|| {
            EngineError::Bug(format!("the marker `{}` is {}, not a boolean", marker.name, flags.data_type()))
        })?;
        counts[index] += flags.true_count() as u64;
        if marker.on_violation == OnViolation::DropRow {
            dropped = Some(match dropped {
                Some(dropped) => compute::or_kleene(&dropped, flags).map_err(failed)?,
                None => flags.clone(),
            });
        }
    }
    let batch = RecordBatch::try_new(Arc::clone(stored), batch.columns()[..first].to_vec()).map_err(failed)?;
    let Some(dropped) = dropped else { return Ok(batch) };
    let keep: BooleanArray = dropped.iter().map(|dropped| Some(dropped != Some(true))).collect();
    compute::filter_record_batch(&batch, &keep).map_err(failed)
}

fn held_expectations(plan: &AuthorizedPlan, counts: &[u64]) -> Result<(), EngineError> {
    for (index, (marker, count)) in plan.expectations().markers().iter().zip(counts).enumerate() {
        if marker.on_violation == OnViolation::FailUpdate && *count > 0 {
            let shown = plan.metrics().markers.get(index).copied().unwrap_or(false);
            return Err(EngineError::Expectation {
                name: marker.name.to_string(),
                violations: shown.then_some(*count),
            });
        }
    }
    Ok(())
}
