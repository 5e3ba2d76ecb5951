//! `GRANT`, `REVOKE`, `CREATE POLICY`, `DROP POLICY`.

use std::sync::Arc;

use sluice_catalog::{Grant, GrantObject as Stored};
use sluice_model::{Principal, TableAction, Tag};
use sluice_planner::{
    Denial, PlanError,
    parse::{GrantAction, GrantObject, GrantStatement},
};
use sluice_policy::{GrantAction as PolicyAction, GrantObject as PolicyObject, GrantSpec, SchemaResource};

use super::{Standing, hidden_schema, principals::require_kind, resource};
use crate::{EngineError, Outcome, Session};

pub(super) async fn run(session: &Session, statement: &GrantStatement) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let (stored, object) = resolve(session, &standing, &statement.object).await?;
    require_kind(session, &statement.principal).await?;
    let catalog = session.engine().catalog();
    let mut changed = 0;
    for action in &statement.actions {
        let grant = Grant {
            principal: Arc::clone(&statement.principal.name),
            action: action.as_str().into(),
            object: stored.clone(),
            domain: statement.domain,
        };
        let done = if statement.grant {
            let cedar = cedar(&statement.principal, *action, &object, statement).to_cedar();
            catalog.add_grant(&grant, &cedar, &session.subject().principal.name).await?
        } else {
            catalog.revoke_grant(&grant).await?
        };
        changed += usize::from(done);
    }
    let verb = if statement.grant { "granted" } else { "revoked" };
    Ok(Outcome::done(if changed == 0 { format!("nothing to be {verb}") } else { verb.to_owned() }))
}

fn cedar(principal: &Principal, action: GrantAction, object: &PolicyObject, statement: &GrantStatement) -> GrantSpec {
    let action = match action {
        GrantAction::Tag(action) => PolicyAction::Tag(action),
        GrantAction::Table(action) => PolicyAction::Table(action),
    };
    GrantSpec { principal: principal.clone(), action, object: object.clone(), domain: statement.domain }
}

/// The object of a grant by its identity, once it is clear that the caller may grant on it: a tag's creator, the
/// owner of a table or schema, or an admin.
async fn resolve(
    session: &Session,
    standing: &Standing,
    object: &GrantObject,
) -> Result<(Stored, PolicyObject), EngineError> {
    let catalog = session.engine().catalog();
    match object {
        GrantObject::Tag(tag) => {
            let record = existing_tag(session, tag).await?;
            let administers = standing.decisions().administer().is_allowed();
            if !administers && *record.created_by != *standing.subject.principal.name {
                return Err(not_yours(standing, "grant on the tag"));
            }
            Ok((Stored::Tag(tag.clone()), PolicyObject::Tag(tag.clone())))
        }
        GrantObject::Schema(name) => {
            let found = catalog.schema(name).await?;
            let schema = found
                .filter(|schema| {
                    let resource = schema_resource(schema);
                    standing.decisions().schema(TableAction::See, &resource).is_allowed()
                })
                .ok_or_else(|| hidden_schema(name))?;
            let owns = standing.decisions().schema(TableAction::Own, &schema_resource(&schema)).is_allowed();
            if !owns && *schema.owner != *standing.subject.principal.name {
                return Err(not_yours(standing, "grant on the schema"));
            }
            let id = schema.id.as_str().to_owned();
            Ok((Stored::Schema(schema.id), PolicyObject::Schema { id }))
        }
        GrantObject::Table(name) => {
            let record = session.visible_record(name, standing).await?;
            let owns = standing.decisions().table(TableAction::Own, &resource(&record));
            session.require(&owns, name.to_string(), TableAction::Own, record.schema.domain).await?;
            let id = record.id.as_str().to_owned();
            Ok((Stored::Table(record.id), PolicyObject::Table { id }))
        }
    }
}

fn schema_resource(schema: &sluice_catalog::SchemaSnapshot) -> SchemaResource<'_> {
    SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline: false }
}

async fn existing_tag(session: &Session, tag: &Tag) -> Result<sluice_catalog::TagRecord, EngineError> {
    let catalog = session.engine().catalog();
    if let Some(record) = catalog.tag(tag).await? {
        return Ok(record);
    }
    let known = catalog.tags().await?;
    let names: Vec<_> = known.iter().map(|record| record.tag.as_str()).collect();
    let nearest = sluice_planner::nearest(tag.as_str(), &names);
    Err(EngineError::invalid(
        format!("tag `{tag}` does not exist"),
        nearest.map_or_else(
            || format!("make it first: `CREATE TAG {tag}`"),
            |nearest| format!("did you mean `{nearest}`?"),
        ),
    ))
}

fn not_yours(standing: &Standing, what: &str) -> EngineError {
    PlanError::Denied(vec![Denial::administer(&standing.subject.principal.name, what)]).into()
}

pub(super) async fn create_policy(session: &Session, name: &Arc<str>, cedar: &str) -> Result<Outcome, EngineError> {
    session.require_admin("create the policy").await?;
    sluice_policy::validate(cedar)?;
    session.engine().catalog().create_policy(name, cedar, &session.subject().principal.name).await?;
    Ok(Outcome::done(format!("created policy {name}")))
}

pub(super) async fn drop_policy(session: &Session, name: &Arc<str>) -> Result<Outcome, EngineError> {
    session.require_admin("drop the policy").await?;
    session.engine().catalog().drop_policy(name).await?;
    Ok(Outcome::done(format!("dropped policy {name}")))
}
