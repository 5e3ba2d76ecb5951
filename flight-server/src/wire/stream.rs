//! Answers as messages: in the columns that were announced, in sizes that clients take, and within what may be sent.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use arrow::{
    array::{ArrayRef, RecordBatch, RecordBatchOptions},
    compute::cast,
    datatypes::SchemaRef,
    error::ArrowError,
};
use datafusion::error::DataFusionError;
use futures::{Stream, StreamExt};
use sluice_engine::{EngineError, exact};
use tonic::Status;

use super::{
    message::{Encoder, IpcMessage},
    schema::Columns,
};
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

/// The messages of an answer. Each is made when the client reads on.
pub(crate) struct Messages<S> {
    rows: S,
    schema: SchemaRef,
    encoder: Encoder,
    /// The message that goes before all rows.
    first: Option<IpcMessage>,
    /// Parts of rows that were too many for one message, the next ones last.
    waiting: Vec<RecordBatch>,
    sending: Sending,
}

impl<S> Messages<S> {
    /// `rows` in `columns`, which were announced.
    pub(crate) fn new(rows: S, columns: &Columns, sending: Sending) -> Result<Self, Status> {
        let (encoder, first) = Encoder::new(columns).map_err(|error| unsendable(&error))?;
        let schema = Arc::clone(&columns.schema);
        Ok(Self { rows, schema, encoder, first: Some(first), waiting: Vec::new(), sending })
    }

    /// `rows` as one message; none where there are none, or where they are too many for one and wait in parts.
    fn message(&mut self, rows: &RecordBatch) -> Result<Option<IpcMessage>, Status> {
        if rows.num_rows() == 0 {
            return Ok(None);
        }
        let message = self.encoder.encode(rows).map_err(|error| unsendable(&error))?;
        let pieces = message.len().div_ceil(MESSAGE_BYTES).min(rows.num_rows());
        if pieces > 1 {
            let length = rows.num_rows().div_ceil(pieces);
            for start in (0..rows.num_rows()).step_by(length).rev() {
                self.waiting.push(rows.slice(start, length.min(rows.num_rows() - start)));
            }
            return Ok(None);
        }
        self.sending.metrics.sent(rows.num_rows() as u64, 0);
        self.spend(message).map(Some)
    }

    fn spend(&mut self, message: IpcMessage) -> Result<IpcMessage, Status> {
        let (bytes, most) = (message.len(), self.sending.most_message_bytes);
        if bytes > most {
            return Err(status::too_large_to_send(most));
        }
        self.sending.budget.spend(bytes as u64).map_err(|over| status::of_budget(&over))?;
        self.sending.metrics.sent(0, bytes as u64);
        Ok(message)
    }
}

impl<S> Stream for Messages<S>
where
    S: Stream<Item = Result<RecordBatch, DataFusionError>> + Unpin,
{
    type Item = Result<IpcMessage, Status>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(self.spend(first)));
        }
        loop {
            let rows = if let Some(part) = self.waiting.pop() {
                // A part still points to all that the whole does, and what it points to would be sent with it.
                exact(&part).map_err(|error| unsendable(&error))
            } else {
                match ready!(self.rows.poll_next_unpin(ctx)) {
                    Some(Ok(rows)) => conform(&rows, &self.schema),
                    Some(Err(error)) => Err(status::of(&EngineError::from_stream(error))),
                    None => return Poll::Ready(None),
                }
            };
            if let Some(message) = rows.and_then(|rows| self.message(&rows)).transpose() {
                return Poll::Ready(Some(message));
            }
        }
    }
}

/// `batch` in the columns of `schema`. The types differ where a plan's and its execution's do, and where the wire has a
/// plainer one.
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
    let changed = columns.iter().zip(batch.columns()).any(|(new, old)| new.data_type() != old.data_type());
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
        .map_err(|_| status::changed_since())?;
    // Another type may bring the neighbours of a value along, which the former did not.
    if changed { exact(&rows).map_err(|error| unsendable(&error)) } else { Ok(rows) }
}

fn unsendable(_error: &ArrowError) -> Status {
    status::internal("the rows cannot be sent")
}
