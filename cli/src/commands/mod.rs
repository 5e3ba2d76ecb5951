//! One command, one file.

mod decisions;
mod init;
pub(crate) mod pipeline;
mod runs;
mod serve;
mod sql;
mod summary;

use crate::{
    args::{Command, Common, RunsCommand},
    demo,
    failure::Failure,
    screen::Screen,
};

/// Does what the command line says.
///
/// # Errors
/// What stopped it.
pub(crate) async fn dispatch(common: &Common, command: Command, screen: &mut Screen) -> Result<(), Failure> {
    match command {
        Command::Init { dir } => init::init(common.new_home(dir.as_deref()), screen).await,
        Command::Sql(args) => sql::sql(common, args, screen).await,
        Command::Check(args) => pipeline::check(common, &args, screen).await,
        Command::Run(args) => pipeline::run(common, &args, screen).await,
        Command::Approve { file } => pipeline::approve(common, &file, screen).await,
        Command::Runs { limit, command: None } => runs::list(common, limit, screen).await,
        Command::Runs { limit: _, command: Some(RunsCommand::Show { id }) } => runs::show(common, &id, screen).await,
        Command::Serve(args) => serve::serve(common, args).await,
        Command::Demo(args) => demo::demo(&args, screen).await,
    }
}
