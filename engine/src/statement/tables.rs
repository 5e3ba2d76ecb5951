//! `DROP TABLE`, `DROP VIEW`, `ALTER TABLE … RENAME`, `APPROVE TABLE`.

use std::sync::Arc;

use sluice_catalog::{Change, TableKind, TableRecord};
use sluice_model::{TableAction, TableName};
use sluice_policy::SchemaResource;

use super::{Standing, resource, schemas::remove_files};
use crate::{EngineError, Outcome, Session};

pub(super) async fn drop(session: &Session, name: &TableName, view: bool) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(name, &standing).await?;
    let is_view = record.source.kind() == TableKind::View;
    if is_view != view {
        let (is, drop) = if is_view { ("a view", "DROP VIEW") } else { ("a table", "DROP TABLE") };
        return Err(EngineError::invalid(format!("`{name}` is {is}"), format!("write {drop} {name}")));
    }
    session.require_ownership(&record, &standing).await?;
    let dropped = session.engine().catalog().drop_table(name).await?;
    remove_files(&dropped.source).await;
    Ok(Outcome::done(format!("dropped {name}")))
}

pub(super) async fn rename(session: &Session, from: &TableName, to: &Arc<str>) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(from, &standing).await?;
    session.require_ownership(&record, &standing).await?;
    let to = TableName { schema: from.schema.clone(), table: Arc::clone(to) };
    require_free(session, &to, &record, &standing).await?;
    session.engine().catalog().rename_table(from, &to).await?;
    Ok(Outcome::done(format!("renamed {from} to {to}")))
}

/// Whether a table of the schema of `record` may be called `name`: as with a new table, this comes before it is told
/// whether there is one.
async fn require_free(
    session: &Session,
    name: &TableName,
    record: &TableRecord,
    standing: &Standing,
) -> Result<(), EngineError> {
    let existing = session.engine().catalog().table(name).await?;
    let may_see = |table: &TableRecord| standing.decisions().table(TableAction::See, &resource(table)).is_allowed();
    if existing.is_some_and(|table| may_see(&table)) {
        return Ok(());
    }
    let schema = &record.schema;
    let resource = SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline: false };
    let create = standing.decisions().schema(TableAction::Create, &resource);
    session.require(&create, format!("schema {}", schema.name), TableAction::Create, schema.domain).await
}

/// An approval opens a production table to every experiment, so its owner or an admin gives it.
pub(super) async fn approve(session: &Session, name: &TableName, approve: bool) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(name, &standing).await?;
    let owns = standing.decisions().table(TableAction::Own, &resource(&record));
    session.require(&owns, name.to_string(), TableAction::Own, record.schema.domain).await?;
    let change = Change::by(&session.subject().principal.name);
    session.engine().catalog().approve_for_experiment(&record.id, approve, &change).await?;
    let done = if approve { "approved" } else { "withdrew the approval of" };
    Ok(Outcome::done(format!("{done} {name} for experiments")))
}
