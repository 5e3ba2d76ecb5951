//! Statements that are polled: one that changes something runs in the background until it is done.

use std::{sync::Arc, time::Duration};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::{
    FlightDescriptor, PollInfo,
    sql::{ProstMessageExt, TicketStatementQuery},
};
use parking_lot::Mutex;
use prost::{Message, bytes::Bytes};
use sluice_engine::{Prepared, StatementKind};
use tokio::sync::Notify;
use tonic::Status;

use super::{
    Caller, Core,
    parameters::BoundValues,
    prepared,
    statement::{self, Announced, Control, Work},
};
use crate::{
    status,
    wire::{Columns, command::Question, encoded},
};

/// How long a poll waits for the end before it answers that there is none yet.
const PATIENCE: Duration = Duration::from_millis(500);

/// What a statement answered: its columns and rows.
type Answer = (SchemaRef, Vec<RecordBatch>);

/// A statement that runs in the background.
#[derive(Default)]
pub(crate) struct Operation {
    control: Control,
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
    if let Question::Statement(handle) = question {
        let announced = core.statements.get(caller.owner(), &handle).ok_or_else(status::unknown_handle)?;
        return match &announced.work {
            Work::Operation(operation) => progress(core, operation, handle).await,
            Work::Sql(..) | Work::Substrait(_) | Work::Done(_) => {
                Ok(done(core, statement::info(core, announced.columns.encoded.clone(), handle, descriptor)))
            }
        };
    }
    let execution = match &question {
        Question::Sql(text) => {
            let prepared = Prepared::new(statement::one_statement(&caller.session()?, text)?);
            Some((Arc::new(prepared), Arc::default()))
        }
        Question::Prepared(handle) => prepared::execution(core, caller, handle)?,
        Question::Statement(_)
        | Question::Substrait(_)
        | Question::Metadata(_)
        | Question::Update(_)
        | Question::InTransaction => None,
    };
    if let Some((prepared, rows)) = execution
        && StatementKind::of(&prepared.parsed().statement).changes()
    {
        return begin(core, caller, prepared, rows).await;
    }
    let info = statement::announce(core, caller, question, descriptor).await?;
    Ok(done(core, info))
}

/// Begins a statement in the background, with the values that are bound to it.
async fn begin(
    core: &Arc<Core>,
    caller: &Arc<Caller>,
    prepared: Arc<Prepared>,
    rows: BoundValues,
) -> Result<PollInfo, Status> {
    let operation = Arc::new(Operation::default());
    let announced = Announced {
        columns: Columns::of(Arc::new(arrow::datatypes::Schema::empty()))?,
        work: Work::Operation(Arc::clone(&operation)),
        cancel: operation.control.cancel.clone(),
        shared: Vec::new(),
    };
    let handle = statement::keep(core, caller, announced)?;
    let running = (Arc::clone(core), Arc::clone(caller), Arc::clone(&operation));
    tokio::spawn(async move {
        let (core, caller, operation) = running;
        let kind = StatementKind::of(&prepared.parsed().statement);
        let rows = rows.as_ref().clone();
        let result = match statement::execute(&core, &caller, prepared, rows, &operation.control).await {
            Ok(outcome) => statement::answer(kind, outcome, &caller).await,
            Err(error) => Err(error),
        };
        operation.finish(result);
    });
    progress(core, &operation, handle).await
}

async fn progress(core: &Core, operation: &Operation, handle: Bytes) -> Result<PollInfo, Status> {
    let ticket = TicketStatementQuery { statement_handle: handle.clone() }.as_any().encode_to_vec();
    let descriptor = FlightDescriptor::new_cmd(ticket);
    match operation.wait().await {
        Some(Ok(schema)) => Ok(done(core, statement::info(core, encoded(&schema)?, handle, descriptor))),
        Some(Err(error)) => Err(error),
        None => Ok(PollInfo {
            info: None,
            flight_descriptor: Some(descriptor),
            progress: operation.control.progress.share(),
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
