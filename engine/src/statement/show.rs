//! `SHOW …` and `DESCRIBE`. Every answer is cut to what the caller may know of.

use std::collections::HashMap;

use sluice_catalog::{
    AuditFilter, GrantFilter, GrantObject as Stored, GrantRecord, TableKind, TableRecord, TableSource, delta,
};
use sluice_model::{ColumnName, Flow, Principal, SchemaName, TableAction, TableName, Tag};
use sluice_planner::parse::{GrantObject, ShowStatement};
use sluice_policy::SchemaResource;
use url::Url;

use super::{Standing, credentials, lineage, principals::require_kind, resource};
use crate::{
    EngineError, Outcome, Session,
    answer::{Cell, answer, moment},
    audit::full_reason,
};

pub(super) async fn run(session: &Session, show: &ShowStatement) -> Result<Outcome, EngineError> {
    match show {
        ShowStatement::Tags => tags(session).await,
        ShowStatement::TagsOn(table) => tags_on(session, table).await,
        ShowStatement::Unclassified(schema) => unclassified(session, schema.as_ref()).await,
        ShowStatement::Lineage(table, column) => lineage::show(session, table, column).await,
        ShowStatement::Grants(object, principal) => grants(session, object.as_ref(), principal.as_ref()).await,
        ShowStatement::Audit(principal) => audit(session, principal.as_deref()).await,
        ShowStatement::Tokens(principal) => credentials::show_tokens(session, principal.as_ref()).await,
        ShowStatement::Schemas => schemas(session).await,
        ShowStatement::Tables(schema) => tables(session, schema.as_ref()).await,
        ShowStatement::Columns(table) => columns(session, table).await,
        ShowStatement::Principals => principals(session).await,
        ShowStatement::Policies => policies(session).await,
        ShowStatement::History(table) => history(session, table).await,
    }
}

async fn tags(session: &Session) -> Result<Outcome, EngineError> {
    let rows = session.engine().catalog().tags().await?.into_iter().map(|tag| {
        [
            Cell::from(tag.tag.as_str()),
            tag.indirect.as_str().into(),
            tag.comment.map(|comment| comment.to_string()).into(),
            tag.created_by.to_string().into(),
        ]
    });
    answer(["tag", "indirect", "comment", "created_by"], &[], rows.collect())
}

async fn tags_on(session: &Session, table: &TableName) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(table, &standing).await?;
    if record.source.kind() == TableKind::View {
        return Err(EngineError::invalid(
            format!("`{table}` is a view; its tags come from what it reads"),
            format!("EXPLAIN GOVERNANCE SELECT * FROM {table} shows them for you"),
        ));
    }
    // The files say which columns there are now; what they have beyond the catalog is unclassified.
    let reference = sluice_planner::parse::TableRef::Table(sluice_catalog::TableRequest {
        name: table.clone(),
        at: Default::default(),
    });
    let loaded = session.load(&[reference], &HashMap::new()).await?;
    let snapshot = session.visible_table(&loaded, table)?;
    let mut origins = session.origins(&loaded);
    let mut rows = Vec::new();
    for column in &snapshot.columns {
        if column.tags.is_empty() {
            rows.push([
                Cell::from(column.name.to_string()),
                Tag::UNCLASSIFIED.into(),
                Flow::Direct.as_str().into(),
                "propagated".into(),
                table.column(column.name.clone()).to_string().into(),
            ]);
        }
        for tag in &column.tags {
            rows.push([
                Cell::from(column.name.to_string()),
                tag.tag.as_str().into(),
                tag.flow.as_str().into(),
                tag.source.as_str().into(),
                origins.show(&tag.origin).await?.into(),
            ]);
        }
    }
    for tag in &snapshot.row_tags {
        rows.push([
            Cell::Text(None),
            tag.tag.as_str().into(),
            tag.flow.as_str().into(),
            tag.source.as_str().into(),
            origins.show(&tag.origin).await?.into(),
        ]);
    }
    answer(["column", "tag", "flow", "source", "origin"], &[], rows)
}

/// Columns that nobody classified, those that appeared in the files since included.
async fn unclassified(session: &Session, schema: Option<&SchemaName>) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let catalog = session.engine().catalog();
    let mut visible: HashMap<TableName, bool> = HashMap::new();
    let mut found: Vec<ColumnName> = Vec::new();
    for column in catalog.unclassified(schema).await? {
        let sees = match visible.get(&column.table) {
            Some(sees) => *sees,
            None => {
                let sees = session.visible_record(&column.table, &standing).await.is_ok();
                visible.insert(column.table.clone(), sees);
                sees
            }
        };
        if sees {
            found.push(column);
        }
    }
    let rows = found.into_iter().map(|column| [Cell::from(column.table.to_string()), column.column.to_string().into()]);
    answer(["table", "column"], &[], rows.collect())
}

async fn grants(
    session: &Session,
    object: Option<&GrantObject>,
    principal: Option<&Principal>,
) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let catalog = session.engine().catalog();
    let administers = standing.decisions().administer().is_allowed();
    // To others than admins an unknown principal is one without grants that they may see.
    if let Some(principal) = principal.filter(|_| administers) {
        require_kind(session, principal).await?;
    }
    let object = match object {
        None => None,
        Some(GrantObject::Tag(tag)) => Some(Stored::Tag(tag.clone())),
        Some(GrantObject::Schema(name)) => {
            let schema = catalog.schema(name).await?.filter(|schema| sees_schema(schema, &standing));
            Some(Stored::Schema(schema.ok_or_else(|| super::hidden_schema(name))?.id))
        }
        Some(GrantObject::Table(name)) => Some(Stored::Table(session.visible_record(name, &standing).await?.id)),
    };
    let filter = GrantFilter { principal: principal.map(|principal| principal.name.clone()), object };
    let asked = |record: &GrantRecord| principal.is_none_or(|principal| principal.kind == record.kind);
    let mut rows = Vec::new();
    for record in catalog.grants(&filter).await?.into_iter().filter(asked) {
        if administers || concerns(session, &record, &standing).await? {
            rows.push([
                Cell::from(format!("{} {}", record.kind, record.grant.principal)),
                record.grant.action.to_string().into(),
                record.object_name.into(),
                record.grant.domain.map(|domain| domain.as_str().to_owned()).into(),
            ]);
        }
    }
    answer(["principal", "action", "object", "domain"], &[], rows)
}

/// Others see what is granted to themselves and their groups, and what is granted on tables that they own.
async fn concerns(session: &Session, record: &GrantRecord, standing: &Standing) -> Result<bool, EngineError> {
    let holder = &record.grant.principal;
    if *holder == standing.subject.principal.name || standing.subject.is_in(holder) {
        return Ok(true);
    }
    let Stored::Table(id) = &record.grant.object else { return Ok(false) };
    let Some(table) = session.engine().catalog().table_by_id(id).await? else { return Ok(false) };
    Ok(standing.decisions().table(TableAction::Own, &resource(&table)).is_allowed())
}

/// The log: an admin sees all of it, others their own statements.
async fn audit(session: &Session, principal: Option<&str>) -> Result<Outcome, EngineError> {
    let own = session.subject().principal.name.clone();
    let is_admin = session.is_admin().await?;
    if !is_admin && principal.is_some_and(|principal| *principal != *own) {
        session.require_admin("show the audit log of others").await?;
    }
    let principal = if is_admin { principal.map(Into::into) } else { Some(own) };
    let filter = AuditFilter { principal, limit: Some(10_000) };
    let rows = session.engine().catalog().audit(&filter).await?.into_iter().map(|record| {
        [
            Cell::from(moment(record.at_ms)),
            record.principal.to_string().into(),
            record.domain.as_str().into(),
            record.statement.to_string().into(),
            record.decision.as_str().into(),
            if is_admin { full_reason(&record) } else { record.reason }.into(),
            record.fingerprint.into(),
            record.cache.to_string().into(),
            record.analysis_us.into(),
            record.rows.into(),
        ]
    });
    answer(
        ["at", "principal", "domain", "statement", "decision", "reason", "fingerprint", "cache", "analysis_us", "rows"],
        &["analysis_us", "rows"],
        rows.collect(),
    )
}

fn sees_schema(schema: &sluice_catalog::SchemaSnapshot, standing: &Standing) -> bool {
    let resource = SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline: false };
    standing.decisions().schema(TableAction::See, &resource).is_allowed()
}

async fn schemas(session: &Session) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let rows =
        session.engine().catalog().schemas().await?.into_iter().filter(|schema| sees_schema(schema, &standing)).map(
            |schema| {
                [Cell::from(schema.name.to_string()), schema.domain.as_str().into(), schema.owner.to_string().into()]
            },
        );
    answer(["schema", "domain", "owner"], &[], rows.collect())
}

async fn tables(session: &Session, schema: Option<&SchemaName>) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let tables = session.engine().catalog().tables(schema).await?;
    let mut decisions = standing.decisions();
    let rows = tables.into_iter().filter(|table| decisions.table(TableAction::See, &resource(table)).is_allowed());
    let rows = rows.map(|table: TableRecord| {
        [
            Cell::from(table.name.to_string()),
            table.source.kind().as_str().into(),
            table.schema.domain.as_str().into(),
            table.owner.to_string().into(),
        ]
    });
    answer(["table", "kind", "domain", "owner"], &[], rows.collect())
}

async fn columns(session: &Session, table: &TableName) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(table, &standing).await?;
    let tags = session.engine().catalog().tags_on(&record.id).await?;
    let rows = session.engine().catalog().columns(&record.id).await?.into_iter().map(|column| {
        let tags = tags.columns.iter().find(|tagged| tagged.name == column.name).map(|tagged| {
            let mut names: Vec<_> = tagged.tags.iter().map(|tag| tag.tag.to_string()).collect();
            names.sort();
            names.dedup();
            names.join(", ")
        });
        let tags = tags.filter(|tags| !tags.is_empty()).unwrap_or_else(|| Tag::UNCLASSIFIED.to_owned());
        let tags = if record.source.kind() == TableKind::View { None } else { Some(tags) };
        [Cell::from(column.name.to_string()), column.sql_type.to_string().into(), tags.into()]
    });
    answer(["column", "type", "tags"], &[], rows.collect())
}

async fn principals(session: &Session) -> Result<Outcome, EngineError> {
    session.require_admin("show the principals").await?;
    let rows = session.engine().catalog().principals().await?.into_iter().map(|record| {
        let groups: Vec<_> = record.member_of.iter().map(ToString::to_string).collect();
        [Cell::from(record.principal.to_string()), record.principal.kind.as_str().into(), groups.join(", ").into()]
    });
    answer(["principal", "kind", "member_of"], &[], rows.collect())
}

async fn policies(session: &Session) -> Result<Outcome, EngineError> {
    session.require_admin("show the policies").await?;
    let rows = session.engine().catalog().policies().await?.into_iter().map(|policy| {
        [Cell::from(policy.name.to_string()), policy.text.to_string().into(), policy.by.to_string().into()]
    });
    answer(["policy", "cedar", "created_by"], &[], rows.collect())
}

/// The versions of a table. How many rows each wrote is the data's to tell, and is not shown.
async fn history(session: &Session, table: &TableName) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(table, &standing).await?;
    let location = match &record.source {
        TableSource::Managed { location } => Url::parse(location).ok(),
        TableSource::External { .. } | TableSource::View { .. } => None,
    };
    let Some(location) = location else {
        return Err(EngineError::invalid(format!("`{table}` has no versions"), "managed tables have"));
    };
    let rows = delta::history(&location)
        .await
        .map_err(|source| EngineError::Write { table: table.clone(), source })?
        .into_iter()
        .map(|row| [Cell::from(row.version), moment(row.at_ms).into(), row.operation.to_string().into()]);
    answer(["version", "at", "operation"], &["version"], rows.collect())
}
