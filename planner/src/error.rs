//! Why a statement cannot be planned.

use datafusion_common::{DataFusionError, SchemaError};
use sluice_model::{ErrorClass, TableName};
use sqlparser::tokenizer::Location;

use crate::{Denial, parse::ParseError};

/// Why a statement cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text is not a statement.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The table does not exist, or the caller may not know that it does.
    #[error("table `{0}` does not exist or is not visible")]
    NotVisible(String),
    /// A name of one part that is neither a `WITH` query nor a view of the running pipeline.
    #[error("`{0}` does not name a table here; a table's name is written schema.table")]
    NoSchema(String),
    /// The statement is understood and wrong.
    #[error("{message}")]
    Invalid {
        /// What is wrong, in the user's words.
        message: String,
        /// Where, as lines and columns of the text that was parsed.
        place: Option<(Location, Location)>,
        /// What would help.
        hint: Option<String>,
    },
    /// The view's query no longer fits what it reads.
    #[error("view `{0}` can no longer be read as it was defined; its owner has to replace it")]
    BrokenView(TableName),
    /// The plan holds something that no labelling rule covers.
    #[error("{0} has no labelling rule, so it is refused")]
    NoRule(String),
    /// Policy refused it.
    #[error("{}", summary(.0))]
    Denied(Vec<Denial>),
    /// A promise of the planner does not hold.
    #[error("internal error: {0}")]
    Bug(String),
}

impl PlanError {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Parse(_) | Self::NotVisible(_) | Self::NoSchema(_) | Self::Invalid { .. } | Self::BrokenView(_) => {
                ErrorClass::Caller
            }
            Self::NoRule(_) | Self::Denied(_) => ErrorClass::Denied,
            Self::Bug(_) => ErrorClass::Bug,
        }
    }

    /// What would help, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Parse(error) => error.hint.clone(),
            Self::Invalid { hint, .. } => hint.clone(),
            Self::Denied(denials) => denials.first().and_then(|denial| denial.hint.clone()),
            Self::NotVisible(_) | Self::NoSchema(_) | Self::BrokenView(_) | Self::NoRule(_) | Self::Bug(_) => None,
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), place: None, hint: None }
    }

    pub(crate) fn invalid_hint(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Invalid { message: message.into(), place: None, hint: Some(hint.into()) }
    }

    pub(crate) fn no_rule(what: impl Into<String>) -> Self {
        Self::NoRule(what.into())
    }

    /// An error of the binder, in the user's words.
    pub(crate) fn from_binding(error: DataFusionError) -> Self {
        translate(error, None)
    }
}

/// Looks for an error of our own inside; else takes DataFusion's text without its prefixes, and its place.
fn translate(error: DataFusionError, place: Option<(Location, Location)>) -> PlanError {
    match error {
        DataFusionError::External(inner) => match inner.downcast::<PlanError>() {
            Ok(ours) => *ours,
            Err(other) => PlanError::Invalid { message: other.to_string(), place, hint: None },
        },
        DataFusionError::Context(_, inner) => translate(*inner, place),
        DataFusionError::Diagnostic(diagnostic, inner) => {
            let place = diagnostic.span.map(|span| {
                let location = |at: datafusion_common::Location| Location { line: at.line, column: at.column };
                (location(span.start), location(span.end))
            });
            translate(*inner, place)
        }
        DataFusionError::SchemaError(error, _) => schema_error(&error, place),
        DataFusionError::Plan(message)
        | DataFusionError::NotImplemented(message)
        | DataFusionError::Configuration(message)
        | DataFusionError::Execution(message) => PlanError::Invalid { message: tidy(&message), place, hint: None },
        DataFusionError::Collection(errors) => match errors.into_iter().next() {
            Some(first) => translate(first, place),
            None => PlanError::Bug("an empty collection of errors".to_owned()),
        },
        DataFusionError::Shared(inner) => {
            PlanError::Invalid { message: tidy(&inner.strip_backtrace()), place, hint: None }
        }
        other => PlanError::Invalid { message: tidy(&other.strip_backtrace()), place, hint: None },
    }
}

fn schema_error(error: &SchemaError, place: Option<(Location, Location)>) -> PlanError {
    match error {
        SchemaError::FieldNotFound { field, valid_fields } => {
            let name = field.flat_name();
            let valid: Vec<_> = valid_fields.iter().map(|field| field.name.as_str()).collect();
            let nearest = nearest(&field.name, &valid).map(|nearest| format!("did you mean `{nearest}`?"));
            let listed =
                (!valid.is_empty() && valid.len() <= 40).then(|| format!("columns here: {}", valid.join(", ")));
            PlanError::Invalid {
                message: format!("column `{name}` does not exist here"),
                place,
                hint: nearest.or(listed),
            }
        }
        SchemaError::AmbiguousReference { field } => PlanError::Invalid {
            message: format!("column `{}` is ambiguous: more than one relation here has it", field.name),
            place,
            hint: Some("write it with the name of its table in front".to_owned()),
        },
        SchemaError::DuplicateQualifiedField { name, .. } | SchemaError::DuplicateUnqualifiedField { name } => {
            PlanError::Invalid {
                message: format!("the column name `{name}` stands twice in one relation"),
                place,
                hint: Some("give one of them another name with AS".to_owned()),
            }
        }
    }
}

/// DataFusion's text, without the parts that speak to its own developers.
fn tidy(message: &str) -> String {
    let message = message.split("\n\nbacktrace:").next().unwrap_or(message);
    // Some messages end in a dump of the parsed text.
    let message = message.split(" { ").next().unwrap_or(message);
    ["Error during planning: ", "This feature is not implemented: ", "SQL error: "]
        .iter()
        .fold(message, |text, prefix| text.strip_prefix(prefix).unwrap_or(text))
        .trim_end_matches('.')
        .to_owned()
}

/// The candidate that a mistyped `name` most likely means.
pub fn nearest<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    candidates
        .iter()
        .map(|candidate| {
            (datafusion_common::utils::datafusion_strsim::levenshtein(&name, &candidate.to_lowercase()), *candidate)
        })
        .filter(|(distance, _)| *distance <= 1 + name.chars().count() / 4)
        .min()
        .map(|(_, candidate)| candidate)
}

fn summary(denials: &[Denial]) -> String {
    denials.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
