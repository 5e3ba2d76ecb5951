//! What stops a command, and the text that it stands in.

use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::error::ArrowError;
use sluice_catalog::CatalogError;
use sluice_engine::EngineError;
use sluice_model::ErrorClass;
use sluice_pipeline::PipelineError;
use sluice_planner::{Denial, PlanError, parse::ParseError};

use crate::report::place;

/// Why a command cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A statement failed.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A pipeline failed.
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    /// The record of runs cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
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
            Self::Catalog(error) => error.class(),
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
            Self::Format(_) => Some("cast the column to another type, or take another --format".to_owned()),
            Self::NoRun(_) => Some("`sluice runs` lists them".to_owned()),
            Self::NoDatasets(_) => {
                Some("say where it is: `sluice demo --datasets DIR`, with census/ and flights/ in DIR".to_owned())
            }
            Self::Catalog(_)
            | Self::Read { .. }
            | Self::System { .. }
            | Self::Output(_)
            | Self::Terminal(_)
            | Self::NotRefused(_)
            | Self::Interrupted => None,
        }
    }

    /// Everything that policy refused.
    pub(crate) fn denials(&self) -> &[Denial] {
        match self {
            Self::Engine(error) => error.denials(),
            Self::Pipeline(error) => error.denials(),
            _ => &[],
        }
    }

    /// Where in `text` the error is, if it says so.
    pub(crate) fn place(&self, text: &str) -> Option<Range<usize>> {
        let plan = match self {
            Self::Engine(EngineError::Plan(plan)) => plan,
            _ => return None,
        };
        match plan {
            PlanError::Parse(ParseError { span, .. }) => Some(span.start..span.end),
            PlanError::Invalid { place: Some((start, end)), .. } => {
                Some(place::offset(text, start.line, start.column)..place::offset(text, end.line, end.column))
            }
            _ => None,
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

/// An error with the statement that it came from, if it came from one.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: CliError,
    pub(crate) excerpt: Option<Excerpt>,
}

/// A statement within its text, as bytes from start to end.
#[derive(Debug)]
pub(crate) struct Excerpt {
    pub(crate) script: Script,
    pub(crate) statement: Range<usize>,
}

impl Failure {
    /// `error`, which came from the bytes `statement` of `script`.
    pub(crate) fn within(error: impl Into<CliError>, script: &Script, statement: Range<usize>) -> Self {
        Self { error: error.into(), excerpt: Some(Excerpt { script: script.clone(), statement }) }
    }
}

impl<E: Into<CliError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), excerpt: None }
    }
}
