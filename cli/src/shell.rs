//! The interactive shell: statements as they are typed, each until its semicolon.

mod lines;

use std::borrow::Cow;

use rustyline::{Config, Editor, error::ReadlineError, history::FileHistory};
use sluice_engine::Session;
use sluice_planner::parse::conceal;

use crate::{
    failure::{CliError, Script},
    report,
    screen::Screen,
    statements,
};
use lines::{Lines, Typed};

/// The file of the home that remembers what was typed.
const HISTORY: &str = "history";

const HELP: &str = "\
A statement ends with `;` and may take several lines. The first that fails is the last of its line that runs.

  SHOW TABLES;                      SHOW TAGS ON TABLE schema.table;      EXPLAIN GOVERNANCE SELECT ...;
  SET domain = production;          SET purpose = 'why you ask';

  \\q   leave, as does Ctrl-D          \\?   this text          Ctrl-C   drop the line, or stop the statement";

/// Reads and runs statements until the reader leaves. An error ends its statement and not the shell.
///
/// # Errors
/// [`CliError::Terminal`] where lines cannot be read; [`CliError::Output`] where nobody reads the results any more.
pub(crate) async fn run(mut session: Session, screen: &mut Screen) -> Result<(), CliError> {
    let history = session.engine().home().dir().join(HISTORY);
    let mut editor = editor().map_err(CliError::Terminal)?;
    // A home without a history yet, or one that this user cannot read: the shell begins with none.
    let _ = editor.load_history(&history);
    screen.note("statements end with `;`   \\? for help   \\q to leave");
    loop {
        let line = match editor.readline(&prompt(&session)) {
            Ok(line) => line,
            Err(ReadlineError::Interrupted) => continue,
            Err(ReadlineError::Eof) => return Ok(()),
            Err(error) => return Err(CliError::Terminal(error)),
        };
        match lines::read(&line) {
            Typed::Nothing => continue,
            Typed::Leave => return Ok(()),
            Typed::Help => screen.say(HELP),
            Typed::Unknown => screen.say("no such command; \\? lists them"),
            Typed::Statements => {
                // A password is not to be found in a file.
                if matches!(conceal(&line), Cow::Borrowed(_)) {
                    let _ = editor.add_history_entry(line.trim_end());
                    // Without a place to keep it, the history lasts as long as the shell.
                    let _ = editor.save_history(&history);
                }
                statements(&mut session, Script::typed(line), screen).await?;
            }
        }
    }
}

/// Runs what was typed, until Ctrl-C.
async fn statements(session: &mut Session, script: Script, screen: &mut Screen) -> Result<(), CliError> {
    let outcome = tokio::select! {
        outcome = statements::run(session, &script, screen) => outcome,
        _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted.into()),
    };
    match outcome {
        Err(failure) if screen.output().is_abandoned() => Err(failure.error),
        Err(failure) => {
            report::report(&failure, screen);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

fn editor() -> Result<Editor<Lines, FileHistory>, ReadlineError> {
    let config = Config::builder().history_ignore_dups(true)?.history_ignore_space(true).build();
    let mut editor = Editor::with_config(config)?;
    editor.set_helper(Some(Lines));
    Ok(editor)
}

fn prompt(session: &Session) -> String {
    let subject = session.subject();
    format!("{}@{}> ", subject.principal, subject.domain)
}
