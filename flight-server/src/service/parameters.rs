//! Values that clients bind to the parameters of statements.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use tonic::Status;

use crate::status;

/// The rows of `batches` in the order of `names`: by name where the columns have these names, else by position.
pub(super) fn rows(names: &[Arc<str>], batches: &[RecordBatch]) -> Result<Vec<Vec<ScalarValue>>, Status> {
    let mut rows = Vec::new();
    for batch in batches {
        let positions = positions(names, batch)?;
        for row in 0..batch.num_rows() {
            let values = positions.iter().map(|position| {
                ScalarValue::try_from_array(batch.column(*position), row)
                    .map(|value| plain(value).compacted())
                    .map_err(|_| status::invalid("a value of this type cannot be bound"))
            });
            rows.push(values.collect::<Result<_, _>>()?);
        }
    }
    Ok(rows)
}

/// Values for the parameters of a statement: for each of its executions, in their order.
pub(super) type BoundValues = Arc<Vec<Vec<ScalarValue>>>;

/// How much memory bound values take, in bytes.
pub(super) fn bytes(rows: &[Vec<ScalarValue>]) -> usize {
    rows.iter().flatten().map(ScalarValue::size).sum()
}

/// Some drivers send each value as one of a union of all types that it might have.
fn plain(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Union(Some((_, value)), ..) => plain(*value),
        ScalarValue::Union(None, ..) => ScalarValue::Null,
        other => other,
    }
}

fn positions(names: &[Arc<str>], batch: &RecordBatch) -> Result<Vec<usize>, Status> {
    let schema = batch.schema();
    if schema.fields().len() != names.len() {
        return Err(status::invalid(&format!(
            "{} values are bound to {} parameters",
            schema.fields().len(),
            names.len()
        )));
    }
    let by_name: Option<Vec<usize>> =
        names.iter().map(|name| schema.index_of(name.trim_start_matches('$')).ok()).collect();
    Ok(by_name.unwrap_or_else(|| (0..names.len()).collect()))
}
