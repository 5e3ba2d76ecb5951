//! Bulk ingest: a client's rows into a table, in one transaction.

use std::sync::Arc;

use arrow::datatypes::Schema;
use arrow_flight::{
    FlightData,
    sql::{CommandStatementIngest, TableDefinitionOptions, TableExistsOption, TableNotExistOption},
};
use futures::{StreamExt, stream, stream::BoxStream};
use sluice_engine::{Ingest, IngestMode};
use sluice_model::TableName;
use sluice_planner::parse::{CATALOG, TEMPORARY};
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Caller, Core, put};
use crate::{
    executor::Depth,
    metrics::{Stage, StatementKind},
    status,
    wire::{Upload, schema_of},
};

/// Writes the rows; answers how many there were.
pub(super) async fn ingest(
    core: &Core,
    caller: &Arc<Caller>,
    ask: CommandStatementIngest,
    first: FlightData,
    rest: BoxStream<'static, Result<FlightData, Status>>,
) -> Result<u64, Status> {
    let session = caller.session()?;
    let schema = schema_of(&first)
        .ok_or_else(|| status::invalid("the first message of an ingest holds the columns of the rows"))?;
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_metadata(Default::default()));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let ingest =
        Ingest { table: target(&ask, session.schema().map(|schema| schema.as_str()))?, mode: mode(&ask)?, schema };
    let turn = core.turn(caller, StatementKind::Ingest, Depth::Shallow).await?;
    let rows = Upload::new(stream::iter([Ok(first)]).chain(rest), core.limits.max_message_bytes());
    let broken = rows.broken();
    let work = async move { session.ingest(&ingest, rows).await };
    let written = core
        .run(&turn, Stage::Execute, &CancellationToken::new(), work)
        .await
        .map_err(|error| put::why(&broken, &error))?;
    core.finished(turn);
    Ok(written)
}

fn target(ask: &CommandStatementIngest, current: Option<&str>) -> Result<TableName, Status> {
    if ask.catalog.as_deref().is_some_and(|catalog| !catalog.is_empty() && catalog != CATALOG) {
        return Err(status::invalid(&format!("there is one catalog, and it is called {CATALOG}")));
    }
    if ask.table.is_empty() {
        return Err(status::invalid("the ingest names no table"));
    }
    if ask.temporary {
        return Ok(TableName::new(TEMPORARY, ask.table.as_str()));
    }
    let named = ask.schema.as_deref().filter(|schema| !schema.is_empty());
    match (named.or(current), ask.table.split_once('.')) {
        (Some(schema), _) => Ok(TableName::new(schema, ask.table.as_str())),
        // Clients that cannot name a schema write it before the table.
        (None, Some((schema, table))) if !schema.is_empty() && !table.is_empty() && !table.contains('.') => {
            Ok(TableName::new(schema, table))
        }
        (None, _) => Err(status::invalid(
            "the ingest names no schema\nhelp: give one with the table, or set the session option `schema`",
        )),
    }
}

fn mode(ask: &CommandStatementIngest) -> Result<IngestMode, Status> {
    let TableDefinitionOptions { if_not_exist, if_exists } = ask.table_definition_options.unwrap_or_default();
    let missing = TableNotExistOption::try_from(if_not_exist);
    let existing = TableExistsOption::try_from(if_exists);
    let creates = match missing {
        Ok(TableNotExistOption::Create) => true,
        Ok(TableNotExistOption::Fail | TableNotExistOption::Unspecified) => false,
        Err(_) => return Err(status::invalid("the ingest does not say what to do where the table is missing")),
    };
    match (creates, existing) {
        (true, Ok(TableExistsOption::Fail | TableExistsOption::Unspecified)) => Ok(IngestMode::Create),
        (true, Ok(TableExistsOption::Append)) => Ok(IngestMode::CreateAppend),
        (true, Ok(TableExistsOption::Replace)) => Ok(IngestMode::Replace),
        (false, Ok(TableExistsOption::Append)) => Ok(IngestMode::Append),
        (false, _) => Err(status::invalid("an ingest that does not make a table appends to one")),
        (true, Err(_)) => Err(status::invalid("the ingest does not say what to do where the table exists")),
    }
}
