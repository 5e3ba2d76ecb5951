//! Sessions of Sluice, as the command line has them.

use std::path::Path;

use anyhow::{Context, bail};
use datafusion::execution::SendableRecordBatchStream;
use sluice_engine::{Engine, Outcome, Session, SessionOptions};
use sluice_planner::parse::{Parsed, parse};

/// The administrator of every home that is measured.
pub(crate) const ADMIN: &str = "bench";

/// A session of `principal`, or of the administrator.
pub(crate) async fn session(engine: &Engine, principal: Option<&str>) -> anyhow::Result<Session> {
    let options = SessionOptions { principal: principal.map(str::to_owned), ..SessionOptions::default() };
    Ok(engine.session(options).await?)
}

/// Runs every statement of `script`, none of which answers rows that anybody wants.
pub(crate) async fn run_script(session: &mut Session, script: &str, base: &Path) -> anyhow::Result<()> {
    for statement in parse(script)? {
        session.run(&statement, base).await.with_context(|| statement.text.to_string())?;
    }
    Ok(())
}

/// The one statement that `text` is.
pub(crate) fn parse_one(text: &str) -> anyhow::Result<Parsed> {
    let mut statements = parse(text)?.into_iter();
    match (statements.next(), statements.next()) {
        (Some(statement), None) => Ok(statement),
        _ => bail!("not one statement: {text}"),
    }
}

/// Starts the query that `text` is, from text to rows.
pub(crate) async fn start(session: &mut Session, text: &str) -> anyhow::Result<SendableRecordBatchStream> {
    match session.run(&parse_one(text)?, ".".as_ref()).await? {
        Outcome::Rows { rows, .. } => Ok(rows),
        Outcome::Done { message, .. } => bail!("no rows, but: {message}"),
    }
}
