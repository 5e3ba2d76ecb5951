//! `CREATE USER | GROUP | SERVICE`, `DROP …`, `ALTER GROUP`.

use std::sync::Arc;

use sluice_catalog::CatalogError;
use sluice_model::{Principal, PrincipalKind};

use crate::{EngineError, Outcome, Session};

pub(super) async fn create(
    session: &Session,
    principal: &Principal,
    if_not_exists: bool,
) -> Result<Outcome, EngineError> {
    session.require_admin("create the principal").await?;
    let catalog = session.engine().catalog();
    if if_not_exists && catalog.principal(&principal.name).await?.is_some() {
        return Ok(Outcome::done(format!("{principal} exists already")));
    }
    catalog.create_principal(principal, &session.subject().principal.name).await?;
    Ok(Outcome::done(format!("created {} {principal}", principal.kind.as_str().to_lowercase())))
}

pub(super) async fn drop(session: &Session, kind: PrincipalKind, name: &Arc<str>) -> Result<Outcome, EngineError> {
    session.require_admin("drop the principal").await?;
    require_kind(session, &Principal::new(kind, Arc::clone(name))).await?;
    session.engine().catalog().drop_principal(name).await?;
    Ok(Outcome::done(format!("dropped {} {name}", kind.as_str().to_lowercase())))
}

pub(super) async fn alter_group(
    session: &Session,
    group: &Arc<str>,
    add: bool,
    member: &Principal,
) -> Result<Outcome, EngineError> {
    session.require_admin("change the group").await?;
    require_kind(session, &Principal::new(PrincipalKind::Group, Arc::clone(group))).await?;
    require_kind(session, member).await?;
    let catalog = session.engine().catalog();
    if add {
        catalog.add_member(group, &member.name).await?;
        Ok(Outcome::done(format!("added {member} to {group}")))
    } else {
        catalog.remove_member(group, &member.name).await?;
        Ok(Outcome::done(format!("removed {member} from {group}")))
    }
}

/// The principal exists and is of the kind that the statement says.
pub(super) async fn require_kind(session: &Session, principal: &Principal) -> Result<(), EngineError> {
    let found = session.engine().catalog().principal(&principal.name).await?;
    match found {
        Some(found) if found.kind == principal.kind => Ok(()),
        Some(found) => Err(EngineError::invalid(
            format!("`{principal}` is a {}, not a {}", found.kind, principal.kind),
            format!("write {} {principal}", found.kind),
        )),
        None => Err(CatalogError::PrincipalMissing(Arc::clone(&principal.name)).into()),
    }
}
