//! Statements that are polled: one that changes something runs in the background until it is done.

use std::{sync::Arc, time::Duration};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::{
    FlightDescriptor, PollInfo,
    sql::{ProstMessageExt, TicketStatementQuery},
};
use parking_lot::Mutex;
use prost::{Message, bytes::Bytes};
use sluice_engine::StatementKind;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    Caller, Core,
    statement::{self, Announced, Work},
};
use crate::{status, wire::command::Question};

/// How long a poll waits for the end before it answers that there is none yet.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a statement answered: its columns and rows.
type Answer = (SchemaRef, Vec<RecordBatch>);

/// A statement that runs in the background.
#[derive(Default)]
pub(crate) struct Operation {
    ended: Mutex<Option<Result<Answer, Status>>>,
    end: Notify,
}

impl Operation {
    /// What the statement answered.
    pub(super) fn answer(&self) -> Result<Answer, Status> {
        match self.ended.lock().as_ref() {
            Some(Ok(answer)) => Ok(answer.clone()),
            Some(Err(error)) => Err(error.clone()),
            None => Err(Status::unavailable("the statement is still running\nhelp: poll until it is done")),
        }
    }

    /// Waits for the end, for a little while; answers whether it has come.
    async fn wait(&self) -> Option<Result<SchemaRef, Status>> {
        let end = self.end.notified();
        let ended = || {
            self.ended
                .lock()
                .as_ref()
                .map(|ended| ended.as_ref().map(|(schema, _)| Arc::clone(schema)).map_err(Clone::clone))
        };
        if let Some(ended) = ended() {
            return Some(ended);
        }
        let _ = tokio::time::timeout(PATIENCE, end).await;
        ended()
    }

    fn finish(&self, result: Result<Answer, Status>) {
        *self.ended.lock() = Some(result);
        self.end.notify_waiters();
    }
}

/// Answers how far a statement has come. A query is done as soon as it is planned: its rows come as they are read.
pub(super) async fn poll(
    core: &Arc<Core>,
    caller: &Arc<Caller>,
    question: Question,
    descriptor: FlightDescriptor,
) -> Result<PollInfo, Status> {
    match question {
        Question::Statement(handle) => {
            let announced = core.statements.get(caller.owner(), &handle).ok_or_else(status::unknown_handle)?;
            let Work::Operation(operation) = &announced.work else {
                let info = statement::info(core, &announced.schema, handle, descriptor)?;
                return Ok(done(core, info));
            };
            progress(core, operation, handle).await
        }
        Question::Sql(text) => {
            let parsed = Arc::new(statement::one_statement(&caller.session()?, &text)?);
            let kind = StatementKind::of(&parsed.statement);
            if !kind.changes() {
                let info = statement::announce(core, caller, Question::Sql(text), descriptor).await?;
                return Ok(done(core, info));
            }
            let operation = Arc::new(Operation::default());
            let cancel = CancellationToken::new();
            let handle = core.statements.give(
                caller.owner(),
                Announced {
                    schema: Arc::new(arrow::datatypes::Schema::empty()),
                    work: Work::Operation(Arc::clone(&operation)),
                    cancel: cancel.clone(),
                },
            );
            let running = (Arc::clone(core), Arc::clone(caller), Arc::clone(&operation));
            tokio::spawn(async move {
                let (core, caller, operation) = running;
                let result = match statement::execute(&core, &caller, parsed, Vec::new(), &cancel).await {
                    Ok(outcome) => statement::answer(kind, outcome, &caller).await,
                    Err(error) => Err(error),
                };
                operation.finish(result);
            });
            progress(core, &operation, handle).await
        }
        other @ (Question::Prepared(_)
        | Question::Substrait(_)
        | Question::Metadata(_)
        | Question::Update(_)
        | Question::InTransaction) => {
            let info = statement::announce(core, caller, other, descriptor).await?;
            Ok(done(core, info))
        }
    }
}

async fn progress(core: &Core, operation: &Operation, handle: Bytes) -> Result<PollInfo, Status> {
    let ticket = TicketStatementQuery { statement_handle: handle.clone() }.as_any().encode_to_vec();
    let descriptor = FlightDescriptor::new_cmd(ticket);
    match operation.wait().await {
        Some(Ok(schema)) => Ok(done(core, statement::info(core, &schema, handle, descriptor)?)),
        Some(Err(error)) => Err(error),
        None => Ok(PollInfo {
            info: None,
            flight_descriptor: Some(descriptor),
            progress: Some(0.0),
            expiration_time: expiration(core),
        }),
    }
}

fn done(core: &Core, info: arrow_flight::FlightInfo) -> PollInfo {
    PollInfo { info: Some(info), flight_descriptor: None, progress: Some(1.0), expiration_time: expiration(core) }
}

fn expiration(core: &Core) -> Option<prost_types::Timestamp> {
    Some((std::time::SystemTime::now() + core.statements.lifetime()).into())
}
