//! The statements of a text, one after the other.

use std::path::Path;

use sluice_engine::{EngineError, Outcome, Session};
use sluice_planner::parse::Parsed;

use crate::{
    failure::{CliError, Failure, Script},
    render,
    screen::Screen,
};

/// Reads all of `script`, then runs its statements in order; the first that fails is the last that runs.
///
/// # Errors
/// That statement's error and where it stands.
pub(crate) async fn run(session: &mut Session, script: &Script, screen: &mut Screen) -> Result<(), Failure> {
    let statements =
        session.parse(&script.text).map_err(|error| Failure::within(error, script, 0..script.text.len()))?;
    for statement in &statements {
        let span = statement.span.start..statement.span.end;
        one(session, statement, &script.base, screen).await.map_err(|error| Failure::within(error, script, span))?;
    }
    Ok(())
}

async fn one(session: &mut Session, statement: &Parsed, base: &Path, screen: &mut Screen) -> Result<(), CliError> {
    match session.run(statement, base).await? {
        Outcome::Rows { schema, rows } => {
            let rows = futures::StreamExt::map(rows, |batch| batch.map_err(EngineError::from_stream));
            render::stream(screen, schema, rows).await
        }
        Outcome::Done { message, affected: _ } => {
            screen.note(&message);
            Ok(())
        }
    }
}
