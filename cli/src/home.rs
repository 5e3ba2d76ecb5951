//! The home and the session that a command works in.

use sluice_engine::{Engine, Session, SessionOptions};
use sluice_model::Domain;

use crate::{args::Common, failure::CliError};

/// Opens the home.
///
/// # Errors
/// [`CliError::Engine`] where there is none.
pub(crate) async fn open(common: &Common) -> Result<Engine, CliError> {
    Ok(Engine::open(&common.home).await?)
}

/// Opens the home and begins a session in it, in `domain` where the command line names none.
///
/// # Errors
/// [`CliError::Engine`] where there is no home or no such principal.
pub(crate) async fn session(common: &Common, domain: Domain) -> Result<Session, CliError> {
    let options = SessionOptions {
        principal: common.principal.clone(),
        domain: common.domain.unwrap_or(domain),
        purpose: common.purpose.clone(),
        groups: Vec::new(),
    };
    Ok(open(common).await?.session(options).await?)
}
