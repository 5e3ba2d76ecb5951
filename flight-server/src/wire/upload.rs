//! Rows that clients send.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use arrow::{array::RecordBatch, datatypes::Schema};
use arrow_flight::{FlightData, decode::FlightRecordBatchStream, error::FlightError};
use futures::{Stream, StreamExt, TryStreamExt, stream::BoxStream};
use parking_lot::Mutex;
use sluice_engine::{EngineError, expanded_bytes, guarded};
use tonic::Status;

use super::ipc;

/// How much larger a batch may be once repeated values are written out, in multiples of the largest message.
const MOST_EXPANSION: usize = 4;

/// The columns of the rows that follow the message `first`; `None` where it holds none that can be read.
pub(crate) fn schema_of(first: &FlightData) -> Option<Schema> {
    // Reading a schema panics where a type lacks its parts.
    guarded(|| Schema::try_from(first))?.ok()
}

/// Rows as they arrive, each batch looked at before it is decoded and before it is used.
pub(crate) struct Upload {
    rows: BoxStream<'static, Result<RecordBatch, FlightError>>,
    /// Why the messages ended before their time, if that was not the client's doing.
    broken: Arc<Mutex<Option<Status>>>,
    most_bytes: usize,
    ended: bool,
}

impl Upload {
    /// The rows of `messages`, the first of which holds the columns. No message is larger than `most_bytes`.
    pub(crate) fn new(
        messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
        most_bytes: usize,
    ) -> Self {
        let broken = Arc::new(Mutex::new(None));
        let noted = Arc::clone(&broken);
        let messages = messages.map(move |message| match message {
            Ok(data) if ipc::is_sound(&data, most_bytes) => Ok(data),
            Ok(_) => Err(FlightError::DecodeError("unsound".to_owned())),
            Err(status) => {
                noted.lock().get_or_insert_with(|| status.clone());
                Err(FlightError::Tonic(Box::new(status)))
            }
        });
        let rows = FlightRecordBatchStream::new_from_flight_data(messages).into_stream().boxed();
        Self { rows, broken, most_bytes, ended: false }
    }

    /// What ended the messages: the connection, a limit, the client's silence.
    pub(crate) fn broken(&self) -> Arc<Mutex<Option<Status>>> {
        Arc::clone(&self.broken)
    }
}

impl Stream for Upload {
    type Item = Result<RecordBatch, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        // The decoder panics on some of what `ipc` lets pass; what it held then is not used again.
        let polled = guarded(|| self.rows.poll_next_unpin(ctx));
        let Some(polled) = polled else {
            self.ended = true;
            return Poll::Ready(Some(Err(unreadable())));
        };
        polled.map(|next| {
            let next = next?;
            let result = next.map_err(|_| unreadable()).and_then(|batch| {
                let most = self.most_bytes.saturating_mul(MOST_EXPANSION);
                if expanded_bytes(&batch) > most { Err(too_large(most)) } else { Ok(batch) }
            });
            self.ended = result.is_err();
            Some(result)
        })
    }
}

/// Why rows cannot be read.
fn unreadable() -> EngineError {
    EngineError::Invalid {
        message: "the rows that were sent cannot be read".to_owned(),
        hint: Some("send a schema first, then record batches of it, as Arrow IPC messages".to_owned()),
    }
}

fn too_large(most: usize) -> EngineError {
    EngineError::Exhausted {
        message: format!("a batch of rows takes more than {} MiB once it is written out", most >> 20),
        hint: Some("send fewer rows at a time".to_owned()),
    }
}
