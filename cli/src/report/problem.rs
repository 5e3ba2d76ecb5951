//! What is wrong, thing by thing: a statement may be refused for several columns, a pipeline for several stages.

use std::{error::Error, ops::Range, sync::Arc};

use sluice_engine::EngineError;
use sluice_model::ErrorClass;
use sluice_pipeline::{PipelineError, StageFailure};
use sluice_planner::{Denial, PlanError};

use super::place;
use crate::failure::{CliError, Failure, Script};

/// One thing that is wrong.
pub(super) struct Problem<'a> {
    /// Whose move it is.
    pub(super) class: ErrorClass,
    /// What is wrong.
    pub(super) message: String,
    /// The stage of a pipeline that it is about.
    pub(super) stage: Option<&'a Arc<str>>,
    /// The text that it stands in, and the bytes there.
    pub(super) place: Option<(&'a Script, Range<usize>)>,
    /// What was refused, if something was.
    pub(super) denial: Option<&'a Denial>,
    /// What lies behind it, outermost first.
    pub(super) causes: Vec<String>,
    /// What would help.
    pub(super) hint: Option<String>,
}

/// Everything that is wrong, in the order of the text; at least one.
pub(super) fn problems(failure: &Failure) -> Vec<Problem<'_>> {
    let scope = Scope { failure, stage: None, statement: failure.statement() };
    match &failure.error {
        CliError::Engine(error) => scope.engine(error),
        CliError::Pipeline(error) => scope.pipeline(error),
        error => vec![scope.plain(error, error.class(), error.hint())],
    }
}

/// The statement in which errors are looked at.
struct Scope<'a> {
    failure: &'a Failure,
    stage: Option<&'a Arc<str>>,
    statement: Option<Range<usize>>,
}

impl<'a> Scope<'a> {
    fn stage(&self, name: &'a Arc<str>) -> Self {
        Self { failure: self.failure, stage: Some(name), statement: self.failure.stage(name) }
    }

    fn pipeline(&self, error: &'a PipelineError) -> Vec<Problem<'a>> {
        match error {
            PipelineError::Refused(checked) => {
                checked.refusals().flat_map(|(stage, error)| self.stage(stage).engine(error)).collect()
            }
            PipelineError::Failed(summary) => summary
                .failures()
                .flat_map(|(stage, failure)| match failure {
                    StageFailure::Engine(error) => self.stage(stage).engine(error),
                    StageFailure::TimedOut { .. } | StageFailure::BrokeOff => {
                        vec![self.stage(stage).plain(failure, failure.class(), failure.hint())]
                    }
                })
                .collect(),
            error => {
                let mut problem = self.plain(error, error.class(), error.hint());
                problem.place = self.place(error.place().map(|span| span.start..span.end));
                vec![problem]
            }
        }
    }

    fn engine(&self, error: &'a EngineError) -> Vec<Problem<'a>> {
        let denials = error.denials();
        if denials.is_empty() {
            let mut problem = self.plain(error, error.class(), error.hint());
            problem.place = self.place(self.said(error));
            return vec![problem];
        }
        denials.iter().map(|denial| self.denied(denial)).collect()
    }

    fn denied(&self, denial: &'a Denial) -> Problem<'a> {
        let place = self
            .failure
            .script()
            .zip(self.statement.as_ref())
            .map(|(script, statement)| place::denied(denial, &script.text, statement));
        Problem {
            class: ErrorClass::Denied,
            message: denial.to_string(),
            stage: self.stage,
            place: self.place(place),
            denial: Some(denial),
            causes: Vec::new(),
            hint: denial.hint.clone(),
        }
    }

    fn plain(&self, error: &dyn Error, class: ErrorClass, hint: Option<String>) -> Problem<'a> {
        let message = error.to_string();
        Problem { class, message, stage: self.stage, place: None, denial: None, causes: causes(error, class), hint }
    }

    fn place(&self, place: Option<Range<usize>>) -> Option<(&'a Script, Range<usize>)> {
        self.failure.script().zip(place)
    }

    /// The bytes of the text that the error itself points at, or names.
    fn said(&self, error: &EngineError) -> Option<Range<usize>> {
        let text = &self.failure.script()?.text;
        let mentioned = |name: &str| place::mentioned(name, text, self.statement.as_ref()?);
        match error {
            EngineError::Plan(PlanError::Parse(error)) => Some(error.span.start..error.span.end),
            EngineError::Plan(PlanError::Invalid { place: Some((start, end)), .. }) => {
                Some(place::offset(text, start.line, start.column)..place::offset(text, end.line, end.column))
            }
            EngineError::Plan(PlanError::NotVisible(name) | PlanError::NoSchema(name)) => mentioned(name),
            EngineError::Plan(PlanError::BrokenView(name)) => mentioned(&name.to_string()),
            EngineError::Expectation { name, .. } => mentioned(&sluice_model::quote_identifier(name)),
            _ => None,
        }
    }
}

/// What lies behind an error, outermost first. A denial says by itself all that may be known.
fn causes(error: &dyn Error, class: ErrorClass) -> Vec<String> {
    if class == ErrorClass::Denied {
        return Vec::new();
    }
    let mut causes = Vec::new();
    let mut told = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        // Some errors repeat the text of their cause in their own.
        if !told.contains(&text) {
            causes.push(text.clone());
            told = text;
        }
        next = cause.source();
    }
    causes
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn the_chain_of_causes_is_told() {
        let missing = io::Error::new(io::ErrorKind::NotFound, "no such file");
        let failure = Failure::from(CliError::Read { path: "x.sql".into(), source: missing });
        let problems = problems(&failure);
        assert_eq!(problems[0].message, "cannot read `x.sql`");
        assert_eq!(problems[0].causes, ["no such file"]);
    }
}
