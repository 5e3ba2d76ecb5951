//! What stops a command, and the text that it stands in.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::error::ArrowError;
use sluice_engine::EngineError;
use sluice_flight_server::ServerError;
use sluice_model::ErrorClass;
use sluice_pipeline::{Pipeline, PipelineError};

/// Why a command cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A statement failed.
    #[error(transparent)]
    Engine(Box<EngineError>),
    /// A pipeline failed.
    #[error(transparent)]
    Pipeline(Box<PipelineError>),
    /// The server cannot start or go on.
    #[error(transparent)]
    Server(Box<ServerError>),
    /// A file that the command line names cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file, or what else was read.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Something of the process itself cannot be done.
    #[error("{what} failed")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Results cannot be written.
    #[error("the result cannot be written")]
    Output(#[from] io::Error),
    /// Results cannot be written in the chosen format.
    #[error("the result cannot be written in this format")]
    Format(#[from] ArrowError),
    /// The shell's line editor gave up.
    #[error("the terminal cannot be read")]
    Terminal(#[source] rustyline::error::ReadlineError),
    /// No run has this id.
    #[error("there is no run `{0}`")]
    NoRun(String),
    /// The folder is not where the bundled data is.
    #[error("`{}` does not hold the bundled data", .0.display())]
    NoDatasets(PathBuf),
    /// A promise that the demo is about does not hold.
    #[error("internal error: `{0}` was answered what had to be refused")]
    NotRefused(String),
    /// Somebody pressed Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl CliError {
    /// Whose move it is.
    pub(crate) fn class(&self) -> ErrorClass {
        match self {
            Self::Engine(error) => error.class(),
            Self::Pipeline(error) => error.class(),
            Self::Server(error) => error.class(),
            Self::Read { .. } | Self::NoRun(_) | Self::NoDatasets(_) | Self::Interrupted => ErrorClass::Caller,
            Self::NotRefused(_) => ErrorClass::Bug,
            Self::System { .. } | Self::Output(_) | Self::Format(_) | Self::Terminal(_) => ErrorClass::Unavailable,
        }
    }

    /// What would help, where that is known.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Pipeline(error) => error.hint(),
            Self::Server(error) => error.hint(),
            Self::Format(_) => Some("cast the column to another type, or take another --format".to_owned()),
            Self::NoRun(_) => Some("`sluice runs` lists them".to_owned()),
            Self::NoDatasets(_) => {
                Some("say where it is: `sluice demo --datasets DIR`, with census/ and flights/ in DIR".to_owned())
            }
            Self::Read { .. }
            | Self::System { .. }
            | Self::Output(_)
            | Self::Terminal(_)
            | Self::NotRefused(_)
            | Self::Interrupted => None,
        }
    }
}

impl From<EngineError> for CliError {
    fn from(error: EngineError) -> Self {
        Self::Engine(Box::new(error))
    }
}

impl From<ServerError> for CliError {
    fn from(error: ServerError) -> Self {
        match error {
            ServerError::Engine(error) => error.into(),
            error => Self::Server(Box::new(error)),
        }
    }
}

impl From<PipelineError> for CliError {
    fn from(error: PipelineError) -> Self {
        match error {
            PipelineError::Engine(error) => error.into(),
            error => Self::Pipeline(Box::new(error)),
        }
    }
}

/// A text that statements are read from.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    /// What to call it in errors; `None` where the reader has just typed it.
    pub(crate) name: Option<Arc<str>>,
    /// The text.
    pub(crate) text: Arc<str>,
    /// What a relative `LOCATION` in it is relative to.
    pub(crate) base: PathBuf,
}

impl Script {
    /// A text that was typed, in the working directory.
    pub(crate) fn typed(text: impl Into<Arc<str>>) -> Self {
        Self { name: None, text: text.into(), base: PathBuf::from(".") }
    }

    /// The text of a file, in the file's folder.
    ///
    /// # Errors
    /// [`CliError::Read`].
    pub(crate) fn read(path: &Path) -> Result<Self, CliError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| CliError::Read { path: path.to_path_buf(), source })?;
        let base = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
            _ => PathBuf::from("."),
        };
        Ok(Self { name: Some(path.display().to_string().into()), text: text.into(), base })
    }
}

/// An error with the text that it came from, if it came from one.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What happened.
    pub(crate) error: CliError,
    origin: Option<Box<Origin>>,
}

/// The text that was being run, and the statements of it that an error can be about.
#[derive(Debug)]
struct Origin {
    script: Script,
    /// The bytes of the one statement that failed, unless a pipeline did.
    statement: Option<Range<usize>>,
    /// The bytes of a pipeline's stages, by name.
    stages: Vec<(Arc<str>, Range<usize>)>,
}

impl Failure {
    /// `error`, which came from the bytes `statement` of `script`.
    pub(crate) fn within(error: impl Into<CliError>, script: &Script, statement: Range<usize>) -> Self {
        let origin = Origin { script: script.clone(), statement: Some(statement), stages: Vec::new() };
        Self { error: error.into(), origin: Some(Box::new(origin)) }
    }

    /// `error`, which came from the pipeline that was read from `script`.
    pub(crate) fn of_pipeline(error: impl Into<CliError>, script: &Script, pipeline: &Pipeline) -> Self {
        let stages = pipeline.stages().iter().map(|stage| {
            let span = stage.span();
            (Arc::clone(stage.name()), span.start..span.end)
        });
        let origin = Origin { script: script.clone(), statement: None, stages: stages.collect() };
        Self { error: error.into(), origin: Some(Box::new(origin)) }
    }

    /// The text that was being run.
    pub(crate) fn script(&self) -> Option<&Script> {
        self.origin.as_ref().map(|origin| &origin.script)
    }

    /// The bytes of the statement that failed.
    pub(crate) fn statement(&self) -> Option<Range<usize>> {
        self.origin.as_ref()?.statement.clone()
    }

    /// The bytes of a stage.
    pub(crate) fn stage(&self, name: &str) -> Option<Range<usize>> {
        let stages = &self.origin.as_ref()?.stages;
        stages.iter().find(|(stage, _)| **stage == *name).map(|(_, statement)| statement.clone())
    }
}

impl<E: Into<CliError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), origin: None }
    }
}
