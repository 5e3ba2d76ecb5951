//! What a statement would answer, without running it.

use std::{path::Path, sync::Arc};

use arrow::datatypes::{Schema, SchemaRef};
use sluice_planner::{
    bind::{ParameterType, Parameters},
    parse::{Parsed, Statement},
};

use crate::{EngineError, Outcome, ResultLabels, Session, query, write};

/// What a statement does, as far as whoever sends it has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementKind {
    /// It answers rows of tables and changes nothing.
    Query,
    /// It answers rows about the catalog and changes nothing.
    Answer,
    /// It changes rows, and answers how many.
    Write,
    /// It changes something else.
    Change,
    /// It changes something else, and answers rows.
    ChangeWithRows,
}

impl StatementKind {
    /// What `statement` does.
    pub fn of(statement: &Statement) -> Self {
        match statement {
            Statement::Query(_) => Self::Query,
            Statement::Explain(_) | Statement::Show(_) => Self::Answer,
            Statement::Write(_) => Self::Write,
            other => {
                if crate::statement::answers_rows(other) {
                    Self::ChangeWithRows
                } else {
                    Self::Change
                }
            }
        }
    }

    /// Whether running it twice does more than running it once.
    pub fn changes(self) -> bool {
        match self {
            Self::Query | Self::Answer => false,
            Self::Write | Self::Change | Self::ChangeWithRows => true,
        }
    }
}

/// What a statement would answer.
#[derive(Debug, Clone)]
pub struct Described {
    /// What it does.
    pub kind: StatementKind,
    /// The columns of its rows; none where it answers no rows.
    pub schema: SchemaRef,
    /// What they depend on.
    pub labels: ResultLabels,
    /// The parameters that it takes, with the types that they must have; `None` where any will do.
    pub parameters: Vec<ParameterType>,
}

impl Session {
    /// Plans a statement as far as that is possible without running it: names, types, and whether policy lets it pass.
    /// `parameters` are its values, or `None` while there are none.
    ///
    /// # Errors
    /// [`EngineError`] as [`Session::run_with`] would answer before it runs anything.
    pub async fn describe(&self, parsed: &Parsed, parameters: Option<&Parameters>) -> Result<Described, EngineError> {
        let open = Parameters::open(parsed.parameters.iter().map(|name| (Arc::clone(name), None)).collect());
        let given = parameters.unwrap_or(&open);
        let result = match &parsed.statement {
            Statement::Query(query) => query::describe(self, query::Source::Text(query, &parsed.versions), given).await,
            Statement::Write(write) => write::describe(self, parsed, write, parameters).await,
            Statement::Explain(_) | Statement::Show(_) => {
                // Reading them is cheap and changes nothing, so the answer itself says what its columns are.
                let answered = self.clone().run_with(parsed, given, Path::new(".")).await?;
                Ok(Described {
                    kind: StatementKind::Answer,
                    schema: match &answered {
                        Outcome::Rows { schema, .. } => Arc::clone(schema),
                        Outcome::Done { .. } => Arc::new(Schema::empty()),
                    },
                    labels: ResultLabels::default(),
                    parameters: Vec::new(),
                })
            }
            other => Ok(Described {
                kind: StatementKind::of(other),
                schema: crate::statement::answer_schema(other),
                labels: ResultLabels::default(),
                parameters: Vec::new(),
            }),
        };
        self.refused(parsed, result).await
    }

    /// Writes down what was refused.
    pub(crate) async fn refused<T>(&self, parsed: &Parsed, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error) = &result {
            self.record_failure(&parsed.text, error, std::time::Duration::ZERO).await?;
        }
        result
    }
}
