//! Approving a pipeline file for production.

use sluice_engine::Session;

use crate::{Pipeline, PipelineError};

/// Approves the digest of `pipeline`'s file: from now on it may write production tables. A file that differs in one
/// byte is another one. Approving it again changes nothing.
///
/// # Errors
/// [`PipelineError::Engine`] with a denial unless the session is an admin's; [`PipelineError::Catalog`] if the
/// approval cannot be recorded.
pub async fn approve(session: &Session, pipeline: &Pipeline) -> Result<(), PipelineError> {
    session.require_admin("approve the pipeline").await?;
    let by = &session.subject().principal.name;
    session.engine().catalog().approve_pipeline(&pipeline.digest(), pipeline.name(), by).await?;
    Ok(())
}
