//! Why policies are refused.

use std::{error::Error, fmt};

use cedar_policy::{ParseErrors, ValidationError, ValidationWarning, ffi::DetailedError};
use sluice_model::ErrorClass;

/// A place in the text of a policy, counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character within the line.
    pub column: usize,
}

impl Position {
    /// The place `offset` bytes into `text`.
    fn of(text: &str, offset: usize) -> Self {
        let before = text.char_indices().take_while(|(at, _)| *at < offset);
        before.fold(Self { line: 1, column: 1 }, |at, (_, c)| match c {
            '\n' => Self { line: at.line + 1, column: 1 },
            _ => Self { column: at.column + 1, ..at },
        })
    }

    /// The place in `text` that an error of Cedar's points to, where it points to one.
    pub(crate) fn pointed_to(error: impl Into<DetailedError>, text: &str) -> Option<Self> {
        error.into().source_locations.first().map(|label| Self::of(text, label.loc.start))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// Why a policy, or a set of them, is refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The text is not Cedar.
    #[error("the policy is not well formed{}", place(.at))]
    Syntax {
        /// Where it stops making sense, where Cedar knows.
        at: Option<Position>,
        /// What Cedar says.
        source: Box<ParseErrors>,
    },
    /// The text holds no policy, several, or a template.
    #[error("expected exactly one policy without slots, found {policies} and {templates} templates")]
    NotOne {
        /// How many policies it holds.
        policies: usize,
        /// How many templates it holds.
        templates: usize,
    },
    /// The policy speaks of entities, actions or attributes that do not exist, or compares what cannot be compared.
    #[error("the policy does not fit the schema{}", place(.at))]
    Mistyped {
        /// Where, where Cedar knows.
        at: Option<Position>,
        /// The first thing that Cedar found.
        source: Box<ValidationError>,
    },
    /// The policy can never apply. A `forbid` like that would protect nothing.
    #[error("the policy can never apply{}", place(.at))]
    Impossible {
        /// Where, where Cedar knows.
        at: Option<Position>,
        /// What Cedar says.
        source: Box<ValidationWarning>,
    },
    /// A policy of the catalog cannot be read, so that no decision can be trusted.
    #[error("the stored policy `{id}` cannot be read{}", place(.at))]
    Unreadable {
        /// The id of the policy.
        id: String,
        /// Where it stops making sense, where Cedar knows.
        at: Option<Position>,
        /// What Cedar says.
        source: Box<ParseErrors>,
    },
    /// Two policies have the same id.
    #[error("the policy id `{0}` is used twice")]
    DuplicateId(String),
    /// The schema or the policies that Sluice brings along are broken.
    #[error("the built-in policies are broken")]
    BuiltIn(#[source] Box<dyn Error + Send + Sync>),
}

impl PolicyError {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Syntax { .. } | Self::NotOne { .. } | Self::Mistyped { .. } | Self::Impossible { .. } => {
                ErrorClass::Caller
            }
            // What is stored was checked when it was created.
            Self::Unreadable { .. } | Self::DuplicateId(_) | Self::BuiltIn(_) => ErrorClass::Bug,
        }
    }

    /// The place in the policy's text that is at fault, where it is known.
    pub fn position(&self) -> Option<Position> {
        match self {
            Self::Syntax { at, .. }
            | Self::Mistyped { at, .. }
            | Self::Impossible { at, .. }
            | Self::Unreadable { at, .. } => *at,
            Self::NotOne { .. } | Self::DuplicateId(_) | Self::BuiltIn(_) => None,
        }
    }
}

fn place(at: &Option<Position>) -> String {
    at.map(|at| format!(" at {at}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "größe\nüb\n\nx";
        let at = |needle: &str| Position::of(text, text.find(needle).unwrap()).to_string();
        assert_eq!(at("e\n"), "line 1, column 5");
        assert_eq!(at("b"), "line 2, column 2");
        assert_eq!(at("x"), "line 4, column 1");
    }
}
