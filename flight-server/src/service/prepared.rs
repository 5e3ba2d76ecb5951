//! Prepared statements: kept, with the values that are bound to them, and held against what is allowed at each execution.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use parking_lot::Mutex;
use prost::{Message, bytes::Bytes};
use sluice_engine::{Prepared, StatementKind, SubstraitQuery};
use sluice_planner::parse::Parsed;
use tonic::Status;

use super::{
    Answers, Caller, Core,
    parameters::{self, BoundValues},
    statement::{self, Told},
};
use crate::{
    handles::Weight,
    status,
    wire::{IpcMessage, encoded, parameter_schema, proto::CreatePreparedStatementResult},
};

/// A statement that was prepared under a handle.
pub(crate) struct Held {
    pub(super) statement: Sort,
    weight: Arc<Weight>,
    told: Told,
    /// The values for its next execution.
    bound: Mutex<Bound>,
}

/// What was prepared.
pub(crate) enum Sort {
    Sql(Arc<Prepared>),
    Substrait(Arc<SubstraitQuery>),
}

/// Values for an execution, and what they weigh.
#[derive(Clone, Default)]
struct Bound {
    values: BoundValues,
    weight: Option<Arc<Weight>>,
}

impl Held {
    /// What is bound to its statement, `parsed`.
    fn bound_to(&self, parsed: &Parsed) -> Result<Bound, Status> {
        let bound = self.bound.lock().clone();
        if bound.values.is_empty() && !parsed.parameters.is_empty() {
            return Err(status::invalid(&format!(
                "no values are bound to the {} parameters of the statement",
                parsed.parameters.len()
            )));
        }
        Ok(bound)
    }
}

/// Keeps what was prepared for the caller; answers its handle.
fn keep(core: &Core, caller: &Caller, statement: Sort) -> Result<Bytes, Status> {
    let bytes = match &statement {
        Sort::Sql(prepared) => prepared.bytes(),
        Sort::Substrait(query) => query.bytes(),
    };
    let weight = core.weigh(caller, bytes)?;
    let held = Held { statement, weight: Arc::clone(&weight), told: Told::default(), bound: Mutex::default() };
    Ok(core.prepared.give(caller.owner(), held, weight))
}

/// Prepares a statement.
pub(super) async fn create(core: &Core, caller: &Caller, text: &str) -> Result<Bytes, Status> {
    let prepared = Arc::new(Prepared::new(statement::one_statement(&caller.session()?, text)?));
    let described = statement::describe(core, caller, Arc::clone(&prepared), None).await?;
    let is_update = matches!(described.kind, StatementKind::Write | StatementKind::Change);
    // An update answers no rows to those who send it as one, and says so by having no columns.
    let dataset_schema = if is_update { Bytes::new() } else { encoded(&statement::answered(&described, caller))? };
    // What the planner could not tell a type of may have any.
    let parameters = prepared.parsed().parameters.iter().map(|name| {
        let known = described.parameters.iter().find(|(known, _)| known == name);
        (Arc::clone(name), known.and_then(|(_, data_type)| data_type.clone()))
    });
    let parameter_schema = encoded(&parameter_schema(&parameters.collect::<Vec<_>>()))?;
    let handle = keep(core, caller, Sort::Sql(prepared))?;
    Ok(answer(handle, dataset_schema, parameter_schema, is_update))
}

/// Prepares a Substrait plan.
pub(super) async fn create_substrait(core: &Core, caller: &Caller, plan: &[u8]) -> Result<Bytes, Status> {
    let query = Arc::new(statement::decode(core, caller, plan).await?);
    let announced = statement::announce_substrait(core, caller, Arc::clone(&query)).await?;
    let dataset_schema = announced.columns.encoded;
    let parameter_schema = encoded(&parameter_schema(&[]))?;
    let handle = keep(core, caller, Sort::Substrait(query))?;
    Ok(answer(handle, dataset_schema, parameter_schema, false))
}

fn answer(handle: Bytes, dataset_schema: Bytes, parameter_schema: Bytes, is_update: bool) -> Bytes {
    let result = CreatePreparedStatementResult {
        prepared_statement_handle: handle,
        dataset_schema,
        parameter_schema,
        is_update: Some(is_update),
    };
    let any = arrow_flight::sql::Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.ActionCreatePreparedStatementResult".to_owned(),
        value: result.encode_to_vec().into(),
    };
    any.encode_to_vec().into()
}

/// Announces the next execution of a prepared statement, with the values that are bound to it.
pub(super) async fn announce(core: &Core, caller: &Caller, handle: &[u8]) -> Result<statement::Announced, Status> {
    let held = find(core, caller, handle)?;
    let mut shared = vec![Arc::clone(&held.weight)];
    let announced = match &held.statement {
        Sort::Sql(prepared) => {
            let bound = held.bound_to(prepared.parsed())?;
            shared.extend(bound.weight);
            statement::announce_sql(core, caller, Arc::clone(prepared), bound.values, &held.told).await?
        }
        Sort::Substrait(query) => statement::announce_substrait(core, caller, Arc::clone(query)).await?,
    };
    Ok(statement::Announced { shared, ..announced })
}

/// The next execution of a prepared statement of SQL, and the values that are bound to it; `None` where it is a Substrait
/// plan.
pub(super) fn execution(
    core: &Core,
    caller: &Caller,
    handle: &[u8],
) -> Result<Option<(Arc<Prepared>, BoundValues)>, Status> {
    let held = find(core, caller, handle)?;
    match &held.statement {
        Sort::Sql(prepared) => Ok(Some((Arc::clone(prepared), held.bound_to(prepared.parsed())?.values))),
        Sort::Substrait(_) => Ok(None),
    }
}

/// The columns that a prepared statement answers.
pub(super) async fn schema(core: &Core, caller: &Caller, handle: &[u8]) -> Result<SchemaRef, Status> {
    let held = find(core, caller, handle)?;
    match &held.statement {
        Sort::Sql(prepared) => {
            let described = statement::describe(core, caller, Arc::clone(prepared), None).await?;
            Ok(statement::answered(&described, caller))
        }
        Sort::Substrait(query) => {
            Ok(statement::announce_substrait(core, caller, Arc::clone(query)).await?.columns.schema)
        }
    }
}

/// The rows of a prepared statement, for clients that fetch without an announcement.
pub(super) async fn fetch(core: &Core, caller: &Caller, handle: &[u8]) -> Result<Answers<IpcMessage>, Status> {
    let announced = announce(core, caller, handle).await?;
    statement::rows(core, caller, &announced).await
}

/// Binds values for the next execution.
pub(super) fn bind(core: &Core, caller: &Caller, handle: &[u8], batches: &[RecordBatch]) -> Result<(), Status> {
    let held = find(core, caller, handle)?;
    let rows = match &held.statement {
        Sort::Sql(prepared) => parameters::rows(&prepared.parsed().parameters, batches)?,
        Sort::Substrait(_) => return Err(status::invalid("a Substrait plan has no parameters")),
    };
    let mut bound = held.bound.lock();
    // The values before go first, so that they do not stand in the way.
    *bound = Bound::default();
    let weight = core.weigh(caller, parameters::bytes(&rows))?;
    *bound = Bound { values: Arc::new(rows), weight: Some(weight) };
    Ok(())
}

/// A prepared statement of the caller's.
pub(super) fn find(core: &Core, caller: &Caller, handle: &[u8]) -> Result<Arc<Held>, Status> {
    core.prepared.get(caller.owner(), handle).ok_or_else(status::unknown_handle)
}

/// Forgets a prepared statement. One that is not there is as good as forgotten.
pub(super) fn close(core: &Core, caller: &Caller, handle: &[u8]) {
    core.prepared.take(caller.owner(), handle);
}
