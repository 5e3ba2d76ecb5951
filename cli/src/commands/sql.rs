//! `sluice sql`.

use std::io::{IsTerminal, Read};

use sluice_model::Domain;

use crate::{
    args::{Common, SqlArgs},
    failure::{CliError, Failure, Script},
    home,
    screen::Screen,
    shell, statements,
};

/// Runs the statements that the command line, a file or standard input gives, or a shell.
pub(super) async fn sql(common: &Common, args: SqlArgs, screen: &mut Screen) -> Result<(), Failure> {
    let script = match (args.text, args.file) {
        (Some(text), _) => Some(Script::typed(text)),
        (None, Some(file)) => Some(Script::read(&file)?),
        (None, None) if std::io::stdin().is_terminal() => None,
        (None, None) => Some(standard_input()?),
    };
    home::with_session(common, Domain::default(), async |mut session| match script {
        Some(script) => statements::run(&mut session, &script, screen).await,
        None => Ok(shell::run(session, screen).await?),
    })
    .await
}

fn standard_input() -> Result<Script, CliError> {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text);
    read.map_err(|source| CliError::Read { path: "standard input".into(), source })?;
    Ok(Script::typed(text))
}
