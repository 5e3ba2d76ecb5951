//! `DROP TABLE`, `DROP VIEW`, `ALTER TABLE … RENAME`, `APPROVE TABLE`.

use std::{collections::HashMap, sync::Arc};

use sluice_catalog::{Change, TableKind, TableRequest};
use sluice_model::{TableAction, TableName};
use sluice_planner::parse::TableRef;

use super::{resource, schemas::remove_files};
use crate::{EngineError, Outcome, Session, write::require_seen_or_create};

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
    let asked = TableRef::Table(TableRequest { name: to.clone(), at: Default::default() });
    let loaded = session.load(&[asked], &HashMap::new()).await?;
    let schema = session.schema_for(&loaded, &to.schema, false).await?;
    require_seen_or_create(session, &loaded, &schema, &to)?;
    session.engine().catalog().rename_table(from, &to).await?;
    Ok(Outcome::done(format!("renamed {from} to {to}")))
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
