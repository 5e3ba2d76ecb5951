//! Rows as Flight data.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    compute::cast,
    datatypes::SchemaRef,
};
use arrow_flight::{
    FlightData,
    encode::{DictionaryHandling, FlightDataEncoderBuilder},
    error::FlightError,
};
use datafusion::error::DataFusionError;
use futures::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use sluice_engine::EngineError;
use tonic::Status;

use crate::{limits::ByteBudget, metrics::Metrics, status};

/// How large a message of rows becomes, in bytes, before it is split: half of what the smallest client takes.
const MESSAGE_BYTES: usize = 8 << 20;

/// What is watched while rows are sent.
pub(crate) struct Sending {
    pub(crate) metrics: Metrics,
    pub(crate) budget: ByteBudget,
    /// How large one message may be, in bytes.
    pub(crate) most_message_bytes: usize,
}

/// `rows` as Flight data in columns of `schema`, which were announced. Each batch is made when the client reads on.
pub(crate) fn encode(
    schema: SchemaRef,
    rows: impl Stream<Item = Result<RecordBatch, DataFusionError>> + Send + 'static,
    mut sending: Sending,
) -> BoxStream<'static, Result<FlightData, Status>> {
    let announced = Arc::clone(&schema);
    let metrics = sending.metrics.clone();
    let rows = rows.map(move |batch| {
        let batch = batch.map_err(|error| status::of(&EngineError::from_stream(error)))?;
        let batch = conform(&batch, &announced)?;
        metrics.sent(batch.num_rows() as u64, 0);
        Ok::<_, Status>(batch)
    });
    FlightDataEncoderBuilder::new()
        .with_schema(schema)
        .with_max_flight_data_size(MESSAGE_BYTES)
        .with_dictionary_handling(DictionaryHandling::Hydrate)
        .build(rows.map_err(|status| FlightError::Tonic(Box::new(status))))
        .map(move |data| {
            let data = data.map_err(of_flight)?;
            let bytes = data.data_body.len() + data.data_header.len();
            if bytes > sending.most_message_bytes {
                return Err(status::too_large_to_send(sending.most_message_bytes));
            }
            sending.budget.spend(bytes as u64).map_err(|over| status::of_budget(&over))?;
            sending.metrics.sent(0, bytes as u64);
            Ok(data)
        })
        .boxed()
}

/// `batch` in the columns of `schema`. The types differ where a plan's and its execution's do, and where the wire has
/// a plainer one.
fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, Status> {
    if batch.num_columns() != schema.fields().len() {
        return Err(status::changed_since());
    }
    let columns = batch.columns().iter().zip(schema.fields()).map(|(column, field)| -> Result<ArrayRef, Status> {
        if column.data_type() == field.data_type() {
            return Ok(Arc::clone(column));
        }
        cast(column, field.data_type()).map_err(|_| status::changed_since())
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options).map_err(|_| status::changed_since())
}

fn of_flight(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        FlightError::ExternalError(inner) => match inner.downcast::<DataFusionError>() {
            Ok(error) => status::of(&EngineError::from_stream(*error)),
            Err(_) => Status::internal("the rows cannot be sent"),
        },
        FlightError::Arrow(_)
        | FlightError::NotYetImplemented(_)
        | FlightError::ProtocolError(_)
        | FlightError::DecodeError(_) => Status::internal("the rows cannot be sent"),
    }
}
