//! `CREATE SCHEMA`, `DROP SCHEMA`.

use sluice_catalog::{TableSource, delta};
use sluice_model::{Domain, SchemaName, TableAction};
use sluice_planner::parse::{CATALOG, TEMPORARY};
use sluice_policy::SchemaResource;
use url::Url;

use super::hidden_schema;
use crate::{EngineError, Outcome, Session};

pub(super) async fn create(
    session: &Session,
    name: &SchemaName,
    domain: Domain,
    if_not_exists: bool,
) -> Result<Outcome, EngineError> {
    session.require_admin("create the schema").await?;
    if [TEMPORARY, CATALOG].contains(&name.as_str()) {
        return Err(EngineError::invalid(format!("`{name}` has a meaning of its own"), "give the schema another name"));
    }
    let catalog = session.engine().catalog();
    if if_not_exists && catalog.schema(name).await?.is_some() {
        return Ok(Outcome::done(format!("schema {name} exists already")));
    }
    catalog.create_schema(name, domain, &session.subject().principal.name).await?;
    Ok(Outcome::done(format!("created schema {name} in domain {domain}")))
}

pub(super) async fn drop(session: &Session, name: &SchemaName, cascade: bool) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let catalog = session.engine().catalog();
    let schema = catalog.schema(name).await?.filter(|schema| {
        let resource = SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline: false };
        standing.decisions().schema(TableAction::See, &resource).is_allowed()
    });
    if schema.is_none() {
        return Err(hidden_schema(name));
    }
    session.require_admin("drop the schema").await?;
    let dropped = catalog.drop_schema(name, cascade).await?;
    for table in &dropped {
        remove_files(&table.source).await;
    }
    Ok(Outcome::done(format!("dropped schema {name}")))
}

/// Removes a dropped table's files. The table is gone whatever becomes of them, so a failure here is no error.
pub(super) async fn remove_files(source: &TableSource) {
    if let TableSource::Managed { location } = source
        && let Ok(location) = Url::parse(location)
    {
        let _ = delta::remove_table(&location).await;
    }
}
