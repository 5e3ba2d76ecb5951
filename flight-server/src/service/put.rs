//! What clients put: updates, parameters, rows.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow_flight::{
    FlightData, PutResult,
    sql::{DoPutPreparedStatementResult, DoPutUpdateResult},
};
use datafusion::common::ScalarValue;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use parking_lot::Mutex;
use prost::{Message, bytes::Bytes};
use sluice_engine::{EngineError, Prepared, held_bytes};
use tonic::{Status, Streaming};

use super::{
    Caller, Core, ingest, parameters,
    prepared::{self, Sort},
    running::affected,
    statement::{self, Control},
};
use crate::{
    status,
    wire::{
        Upload,
        command::{self, Put, Update},
    },
};

/// Does what the first message says with the rows that follow it.
pub(super) async fn put(
    core: &Core,
    caller: &Arc<Caller>,
    mut messages: Streaming<FlightData>,
) -> Result<PutResult, Status> {
    let patience = core.limits.stalled_stream_timeout();
    let first = tokio::time::timeout(patience, messages.message())
        .await
        .map_err(|_| status::silent())??
        .ok_or_else(|| status::invalid("nothing was sent"))?;
    let descriptor =
        first.flight_descriptor.as_ref().ok_or_else(|| status::invalid("the first message has no descriptor"))?;
    let put = command::put_of(descriptor).map_err(|error| status::of_malformed(&error))?;
    let rest = stream::unfold(messages, move |mut messages| async move {
        let next = match tokio::time::timeout(patience, messages.message()).await {
            Ok(next) => next.transpose()?,
            Err(_) => Err(status::silent()),
        };
        Some((next, messages))
    });
    match put {
        Put::Update(Update::Sql(text)) => {
            let prepared = Arc::new(Prepared::new(statement::one_statement(&caller.session()?, &text)?));
            let outcome = statement::execute(core, caller, prepared, Vec::new(), &Control::default()).await?;
            Ok(updated(affected(&outcome)))
        }
        Put::Update(Update::Prepared(handle)) => {
            let held = prepared::find(core, caller, &handle)?;
            let Sort::Sql(prepared) = &held.statement else {
                return Err(status::invalid("a Substrait plan answers rows; it is no update"));
            };
            let rows = parameters::rows(&prepared.parsed().parameters, &collect(core, first, rest).await?)?;
            let outcome = statement::execute(core, caller, Arc::clone(prepared), rows, &Control::default()).await?;
            Ok(updated(affected(&outcome)))
        }
        Put::Update(Update::Ingest(ask)) => {
            let rows = ingest::ingest(core, caller, *ask, first, rest.boxed()).await?;
            Ok(updated(i64::try_from(rows).unwrap_or(i64::MAX)))
        }
        Put::Bind(handle) => {
            prepared::bind(core, caller, &handle, &collect(core, first, rest).await?)?;
            let result = DoPutPreparedStatementResult { prepared_statement_handle: Some(handle) };
            Ok(PutResult { app_metadata: result.encode_to_vec().into() })
        }
        Put::InTransaction => Err(statement::no_transactions()),
    }
}

fn updated(record_count: i64) -> PutResult {
    PutResult { app_metadata: Bytes::from(DoPutUpdateResult { record_count }.encode_to_vec()) }
}

/// Parameters, which are held in memory and so are no more than a message may be.
async fn collect(
    core: &Core,
    first: FlightData,
    rest: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
) -> Result<Vec<RecordBatch>, Status> {
    if first.data_header.is_empty() {
        return Ok(Vec::new());
    }
    let most = core.limits.max_message_bytes();
    let mut bytes = 0_usize;
    let mut found = Vec::new();
    let mut rows = Upload::new(stream::iter([Ok(first)]).chain(rest), most);
    let broken = rows.broken();
    while let Some(batch) = rows.try_next().await.map_err(|error| why(&broken, &status::of(&error)))? {
        // Each value is held by itself, whatever few bytes it came in.
        let values = batch.num_rows().saturating_mul(batch.num_columns().max(1) * size_of::<ScalarValue>());
        bytes = bytes.saturating_add(held_bytes(&batch).max(values));
        if bytes > most {
            return Err(status::of(&EngineError::Exhausted {
                message: format!("the parameters take more than {} MiB", most >> 20),
                hint: Some("send them in several executions, or ingest them".to_owned()),
            }));
        }
        found.push(batch);
    }
    Ok(found)
}

/// What ended an upload before its time, if something did; else what its rows failed by.
pub(super) fn why(broken: &Mutex<Option<Status>>, failed: &Status) -> Status {
    broken.lock().clone().unwrap_or_else(|| failed.clone())
}
