//! Statements: announced with their columns, then fetched with their rows.
//!
//! A statement that reads is planned when it is announced, and what it reads is decided about whenever it is fetched. One
//! that changes something runs once, when it is announced; what is fetched is what it answered.

use std::sync::Arc;

use arrow::{
    array::{Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use arrow_flight::{
    FlightDescriptor, FlightEndpoint, FlightInfo, Ticket,
    sql::{ProstMessageExt, TicketStatementQuery},
};
use datafusion::{common::ScalarValue, physical_plan::stream::RecordBatchStreamAdapter};
use futures::{TryStreamExt, stream};
use parking_lot::Mutex;
use prost::{Message, bytes::Bytes};
use sluice_engine::{
    Described, EngineError, Outcome, Prepared, Progress, ResultLabels, Session, StatementKind, SubstraitQuery,
};
use sluice_planner::{
    bind::Parameters,
    parse::{Parsed, Statement},
};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{
    Answers, Caller, Core, objects,
    operation::Operation,
    parameters::{self, BoundValues},
    prepared,
    running::Turn,
};
use crate::{
    executor::{Begun, Depth},
    handles::Weight,
    metrics::{self, Stage},
    status,
    wire::{Columns, IpcMessage, ViewTypes, command::Question, wire_schema},
};

/// A statement that was announced under a handle.
pub(crate) struct Announced {
    /// The columns that the client was told of.
    pub(super) columns: Columns,
    pub(super) work: Work,
    pub(super) cancel: CancellationToken,
    /// The weights of what it shares with a prepared statement.
    pub(super) shared: Vec<Arc<Weight>>,
}

/// What is done when a statement is fetched.
pub(crate) enum Work {
    /// It runs.
    Sql(Arc<Prepared>, BoundValues),
    /// It runs.
    Substrait(Arc<SubstraitQuery>),
    /// It has run.
    Done(Vec<RecordBatch>),
    /// It runs in the background since it was polled first.
    Operation(Arc<Operation>),
}

/// How a statement that changes something is told to end, and tells how far it has come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Control {
    pub(super) cancel: CancellationToken,
    pub(super) progress: Progress,
}

/// How large columns may be, in bytes as they are encoded, to be kept with a prepared statement. Nobody is charged for them.
const MOST_TOLD: usize = 8 << 10;

/// The columns that a prepared statement was announced in last, unless they are large.
#[derive(Default)]
pub(crate) struct Told(Mutex<Option<(Arc<Described>, ViewTypes, Columns)>>);

impl Told {
    /// The columns of what is `described`. They are made again only where it, or how it is sent, has changed.
    fn columns(&self, described: &Arc<Described>, caller: &Caller) -> Result<Columns, Status> {
        let mut told = self.0.lock();
        if let Some((before, views, columns)) = &*told
            && Arc::ptr_eq(before, described)
            && *views == caller.views()
        {
            return Ok(columns.clone());
        }
        let columns = Columns::of(answered(described, caller))?;
        if columns.encoded.len() <= MOST_TOLD {
            *told = Some((Arc::clone(described), caller.views(), columns.clone()));
        }
        Ok(columns)
    }
}

impl Work {
    /// How deep the statement may be.
    fn depth(&self) -> Depth {
        match self {
            Self::Sql(prepared, _) => Depth::of_statement(prepared.parsed().tokens),
            Self::Substrait(_) => Depth::Deep,
            Self::Done(_) | Self::Operation(_) => Depth::Shallow,
        }
    }
}

impl Announced {
    /// How much memory it takes besides what it shares, in bytes.
    fn bytes(&self) -> usize {
        let work = match &self.work {
            // What has run is not lost for want of room, and a few rows that say what was done take none worth counting.
            Work::Done(_) | Work::Operation(_) => return 0,
            Work::Sql(..) | Work::Substrait(_) if !self.shared.is_empty() => 0,
            Work::Sql(prepared, values) => prepared.bytes() + parameters::bytes(values),
            Work::Substrait(query) => query.bytes(),
        };
        work + self.columns.encoded.len() + self.columns.schema.fields().iter().map(|field| field.size()).sum::<usize>()
    }
}

/// Announces what `question` asks.
pub(super) async fn announce(
    core: &Core,
    caller: &Caller,
    question: Question,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    match question {
        Question::Sql(text) => {
            let prepared = Prepared::new(one_statement(&caller.session()?, &text)?);
            let announced = announce_sql(core, caller, Arc::new(prepared), Arc::default(), &Told::default()).await?;
            give(core, caller, announced, descriptor)
        }
        Question::Substrait(plan) => {
            let query = Arc::new(decode(core, caller, &plan).await?);
            let announced = announce_substrait(core, caller, query).await?;
            give(core, caller, announced, descriptor)
        }
        Question::Prepared(handle) => {
            let announced = prepared::announce(core, caller, &handle).await?;
            give(core, caller, announced, descriptor)
        }
        Question::Statement(handle) => {
            let announced = core.statements.get(caller.owner(), &handle).ok_or_else(status::unknown_handle)?;
            Ok(info(core, announced.columns.encoded.clone(), handle, descriptor))
        }
        Question::Metadata(ask) => objects::announce(core, &ask, descriptor),
        Question::Update(_) => Err(status::invalid("an update is sent with DoPut")),
        Question::InTransaction => Err(no_transactions()),
    }
}

/// The columns of what `question` asks. Nothing runs.
pub(super) async fn schema(core: &Core, caller: &Caller, question: Question) -> Result<SchemaRef, Status> {
    match question {
        Question::Sql(text) => {
            let session = caller.session()?;
            let prepared = Arc::new(Prepared::new(one_statement(&session, &text)?));
            describe(core, caller, prepared, None).await.map(|described| answered(&described, caller))
        }
        Question::Substrait(plan) => {
            let query = decode(core, caller, &plan).await?;
            Ok(announce_substrait(core, caller, Arc::new(query)).await?.columns.schema)
        }
        Question::Prepared(handle) => prepared::schema(core, caller, &handle).await,
        Question::Statement(handle) => {
            let announced = core.statements.get(caller.owner(), &handle).ok_or_else(status::unknown_handle)?;
            Ok(Arc::clone(&announced.columns.schema))
        }
        Question::Metadata(ask) => Ok(objects::schema(&ask)),
        Question::Update(_) => Err(status::invalid("an update answers no rows")),
        Question::InTransaction => Err(no_transactions()),
    }
}

/// The rows of an announced statement.
pub(super) async fn fetch(core: &Core, caller: &Caller, handle: &[u8]) -> Result<Answers<IpcMessage>, Status> {
    let announced = core.statements.get(caller.owner(), handle).ok_or_else(status::unknown_handle)?;
    rows(core, caller, &announced).await
}

/// The rows of an announced statement.
pub(super) async fn rows(core: &Core, caller: &Caller, announced: &Announced) -> Result<Answers<IpcMessage>, Status> {
    if announced.cancel.is_cancelled() {
        return Err(status::cancelled());
    }
    let columns = &announced.columns;
    let turn = core.turn(caller, metrics::StatementKind::Query, announced.work.depth()).await?;
    let mut session = turn.session(caller)?;
    let (columns, batches) = match &announced.work {
        Work::Sql(prepared, rows) => {
            if let Some(execution) = core.look(&turn, Stage::Analyze, session.at_once(prepared, rows)).await {
                let work = async { begun(execution.run().await?).await };
                let begun = core.run_here(&turn, Stage::Execute, &announced.cancel, work).await?;
                return Ok(core.send(turn, &announced.cancel, columns, begun));
            }
            let home = core.engine.home().dir().to_path_buf();
            let (prepared, rows) = (Arc::clone(prepared), rows.as_ref().clone());
            let work = async move { begun(session.run_rows(&prepared, rows, &home).await?).await };
            let begun = core.run(&turn, Stage::Execute, &announced.cancel, work).await?;
            return Ok(core.send(turn, &announced.cancel, columns, begun));
        }
        Work::Substrait(query) => {
            let query = Arc::clone(query);
            let work = async move { begun(session.run_substrait(&query).await?).await };
            let begun = core.run(&turn, Stage::Execute, &announced.cancel, work).await?;
            return Ok(core.send(turn, &announced.cancel, columns, begun));
        }
        Work::Done(batches) => (columns.clone(), batches.clone()),
        Work::Operation(operation) => {
            let (schema, batches) = operation.answer()?;
            (Columns::of(schema)?, batches)
        }
    };
    let rows = stream::iter(batches.into_iter().map(Ok));
    let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&columns.schema), rows));
    Ok(core.send(turn, &announced.cancel, &columns, Begun::nothing(rows)))
}

/// The rows of a query that has been started, and the first of them.
async fn begun(outcome: Outcome) -> Result<Begun, EngineError> {
    match outcome {
        Outcome::Rows { rows, .. } => Ok(Begun::of(rows).await),
        Outcome::Done { .. } => Err(EngineError::Bug("a query answered no rows".to_owned())),
    }
}

/// How long the text of a statement may be, in bytes.
pub(super) const MOST_TEXT: usize = 256 << 10;
/// How large a Substrait plan may be, in bytes.
const MOST_PLAN: usize = 4 << 20;

/// The one statement that `text` is.
pub(super) fn one_statement(session: &Session, text: &str) -> Result<Parsed, Status> {
    if text.len() > MOST_TEXT {
        return Err(status::invalid("a statement may have 256 KiB of text\nhelp: bind values, or ingest rows"));
    }
    let mut statements = session.parse(text).map_err(|error| status::of(&error))?;
    match (statements.pop(), statements.len()) {
        (Some(statement), 0) => Ok(statement),
        (None, _) => Err(status::invalid("there is no statement in the text")),
        (Some(_), more) => {
            Err(status::invalid(&format!("the text holds {} statements\nhelp: send one at a time", more + 1)))
        }
    }
}

/// Decodes a Substrait plan; the caller's session says what its short names stand for.
pub(super) async fn decode(core: &Core, caller: &Caller, plan: &[u8]) -> Result<SubstraitQuery, Status> {
    if plan.len() > MOST_PLAN {
        return Err(status::invalid("a Substrait plan may have 4 MiB"));
    }
    let turn = core.turn(caller, metrics::StatementKind::Query, Depth::Deep).await?;
    let (session, plan) = (caller.session()?, plan.to_vec());
    let work = async move { session.decode_substrait(&plan).await };
    core.run(&turn, Stage::Analyze, &CancellationToken::new(), work).await
}

/// Waits for the turn of `parsed`.
async fn turn_of(core: &Core, caller: &Caller, parsed: &Parsed) -> Result<Turn, Status> {
    let kind = family(StatementKind::of(&parsed.statement));
    core.turn(caller, kind, Depth::of_statement(parsed.tokens)).await
}

/// Plans a statement as a call of its own.
pub(super) async fn describe(
    core: &Core,
    caller: &Caller,
    prepared: Arc<Prepared>,
    parameters: Option<Parameters>,
) -> Result<Arc<Described>, Status> {
    let session = caller.session()?;
    let turn = turn_of(core, caller, prepared.parsed()).await?;
    let before = session.described_before(&prepared, parameters.as_ref());
    if let Some(described) = core.look(&turn, Stage::Analyze, before).await {
        return Ok(described);
    }
    let work = async move { session.describe_prepared(&prepared, parameters.as_ref()).await };
    core.run(&turn, Stage::Analyze, &CancellationToken::new(), work).await
}

/// A statement ready to be fetched. One that changes something has run.
pub(super) async fn announce_sql(
    core: &Core,
    caller: &Caller,
    prepared: Arc<Prepared>,
    rows: BoundValues,
    told: &Told,
) -> Result<Announced, Status> {
    let parsed = prepared.parsed();
    let kind = StatementKind::of(&parsed.statement);
    let control = Control::default();
    if kind.changes() {
        let outcome = execute(core, caller, prepared, rows.as_ref().clone(), &control).await?;
        let (schema, batches) = answer(kind, outcome, caller).await?;
        let columns = Columns::of(schema)?;
        return Ok(Announced { columns, work: Work::Done(batches), cancel: control.cancel, shared: Vec::new() });
    }
    let bound = rows.first().map(|row| Parameters::bound(&parsed.parameters, vec![row.clone()]));
    let parameters = bound.or_else(|| parsed.parameters.is_empty().then(Parameters::default));
    let described = describe(core, caller, Arc::clone(&prepared), parameters).await?;
    let columns = told.columns(&described, caller)?;
    Ok(Announced { columns, work: Work::Sql(prepared, rows), cancel: control.cancel, shared: Vec::new() })
}

/// A Substrait plan ready to be fetched.
pub(super) async fn announce_substrait(
    core: &Core,
    caller: &Caller,
    query: Arc<SubstraitQuery>,
) -> Result<Announced, Status> {
    let turn = core.turn(caller, metrics::StatementKind::Query, Depth::Deep).await?;
    let cancel = CancellationToken::new();
    let (session, asked) = (caller.session()?, Arc::clone(&query));
    let work = async move { session.describe_substrait(&asked).await };
    let described = core.run(&turn, Stage::Analyze, &cancel, work).await?;
    let columns = Columns::of(answered(&described, caller))?;
    Ok(Announced { columns, work: Work::Substrait(query), cancel, shared: Vec::new() })
}

/// Runs a statement that changes something, and keeps what it changed of the session.
pub(super) async fn execute(
    core: &Core,
    caller: &Caller,
    prepared: Arc<Prepared>,
    rows: Vec<Vec<ScalarValue>>,
    control: &Control,
) -> Result<Outcome, Status> {
    let turn = turn_of(core, caller, prepared.parsed()).await?;
    let mut session = turn.session(caller)?;
    session.followed_by(control.progress.clone());
    let home = core.engine.home().dir().to_path_buf();
    let running = Arc::clone(&prepared);
    let work = async move { session.run_rows(&running, rows, &home).await };
    let outcome = core.run(&turn, Stage::Execute, &control.cancel, work).await?;
    if let Statement::Set(variable) = &prepared.parsed().statement {
        caller.client.change(|session| session.set(variable)).map_err(|error| status::of(&error))?;
    }
    core.finished(turn);
    Ok(outcome)
}

/// What a statement that changed something answers, as rows: how many rows it changed, or that it is done.
pub(super) async fn answer(
    kind: StatementKind,
    outcome: Outcome,
    caller: &Caller,
) -> Result<(SchemaRef, Vec<RecordBatch>), Status> {
    let failed = |_| status::internal("an answer does not fit its columns");
    match outcome {
        Outcome::Rows { schema, rows } => {
            let batches: Vec<RecordBatch> =
                rows.map_err(EngineError::from_stream).try_collect().await.map_err(|error| status::of(&error))?;
            Ok((wire_schema(&schema, &ResultLabels::default(), caller.views()), batches))
        }
        Outcome::Done { affected, message } => {
            let schema = change_schema(kind);
            let column: arrow::array::ArrayRef = if kind == StatementKind::Write {
                let rows = affected.map(|rows| i64::try_from(rows).unwrap_or(i64::MAX));
                Arc::new(Int64Array::from(vec![rows]))
            } else {
                Arc::new(StringArray::from(vec![message]))
            };
            let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column]).map_err(failed)?;
            Ok((schema, vec![batch]))
        }
    }
}

/// The columns of what a statement answers.
pub(super) fn answered(described: &Described, caller: &Caller) -> SchemaRef {
    match described.kind {
        StatementKind::Query | StatementKind::Answer | StatementKind::ChangeWithRows => {
            wire_schema(&described.schema, &described.labels, caller.views())
        }
        StatementKind::Write | StatementKind::Change => change_schema(described.kind),
    }
}

fn change_schema(kind: StatementKind) -> SchemaRef {
    let field = if kind == StatementKind::Write {
        Field::new("affected_rows", DataType::Int64, true)
    } else {
        Field::new("status", DataType::Utf8, true)
    };
    wire_schema(&Schema::new(vec![field]), &ResultLabels::default(), Default::default())
}

/// What a statement counts as.
pub(super) fn family(kind: StatementKind) -> metrics::StatementKind {
    match kind {
        StatementKind::Query => metrics::StatementKind::Query,
        StatementKind::Write => metrics::StatementKind::Write,
        StatementKind::Answer | StatementKind::Change | StatementKind::ChangeWithRows => {
            metrics::StatementKind::Command
        }
    }
}

/// Keeps an announced statement for the caller; answers what the client is told of it.
fn give(
    core: &Core,
    caller: &Caller,
    announced: Announced,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo, Status> {
    let schema = announced.columns.encoded.clone();
    let handle = keep(core, caller, announced)?;
    Ok(info(core, schema, handle, descriptor))
}

/// Keeps an announced statement for the caller; answers its handle.
pub(super) fn keep(core: &Core, caller: &Caller, announced: Announced) -> Result<Bytes, Status> {
    let weight = core.weigh(caller, announced.bytes())?;
    Ok(core.statements.give(caller.owner(), announced, weight))
}

/// What a client is told of a statement, whose columns are encoded in `schema`.
pub(super) fn info(core: &Core, schema: Bytes, handle: Bytes, descriptor: FlightDescriptor) -> FlightInfo {
    FlightInfo {
        schema,
        flight_descriptor: Some(descriptor),
        endpoint: vec![endpoint(core, handle)],
        total_records: -1,
        total_bytes: -1,
        ordered: true,
        app_metadata: Bytes::new(),
    }
}

/// Where a statement is fetched, and until when.
pub(super) fn endpoint(core: &Core, handle: Bytes) -> FlightEndpoint {
    let ticket = TicketStatementQuery { statement_handle: handle }.as_any().encode_to_vec();
    let expires = std::time::SystemTime::now() + core.statements.lifetime();
    FlightEndpoint {
        ticket: Some(Ticket { ticket: ticket.into() }),
        location: Vec::new(),
        expiration_time: Some(expires.into()),
        app_metadata: Bytes::new(),
    }
}

/// Every statement is a transaction of its own: a Delta table is committed by itself.
pub(super) fn no_transactions() -> Status {
    status::unsupported(
        "there are no transactions of several statements: each statement is one of its own\nhelp: turn autocommit on",
    )
}
