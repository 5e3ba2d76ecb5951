//! The home and the session that a command works in.

use std::time::Duration;

use sluice_engine::{Engine, Session, SessionOptions};
use sluice_model::Domain;

use crate::{args::Common, failure::Failure};

/// How long closing the home may take. Nothing is lost without it.
const CLOSING: Duration = Duration::from_secs(5);

/// Opens the home, does `work` in it, and closes it whatever came of that.
///
/// # Errors
/// The engine's where there is no home; else what `work` fails with.
pub(crate) async fn with_engine(
    common: &Common,
    work: impl AsyncFnOnce(&Engine) -> Result<(), Failure>,
) -> Result<(), Failure> {
    closing(Engine::open(&common.home).await?, work).await
}

/// Does `work` in a session in the home, in `domain` where the command line names none, and closes the home.
///
/// # Errors
/// The engine's where there is no home or no such principal; else what `work` fails with.
pub(crate) async fn with_session(
    common: &Common,
    domain: Domain,
    work: impl AsyncFnOnce(Session) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let options = SessionOptions {
        principal: common.principal.clone(),
        domain: common.domain.unwrap_or(domain),
        purpose: common.purpose.clone(),
        groups: Vec::new(),
    };
    with_engine(common, async |engine| work(engine.session(options).await?).await).await
}

/// Does `work` with the engine, and closes it whatever came of that.
///
/// # Errors
/// What `work` fails with.
pub(crate) async fn closing(
    engine: Engine,
    work: impl AsyncFnOnce(&Engine) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let outcome = work(&engine).await;
    // What outlasts its command, as a call that did not end while a server drained, is not waited for.
    let _ = tokio::time::timeout(CLOSING, engine.close()).await;
    outcome
}
