//! Actions.

use std::sync::Arc;

use arrow_flight::{
    Action, CancelFlightInfoResult, CancelStatus, FlightEndpoint, Ticket,
    sql::{ActionCancelQueryResult, ProstMessageExt},
};
use prost::{Message, bytes::Bytes};
use tonic::Status;

use super::{
    Caller, Core, prepared, session_options,
    statement::{self, Announced},
};
use crate::{
    status,
    wire::command::{self, Question, Request},
};

/// Does what `action` asks for; answers the bodies of its results.
pub(super) async fn act(core: &Core, caller: &Caller, action: &Action) -> Result<Vec<Bytes>, Status> {
    let request = command::request_of(action).map_err(|error| status::of_malformed(&error))?;
    let Some(request) = request else {
        if action.r#type == "HealthCheck" {
            return Ok(Vec::new());
        }
        return Err(status::unsupported("this action is not known\nhelp: ListActions lists those that are"));
    };
    match request {
        Request::CreatePreparedStatement(text) => Ok(vec![prepared::create(core, caller, &text).await?]),
        Request::CreatePreparedSubstraitPlan(plan) => Ok(vec![prepared::create_substrait(core, caller, &plan).await?]),
        Request::ClosePreparedStatement(handle) => {
            prepared::close(core, caller, &handle);
            Ok(Vec::new())
        }
        Request::BeginTransaction
        | Request::EndTransaction
        | Request::BeginSavepoint
        | Request::EndSavepoint
        | Request::InTransaction => Err(statement::no_transactions()),
        Request::Cancel { tickets, older } => Ok(vec![cancel(core, caller, &tickets, older)]),
        Request::RenewEndpoint(endpoint) => Ok(vec![renew(core, caller, *endpoint)?]),
        Request::SetSessionOptions(options) => Ok(vec![session_options::set(caller, options)?]),
        Request::GetSessionOptions => Ok(vec![session_options::get(caller)]),
        Request::CloseSession => Ok(vec![session_options::close(core, caller)]),
    }
}

/// Ends what runs under the tickets. What has ended, or is not the caller's, cannot be cancelled.
fn cancel(core: &Core, caller: &Caller, tickets: &[Bytes], older: bool) -> Bytes {
    let mut cancelled = false;
    for ticket in tickets {
        if let Some(announced) = announced(core, caller, ticket) {
            announced.cancel.cancel();
            cancelled = true;
        }
    }
    let status = if cancelled { CancelStatus::Cancelled } else { CancelStatus::NotCancellable };
    if older {
        // The older action's results have the same numbers.
        return ActionCancelQueryResult { result: status as i32 }.as_any().encode_to_vec().into();
    }
    CancelFlightInfoResult { status: status as i32 }.encode_to_vec().into()
}

/// Looking a handle up lets it live for another lifetime.
fn renew(core: &Core, caller: &Caller, endpoint: FlightEndpoint) -> Result<Bytes, Status> {
    let ticket = endpoint.ticket.ok_or_else(|| status::invalid("the endpoint has no ticket"))?.ticket;
    announced(core, caller, &ticket).ok_or_else(status::unknown_handle)?;
    let renewed = statement::endpoint(core, handle(&ticket).ok_or_else(status::unknown_handle)?);
    Ok(renewed.encode_to_vec().into())
}

fn announced(core: &Core, caller: &Caller, ticket: &Bytes) -> Option<Arc<Announced>> {
    core.statements.get(caller.owner(), &handle(ticket)?)
}

fn handle(ticket: &Bytes) -> Option<Bytes> {
    match command::question_of_ticket(&Ticket { ticket: ticket.clone() }) {
        Ok(Question::Statement(handle)) => Some(handle),
        Ok(
            Question::Sql(_)
            | Question::Substrait(_)
            | Question::Prepared(_)
            | Question::Metadata(_)
            | Question::Update(_)
            | Question::InTransaction,
        )
        | Err(_) => None,
    }
}
