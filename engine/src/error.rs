//! Why a statement failed.

use std::path::PathBuf;

use datafusion::error::DataFusionError;
use sluice_catalog::{CatalogError, StorageError};
use sluice_model::{ErrorClass, SchemaName, TableName};
use sluice_planner::{Denial, PlanError, parse::ParseError};
use sluice_policy::PolicyError;

/// Why a statement failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// It could not be planned, or policy refused it.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The catalog refused it.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A table's files refused it.
    #[error("table `{table}` cannot be written")]
    Write {
        /// The table.
        table: TableName,
        /// What happened.
        #[source]
        source: StorageError,
    },
    /// A policy is not well formed.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// It failed while it ran; the text holds nothing from the data.
    #[error("{message}")]
    Execution {
        /// What happened, without values.
        message: String,
        /// Whose move it is.
        class: ErrorClass,
        /// What would help.
        hint: Option<String>,
    },
    /// Rows violate an expectation that fails the update.
    #[error("expectation `{name}` does not hold{}, so nothing was written", count(*violations))]
    Expectation {
        /// The expectation.
        name: String,
        /// How many rows violate it; `None` where that is withheld.
        violations: Option<u64>,
    },
    /// The statement makes no sense for this object.
    #[error("{message}")]
    Invalid {
        /// What is wrong.
        message: String,
        /// What would help.
        hint: Option<String>,
    },
    /// The schema does not exist, or the caller may not know that it does.
    #[error("schema `{0}` does not exist or is not visible")]
    SchemaNotVisible(SchemaName),
    /// Something that is limited is used up.
    #[error("{message}")]
    Exhausted {
        /// What is used up.
        message: String,
        /// What would help.
        hint: Option<String>,
    },
    /// The principal does not exist.
    #[error("there is no user or service `{0}`")]
    UnknownPrincipal(String),
    /// The folder is not a home.
    #[error("`{}` is not a Sluice home", .0.display())]
    NotAHome(PathBuf),
    /// The folder is a home already.
    #[error("`{}` is a Sluice home already", .0.display())]
    HomeExists(PathBuf),
    /// The home's settings cannot be understood.
    #[error("`{}` cannot be read as settings: {reason}", .path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Something else is using what this needs.
    #[error("`{0}` is in use by another process")]
    Locked(String),
    /// A file operation of the home itself failed.
    #[error("{what} failed")]
    Io {
        /// What was tried.
        what: String,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A promise of the engine does not hold.
    #[error("internal error: {0}")]
    Bug(String),
}

fn count(violations: Option<u64>) -> String {
    match violations {
        Some(rows) => format!(" for {rows} rows"),
        None => String::new(),
    }
}

impl From<ParseError> for EngineError {
    fn from(error: ParseError) -> Self {
        Self::Plan(error.into())
    }
}

impl EngineError {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Plan(error) => error.class(),
            Self::Catalog(error) => error.class(),
            Self::Write { source, .. } => source.class(),
            Self::Policy(error) => error.class(),
            Self::Execution { class, .. } => *class,
            Self::Expectation { .. }
            | Self::Invalid { .. }
            | Self::SchemaNotVisible(_)
            | Self::UnknownPrincipal(_)
            | Self::NotAHome(_)
            | Self::HomeExists(_)
            | Self::Settings { .. } => ErrorClass::Caller,
            Self::Locked(_) | Self::Io { .. } | Self::Exhausted { .. } => ErrorClass::Unavailable,
            Self::Bug(_) => ErrorClass::Bug,
        }
    }

    /// What would help, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Plan(error) => error.hint(),
            Self::Execution { hint, .. } | Self::Invalid { hint, .. } | Self::Exhausted { hint, .. } => hint.clone(),
            Self::SchemaNotVisible(_) => {
                Some("an admin can make it with CREATE SCHEMA, or grant CREATE on it".to_owned())
            }
            Self::UnknownPrincipal(name) => Some(format!("an admin can `CREATE USER {name}`")),
            Self::NotAHome(path) => Some(format!("make one with `sluice init {}`", path.display())),
            Self::Locked(_) => Some("wait for it to end, or try again later".to_owned()),
            Self::Expectation { .. } => Some("mend the data, or let the expectation DROP ROW or only count".to_owned()),
            Self::Catalog(_)
            | Self::Write { .. }
            | Self::Policy(_)
            | Self::HomeExists(_)
            | Self::Settings { .. }
            | Self::Io { .. }
            | Self::Bug(_) => None,
        }
    }

    /// Everything that policy refused.
    pub fn denials(&self) -> &[Denial] {
        match self {
            Self::Plan(PlanError::Denied(denials)) => denials,
            _ => &[],
        }
    }

    /// Whether the same statement may succeed when it is tried again as it is.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Write { source, .. } => source.class() == ErrorClass::Unavailable,
            Self::Catalog(error) => matches!(error, CatalogError::Busy),
            Self::Locked(_) => true,
            Self::Execution { class, .. } => *class == ErrorClass::Unavailable,
            Self::Plan(_)
            | Self::Policy(_)
            | Self::Expectation { .. }
            | Self::Invalid { .. }
            | Self::SchemaNotVisible(_)
            | Self::Exhausted { .. }
            | Self::UnknownPrincipal(_)
            | Self::NotAHome(_)
            | Self::HomeExists(_)
            | Self::Settings { .. }
            | Self::Io { .. }
            | Self::Bug(_) => false,
        }
    }

    /// The error that a stream of result rows ended with.
    pub fn from_stream(error: DataFusionError) -> Self {
        match error {
            DataFusionError::External(inner) => match inner.downcast::<Self>() {
                Ok(ours) => *ours,
                Err(other) => crate::redact::redact(&DataFusionError::External(other), &[]),
            },
            other => crate::redact::redact(&other, &[]),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), hint: Some(hint.into()) }
    }

    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }

    pub(crate) fn not_visible(name: &TableName) -> Self {
        Self::Plan(PlanError::NotVisible(name.to_string()))
    }
}
