//! The `sluice` command: the place where the parts are put together.
//!
//! Arguments become a session and calls to [`sluice_engine`] and [`sluice_pipeline`]; what these answer is written out.
//! Nothing here knows who may see what.
//!
//! # Guarantees
//!
//! - Standard output carries results and nothing else.
//! - The exit status is 0 for done, 1 for failed, 2 for wrong usage and 3 for denied.
//! - An error says no more than the crate that raised it: a denial is not explained beyond its own words.

mod answer;
mod args;
mod commands;
mod demo;
mod failure;
mod home;
mod progress;
mod render;
mod report;
mod screen;
mod shell;
mod statements;

use std::{io::Write, process::ExitCode};

use clap::{CommandFactory, Parser, error::ErrorKind};
use sluice_model::ErrorClass;

use args::{Cli, Command, Common, Format};
use failure::{CliError, Failure};
use screen::Screen;

/// Memory that statements are done with goes back to the system, also when the threads that took it have nothing to do.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How much stack statements have, in bytes: planning recurses over trees that may be a thousand deep. It is reserved, and
/// used only as far as a plan needs it.
const STACK: usize = 256 << 20;

fn main() -> ExitCode {
    // The main thread's stack is the system's to choose.
    match std::thread::Builder::new().name("main".to_owned()).stack_size(STACK).spawn(command) {
        // A panic has told of itself.
        Ok(work) => work.join().unwrap_or(ExitCode::FAILURE),
        Err(error) => {
            // Standard error is all there is to tell it to.
            let _ = writeln!(std::io::stderr(), "error: starting threads: {error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> ExitCode {
    let Cli { common, command } = Cli::parse();
    let mut screen = Screen::new(&common);
    if screen.format == Format::Arrow && screen.output_is_terminal() {
        let message = "--format arrow is binary and standard output is a terminal: redirect it";
        Cli::command().error(ErrorKind::ValueValidation, message).exit();
    }
    let outcome = run(&common, command, &mut screen);
    let flushed = screen.output().flush().map_err(CliError::Output);
    if screen.output().is_abandoned() {
        return ExitCode::SUCCESS;
    }
    match outcome.and(flushed.map_err(Failure::from)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report::report(&failure, &mut screen);
            status(failure.error.class())
        }
    }
}

/// Runs `command` until it ends or somebody presses Ctrl-C.
fn run(common: &Common, command: Command, screen: &mut Screen) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .thread_stack_size(16 << 20)
        .enable_all()
        .build()
        .map_err(|source| CliError::System { what: "starting threads", source })?;
    let outcome = runtime.block_on(async {
        // The shell's own Ctrl-C ends a statement, not the shell; it is met there.
        // A server ends by itself when it is interrupted, once nothing runs any more.
        if matches!(&command, Command::Serve(_))
            || matches!(&command, Command::Sql(args) if args.text.is_none() && args.file.is_none())
        {
            return commands::dispatch(common, command, screen).await;
        }
        tokio::select! {
            outcome = commands::dispatch(common, command, screen) => outcome,
            _ = tokio::signal::ctrl_c() => Err(CliError::Interrupted.into()),
        }
    });
    // What was interrupted is not waited for: nothing of it counts before its commit. The threads end with the process;
    // letting go of one just as it ends by itself crashes in glibc (its bug 19951).
    std::mem::forget(runtime);
    outcome
}

fn status(class: ErrorClass) -> ExitCode {
    match class {
        ErrorClass::Denied => ExitCode::from(3),
        ErrorClass::Caller | ErrorClass::Unavailable | ErrorClass::Bug => ExitCode::FAILURE,
    }
}
