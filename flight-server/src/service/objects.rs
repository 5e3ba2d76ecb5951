//! Metadata: what there is, cut to what the caller may know of.

use std::sync::Arc;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::{
    FlightDescriptor, FlightEndpoint, FlightInfo, Ticket,
    sql::{
        CommandGetCatalogs, CommandGetDbSchemas, CommandGetTableTypes, CommandGetTables,
        metadata::{GetCatalogsBuilder, GetTablesBuilder},
    },
};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream;
use prost::bytes::Bytes;
use sluice_catalog::TableKind;
use sluice_engine::{ObjectFilter, ResultLabels, Session};
use sluice_planner::parse::CATALOG;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{Answers, Caller, Core, keys, sql_info, type_info};
use crate::{
    executor::{Begun, Depth},
    metrics::StatementKind,
    status,
    wire::{Columns, IpcMessage, ViewTypes, command::Metadata, encoded, wire_schema},
};

/// The kinds of tables, as clients call them.
const KINDS: [(&str, TableKind); 4] = [
    ("TABLE", TableKind::Managed),
    ("EXTERNAL TABLE", TableKind::External),
    ("VIEW", TableKind::View),
    ("LOCAL TEMPORARY", TableKind::Temporary),
];

/// Announces the answer to `ask`. The ticket is the question: it says nothing that its sender did not, and whoever
/// fetches is answered what they may know.
pub(super) fn announce(core: &Core, ask: &Metadata, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
    let ticket = descriptor.cmd.clone();
    let expires = std::time::SystemTime::now() + core.statements.lifetime();
    Ok(FlightInfo {
        schema: encoded(&schema(ask))?,
        flight_descriptor: Some(descriptor),
        endpoint: vec![FlightEndpoint {
            ticket: Some(Ticket { ticket }),
            location: Vec::new(),
            expiration_time: Some(expires.into()),
            app_metadata: Bytes::new(),
        }],
        total_records: -1,
        total_bytes: -1,
        ordered: true,
        app_metadata: Bytes::new(),
    })
}

/// The columns of the answer to `ask`.
pub(super) fn schema(ask: &Metadata) -> SchemaRef {
    match ask {
        Metadata::SqlInfo(_) => sql_info::schema(),
        Metadata::Catalogs(ask) => ask.into_builder().schema(),
        Metadata::Schemas(ask) => ask.clone().into_builder().schema(),
        Metadata::Tables(ask) => ask.clone().into_builder().schema(),
        Metadata::TableTypes(ask) => ask.into_builder().schema(),
        Metadata::PrimaryKeys(_) => keys::primary(),
        Metadata::ExportedKeys(_) | Metadata::ImportedKeys(_) | Metadata::CrossReference(_) => keys::foreign(),
        Metadata::TypeInfo(_) => type_info::schema(),
    }
}

/// The answer to `ask`.
pub(super) async fn fetch(core: &Core, caller: &Caller, ask: Metadata) -> Result<Answers<IpcMessage>, Status> {
    let turn = core.turn(caller, StatementKind::Command, Depth::Shallow).await?;
    let session = caller.session()?;
    let batch = match ask {
        Metadata::SqlInfo(ask) => sql_info::answer(&ask, core.engine.catalog().is_read_only())?,
        Metadata::Catalogs(ask) => catalogs(ask)?,
        Metadata::Schemas(ask) => schemas(&session, ask).await?,
        Metadata::Tables(ask) => tables(&session, ask).await?,
        Metadata::TableTypes(ask) => table_types(ask)?,
        Metadata::PrimaryKeys(_) => RecordBatch::new_empty(keys::primary()),
        Metadata::ExportedKeys(_) | Metadata::ImportedKeys(_) | Metadata::CrossReference(_) => {
            RecordBatch::new_empty(keys::foreign())
        }
        Metadata::TypeInfo(ask) => type_info::answer(&ask)?,
    };
    let schema = batch.schema();
    let rows = Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&schema), stream::iter([Ok(batch)])));
    Ok(core.send(turn, &CancellationToken::new(), &Columns::of(schema)?, Begun::nothing(rows)))
}

fn catalogs(ask: CommandGetCatalogs) -> Result<RecordBatch, Status> {
    let mut builder: GetCatalogsBuilder = ask.into_builder();
    builder.append(CATALOG);
    builder.build().map_err(unwritable)
}

fn table_types(ask: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let mut builder = ask.into_builder();
    for (name, _) in KINDS {
        builder.append(name);
    }
    builder.build().map_err(unwritable)
}

async fn schemas(session: &Session, ask: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let names = if is_ours(ask.catalog.as_deref()) {
        let like = ask.db_schema_filter_pattern.as_deref();
        session.visible_schemas(like).await.map_err(|error| status::of(&error))?
    } else {
        Vec::new()
    };
    let mut builder = ask.into_builder();
    for name in names {
        builder.append(CATALOG, name.as_str());
    }
    builder.build().map_err(unwritable)
}

async fn tables(session: &Session, ask: CommandGetTables) -> Result<RecordBatch, Status> {
    let wanted = |kind: &str| ask.table_types.is_empty() || ask.table_types.iter().any(|asked| asked == kind);
    let kinds: Vec<_> = KINDS.iter().filter(|(name, _)| wanted(name)).map(|(_, kind)| *kind).collect();
    let filter = ObjectFilter {
        schema: ask.db_schema_filter_pattern.clone(),
        table: ask.table_name_filter_pattern.clone(),
        kinds: kinds.clone(),
    };
    let tables = if is_ours(ask.catalog.as_deref()) && !kinds.is_empty() {
        session.visible_tables(&filter).await.map_err(|error| status::of(&error))?
    } else {
        Vec::new()
    };
    let include_schema = ask.include_schema;
    let mut builder: GetTablesBuilder = ask.into_builder();
    for table in tables {
        let columns = if include_schema {
            let name = [table.name.schema.to_string(), table.name.table.to_string()];
            // What cannot be opened today is listed without columns; one broken file does not hide all others.
            session
                .columns(&name)
                .await
                .unwrap_or_else(|_| (Arc::new(arrow::datatypes::Schema::empty()), ResultLabels::default()))
        } else {
            (Arc::new(arrow::datatypes::Schema::empty()), ResultLabels::default())
        };
        let schema = wire_schema(&columns.0, &columns.1, ViewTypes::Plain);
        let kind = KINDS.iter().find(|(_, kind)| *kind == table.kind).map_or("TABLE", |(name, _)| name);
        builder.append(CATALOG, table.name.schema.as_str(), &*table.name.table, kind, &schema).map_err(unwritable)?;
    }
    builder.build().map_err(unwritable)
}

/// Whether a question is about our one catalog. An empty name asks for what is in no catalog, which is nothing.
fn is_ours(catalog: Option<&str>) -> bool {
    catalog.is_none_or(|catalog| catalog == CATALOG)
}

fn unwritable(_error: arrow_flight::error::FlightError) -> Status {
    status::internal("an answer cannot be written")
}
