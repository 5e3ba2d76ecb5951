//! Small answers made here: one batch of texts and numbers.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;

use crate::{EngineError, Outcome};

/// A value of an answer.
pub(crate) enum Cell {
    Text(Option<String>),
    Number(Option<i64>),
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<u64> for Cell {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).ok())
    }
}

impl From<Option<u64>> for Cell {
    fn from(number: Option<u64>) -> Self {
        Self::Number(number.and_then(|number| i64::try_from(number).ok()))
    }
}

/// Rows under named columns; those in `numbers` hold numbers, the others text.
pub(crate) fn answer<const N: usize>(
    columns: [&str; N],
    numbers: &[&str],
    rows: Vec<[Cell; N]>,
) -> Result<Outcome, EngineError> {
    let fields: Vec<Field> = columns
        .iter()
        .map(|column| {
            let data_type = if numbers.contains(column) { DataType::Int64 } else { DataType::Utf8 };
            Field::new(*column, data_type, true)
        })
        .collect();
    let mut texts: [Vec<Option<String>>; N] = std::array::from_fn(|_| Vec::with_capacity(rows.len()));
    let mut integers: [Vec<Option<i64>>; N] = std::array::from_fn(|_| Vec::new());
    for row in rows {
        for (index, cell) in row.into_iter().enumerate() {
            match cell {
                Cell::Text(text) => texts[index].push(text),
                Cell::Number(number) => integers[index].push(number),
            }
        }
    }
    let arrays: Vec<ArrayRef> = fields
        .iter()
        .zip(texts.into_iter().zip(integers))
        .map(|(field, (texts, integers))| -> ArrayRef {
            if *field.data_type() == DataType::Int64 {
                Arc::new(Int64Array::from(integers))
            } else {
                Arc::new(StringArray::from(texts))
            }
        })
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays)
        .map_err(|error| EngineError::Bug(format!("an answer does not fit its columns: {error}")))?;
    let rows = RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter([Ok(batch)]));
    Ok(Outcome::Rows { schema, rows: Box::pin(rows) })
}

/// A moment as RFC 3339 in UTC, to the millisecond.
pub(crate) fn moment(at_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at_ms)
        .map(|at| at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true))
        .unwrap_or_default()
}
