//! Who may run a pipeline, and where.

use std::sync::Arc;

use sluice_catalog::CatalogError;
use sluice_engine::Session;
use sluice_model::{Principal, PrincipalKind};
use sluice_planner::parse::parse_pipeline;

use crate::{Pipeline, PipelineError};

/// Proves that `session` may run `pipeline` at all.
///
/// It is in the pipeline's domain. And where the pipeline has an owner, it is the owner's, that of a member of the
/// owning group, or an admin's. Owners are the one that the file names and the one that the file on record names,
/// which this one would replace: else anybody could take over a name, and with it the schedule, by naming themselves
/// or nobody. A pipeline without an owner is for everybody to run.
///
/// Being let in gives no right on any data: the stages run with the rights of whoever runs the pipeline, and not
/// with the owner's.
pub(crate) async fn admit(session: &Session, pipeline: &Pipeline) -> Result<(), PipelineError> {
    let header = pipeline.header();
    if session.subject().domain != header.domain {
        return Err(PipelineError::OtherDomain {
            pipeline: Arc::clone(pipeline.name()),
            wanted: header.domain,
            session: session.subject().domain,
        });
    }
    let catalog = session.engine().catalog();
    if let Some(name) = &header.owner {
        let owner = catalog.principal(name).await?.ok_or_else(|| PipelineError::OwnerMissing {
            pipeline: Arc::clone(pipeline.name()),
            owner: Arc::clone(name),
            span: header.span,
        })?;
        admit_for(session, pipeline, &owner).await?;
    }
    if let Some(record) = catalog.pipeline(pipeline.name()).await?
        && let Some(name) = parse_pipeline(&record.text).ok().and_then(|file| file.header.owner)
        // An owner that is gone has left the name to whoever comes next.
        && let Some(owner) = catalog.principal(&name).await?
    {
        admit_for(session, pipeline, &owner).await?;
    }
    Ok(())
}

async fn admit_for(session: &Session, pipeline: &Pipeline, owner: &Principal) -> Result<(), PipelineError> {
    let name = &session.subject().principal.name;
    // Asked now: whoever has left the group since the session began is no member any more.
    let (_, groups) = session
        .engine()
        .catalog()
        .groups_of(name)
        .await?
        .ok_or_else(|| CatalogError::PrincipalMissing(Arc::clone(name)))?;
    if owner.name == *name || groups.contains(&owner.name) || session.is_admin().await? {
        return Ok(());
    }
    Err(PipelineError::NotOwner {
        pipeline: Arc::clone(pipeline.name()),
        owner: Arc::clone(&owner.name),
        principal: Arc::clone(name),
        owner_is_group: owner.kind == PrincipalKind::Group,
    })
}
