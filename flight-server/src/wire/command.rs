//! What a client asks for: the bytes of descriptors, tickets and actions, as one value each.
//!
//! Everything here is decoded from what anybody may send, before anything else looks at it. Decoding allocates in
//! proportion to the message and cannot fail otherwise than with [`Malformed`].

use arrow_flight::{
    Action, CancelFlightInfoRequest, FlightDescriptor, RenewFlightEndpointRequest, Ticket,
    flight_descriptor::DescriptorType,
    sql::{self, Any, Command, ProstMessageExt},
};
use prost::{Message, bytes::Bytes};

use super::proto::{CloseSessionRequest, GetSessionOptionsRequest, SetSessionOptionsRequest};

/// What arrived is not a message of Flight SQL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(&'static str);

/// A question whose answer is rows: in a descriptor, or in a ticket.
#[derive(Debug, Clone, PartialEq)]
pub enum Question {
    /// One statement of SQL.
    Sql(String),
    /// A Substrait plan.
    Substrait(Bytes),
    /// A prepared statement, by its handle.
    Prepared(Bytes),
    /// A statement that was announced or is running, by its handle.
    Statement(Bytes),
    /// What there is.
    Metadata(Metadata),
    /// A statement whose answer is how many rows it changed.
    Update(Update),
    /// A statement of a transaction; there are no transactions.
    InTransaction,
}

/// A question about what there is.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is the Flight SQL command of its name")]
pub enum Metadata {
    SqlInfo(sql::CommandGetSqlInfo),
    Catalogs(sql::CommandGetCatalogs),
    Schemas(sql::CommandGetDbSchemas),
    Tables(sql::CommandGetTables),
    TableTypes(sql::CommandGetTableTypes),
    PrimaryKeys(sql::CommandGetPrimaryKeys),
    ExportedKeys(sql::CommandGetExportedKeys),
    ImportedKeys(sql::CommandGetImportedKeys),
    CrossReference(sql::CommandGetCrossReference),
    TypeInfo(sql::CommandGetXdbcTypeInfo),
}

/// A statement that is sent to be executed, with the rows that follow it.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// One statement of SQL.
    Sql(String),
    /// A prepared statement, with parameters.
    Prepared(Bytes),
    /// Rows for a table.
    Ingest(Box<sql::CommandStatementIngest>),
}

/// What a client puts.
#[derive(Debug, Clone, PartialEq)]
pub enum Put {
    /// A statement to be executed now.
    Update(Update),
    /// Parameters of a prepared query, for when it is executed.
    Bind(Bytes),
    /// A statement of a transaction; there are no transactions.
    InTransaction,
}

/// An action.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each variant is the Flight SQL action of its name")]
pub enum Request {
    CreatePreparedStatement(String),
    CreatePreparedSubstraitPlan(Bytes),
    ClosePreparedStatement(Bytes),
    BeginTransaction,
    EndTransaction,
    BeginSavepoint,
    EndSavepoint,
    /// The tickets of what is cancelled, and whether the older action asked.
    Cancel {
        tickets: Vec<Bytes>,
        older: bool,
    },
    RenewEndpoint(Box<arrow_flight::FlightEndpoint>),
    SetSessionOptions(SetSessionOptionsRequest),
    GetSessionOptions,
    CloseSession,
    InTransaction,
}

/// The question in a descriptor.
///
/// # Errors
/// [`Malformed`].
pub fn question_of(descriptor: &FlightDescriptor) -> Result<Question, Malformed> {
    if descriptor.r#type != DescriptorType::Cmd as i32 {
        return Err(Malformed("the descriptor names a path; Flight SQL sends commands"));
    }
    question(&descriptor.cmd)
}

/// The question in a ticket.
///
/// # Errors
/// [`Malformed`].
pub fn question_of_ticket(ticket: &Ticket) -> Result<Question, Malformed> {
    question(&ticket.ticket)
}

fn question(bytes: &Bytes) -> Result<Question, Malformed> {
    let question = match command(bytes)? {
        Command::CommandStatementQuery(query) if is_set(query.transaction_id.as_ref()) => Question::InTransaction,
        Command::CommandStatementQuery(query) => Question::Sql(query.query),
        Command::CommandStatementSubstraitPlan(plan) if is_set(plan.transaction_id.as_ref()) => Question::InTransaction,
        Command::CommandStatementSubstraitPlan(plan) => Question::Substrait(substrait(plan.plan)?),
        Command::CommandPreparedStatementQuery(query) => Question::Prepared(query.prepared_statement_handle),
        Command::TicketStatementQuery(ticket) => Question::Statement(ticket.statement_handle),
        Command::CommandGetSqlInfo(ask) => Question::Metadata(Metadata::SqlInfo(ask)),
        Command::CommandGetCatalogs(ask) => Question::Metadata(Metadata::Catalogs(ask)),
        Command::CommandGetDbSchemas(ask) => Question::Metadata(Metadata::Schemas(ask)),
        Command::CommandGetTables(ask) => Question::Metadata(Metadata::Tables(ask)),
        Command::CommandGetTableTypes(ask) => Question::Metadata(Metadata::TableTypes(ask)),
        Command::CommandGetPrimaryKeys(ask) => Question::Metadata(Metadata::PrimaryKeys(ask)),
        Command::CommandGetExportedKeys(ask) => Question::Metadata(Metadata::ExportedKeys(ask)),
        Command::CommandGetImportedKeys(ask) => Question::Metadata(Metadata::ImportedKeys(ask)),
        Command::CommandGetCrossReference(ask) => Question::Metadata(Metadata::CrossReference(ask)),
        Command::CommandGetXdbcTypeInfo(ask) => Question::Metadata(Metadata::TypeInfo(ask)),
        Command::CommandStatementUpdate(update) if is_set(update.transaction_id.as_ref()) => Question::InTransaction,
        Command::CommandStatementUpdate(update) => Question::Update(Update::Sql(update.query)),
        Command::CommandPreparedStatementUpdate(update) => {
            Question::Update(Update::Prepared(update.prepared_statement_handle))
        }
        Command::CommandStatementIngest(ingest) if is_set(ingest.transaction_id.as_ref()) => Question::InTransaction,
        Command::CommandStatementIngest(ingest) => Question::Update(Update::Ingest(Box::new(ingest))),
        Command::ActionBeginSavepointRequest(_)
        | Command::ActionBeginSavepointResult(_)
        | Command::ActionBeginTransactionRequest(_)
        | Command::ActionBeginTransactionResult(_)
        | Command::ActionCancelQueryRequest(_)
        | Command::ActionCancelQueryResult(_)
        | Command::ActionClosePreparedStatementRequest(_)
        | Command::ActionCreatePreparedStatementRequest(_)
        | Command::ActionCreatePreparedStatementResult(_)
        | Command::ActionCreatePreparedSubstraitPlanRequest(_)
        | Command::ActionEndSavepointRequest(_)
        | Command::ActionEndTransactionRequest(_)
        | Command::DoPutPreparedStatementResult(_)
        | Command::DoPutUpdateResult(_)
        | Command::Unknown(_) => return Err(Malformed("this is not a command that answers rows")),
    };
    Ok(question)
}

/// What a client puts, from the descriptor of its first message.
///
/// # Errors
/// [`Malformed`].
pub fn put_of(descriptor: &FlightDescriptor) -> Result<Put, Malformed> {
    match question_of(descriptor)? {
        Question::Update(update) => Ok(Put::Update(update)),
        Question::Prepared(handle) => Ok(Put::Bind(handle)),
        Question::InTransaction => Ok(Put::InTransaction),
        Question::Sql(_) | Question::Substrait(_) | Question::Statement(_) | Question::Metadata(_) => {
            Err(Malformed("this command is not one that rows are put to"))
        }
    }
}

/// The request in an action; `None` for an action that is not of Flight SQL.
///
/// # Errors
/// [`Malformed`].
pub fn request_of(action: &Action) -> Result<Option<Request>, Malformed> {
    let request = match action.r#type.as_str() {
        "CreatePreparedStatement" => {
            let ask: sql::ActionCreatePreparedStatementRequest = body(action)?;
            if is_set(ask.transaction_id.as_ref()) {
                Request::InTransaction
            } else {
                Request::CreatePreparedStatement(ask.query)
            }
        }
        "CreatePreparedSubstraitPlan" => {
            let ask: sql::ActionCreatePreparedSubstraitPlanRequest = body(action)?;
            if is_set(ask.transaction_id.as_ref()) {
                Request::InTransaction
            } else {
                Request::CreatePreparedSubstraitPlan(substrait(ask.plan)?)
            }
        }
        "ClosePreparedStatement" => {
            let ask: sql::ActionClosePreparedStatementRequest = body(action)?;
            Request::ClosePreparedStatement(ask.prepared_statement_handle)
        }
        "BeginTransaction" => Request::BeginTransaction,
        "EndTransaction" => Request::EndTransaction,
        "BeginSavepoint" => Request::BeginSavepoint,
        "EndSavepoint" => Request::EndSavepoint,
        "CancelQuery" => {
            let ask: sql::ActionCancelQueryRequest = body(action)?;
            let info = arrow_flight::FlightInfo::decode(ask.info).map_err(|_| Malformed("this is no FlightInfo"))?;
            Request::Cancel { tickets: tickets(info), older: true }
        }
        "CancelFlightInfo" => {
            let ask = CancelFlightInfoRequest::decode(action.body.clone()).map_err(|_| NOT_THE_MESSAGE)?;
            let info = ask.info.ok_or(Malformed("there is no FlightInfo in the request"))?;
            Request::Cancel { tickets: tickets(info), older: false }
        }
        "RenewFlightEndpoint" => {
            let ask = RenewFlightEndpointRequest::decode(action.body.clone()).map_err(|_| NOT_THE_MESSAGE)?;
            Request::RenewEndpoint(Box::new(ask.endpoint.ok_or(Malformed("there is no endpoint in the request"))?))
        }
        "SetSessionOptions" => Request::SetSessionOptions(
            SetSessionOptionsRequest::decode(action.body.clone()).map_err(|_| NOT_THE_MESSAGE)?,
        ),
        "GetSessionOptions" => {
            GetSessionOptionsRequest::decode(action.body.clone()).map_err(|_| NOT_THE_MESSAGE)?;
            Request::GetSessionOptions
        }
        "CloseSession" => {
            CloseSessionRequest::decode(action.body.clone()).map_err(|_| NOT_THE_MESSAGE)?;
            Request::CloseSession
        }
        _ => return Ok(None),
    };
    Ok(Some(request))
}

/// Every action that [`request_of`] reads, with what it does.
pub const ACTIONS: [(&str, &str); 14] = [
    ("CreatePreparedStatement", "Prepares a statement; answers its handle, columns and parameters"),
    ("CreatePreparedSubstraitPlan", "Prepares a Substrait plan; answers its handle and columns"),
    ("ClosePreparedStatement", "Forgets a prepared statement"),
    ("BeginTransaction", "Not supported: every statement is a transaction of its own"),
    ("EndTransaction", "Not supported: every statement is a transaction of its own"),
    ("BeginSavepoint", "Not supported: every statement is a transaction of its own"),
    ("EndSavepoint", "Not supported: every statement is a transaction of its own"),
    ("CancelQuery", "Cancels a statement; superseded by CancelFlightInfo"),
    ("CancelFlightInfo", "Cancels a statement"),
    ("RenewFlightEndpoint", "Lets an endpoint live longer"),
    ("SetSessionOptions", "Sets options of the session"),
    ("GetSessionOptions", "Answers the options of the session"),
    ("CloseSession", "Ends the session and what it holds"),
    ("HealthCheck", "Answers nothing, successfully"),
];

const NOT_THE_MESSAGE: Malformed = Malformed("the body is not the message of this action");

fn command(bytes: &Bytes) -> Result<Command, Malformed> {
    let any = Any::decode(bytes.as_ref()).map_err(|_| Malformed("this is not a command of Flight SQL"))?;
    Command::try_from(any).map_err(|_| Malformed("this is not a command of Flight SQL"))
}

fn body<M: ProstMessageExt>(action: &Action) -> Result<M, Malformed> {
    let any = Any::decode(action.body.as_ref()).map_err(|_| NOT_THE_MESSAGE)?;
    any.unpack().ok().flatten().ok_or(NOT_THE_MESSAGE)
}

fn is_set(transaction: Option<&Bytes>) -> bool {
    // Some clients send an empty id where they mean none.
    transaction.is_some_and(|id| !id.is_empty())
}

fn substrait(plan: Option<sql::SubstraitPlan>) -> Result<Bytes, Malformed> {
    plan.map(|plan| plan.plan).ok_or(Malformed("there is no Substrait plan in the command"))
}

fn tickets(info: arrow_flight::FlightInfo) -> Vec<Bytes> {
    info.endpoint.into_iter().filter_map(|endpoint| Some(endpoint.ticket?.ticket)).collect()
}
