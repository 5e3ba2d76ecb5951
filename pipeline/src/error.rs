//! Why a pipeline cannot be read, checked or run.

use std::sync::Arc;

use sluice_catalog::CatalogError;
use sluice_engine::EngineError;
use sluice_model::{Domain, ErrorClass, TableName};
use sluice_planner::{
    Denial,
    parse::{ParseError, SourceSpan},
};

use crate::{ArgumentProblem, Checked, Summary};

/// Why a pipeline cannot be read, checked or run.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The text is not a pipeline file.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// The schedule is not five cron fields, or never comes true.
    #[error("`{cron}` is not a schedule: {reason}")]
    Cron {
        /// As written.
        cron: String,
        /// What is wrong with it.
        reason: String,
        /// Where the schedule stands.
        span: SourceSpan,
    },
    /// The schedule's time zone is not in the IANA database.
    #[error("`{time_zone}` is not a time zone")]
    TimeZone {
        /// As written.
        time_zone: String,
        /// Where the schedule stands.
        span: SourceSpan,
    },
    /// A default would have to be computed.
    #[error("the default of parameter `{parameter}` is not a literal")]
    DefaultNotLiteral {
        /// The parameter.
        parameter: Arc<str>,
        /// Where it is declared.
        span: SourceSpan,
    },
    /// There are only temporary views.
    #[error("no stage of the pipeline writes a table")]
    NothingWritten {
        /// Where the header stands.
        span: SourceSpan,
    },
    /// Two stages write one table: which of them comes last would decide what is in it.
    #[error("`{table}` is written twice, by the stages at line {first_line} and line {second_line}")]
    WrittenTwice {
        /// The table.
        table: TableName,
        /// The line of the first stage.
        first_line: usize,
        /// The line of the second stage.
        second_line: usize,
        /// Where the second stage stands.
        span: SourceSpan,
    },
    /// One name for two temporary views.
    #[error("the temporary view `{view}` is made twice, at line {first_line} and line {second_line}")]
    ViewTwice {
        /// The view.
        view: String,
        /// The line of the first.
        first_line: usize,
        /// The line of the second.
        second_line: usize,
        /// Where the second stands.
        span: SourceSpan,
    },
    /// One name for a temporary view and a `WITH` query.
    #[error("`{view}` is a temporary view, made at line {view_line}, and a WITH query of the stage `{stage}`")]
    ViewHidden {
        /// The view.
        view: String,
        /// The line of the view.
        view_line: usize,
        /// The stage that the `WITH` query is in.
        stage: String,
        /// Where that stage stands.
        span: SourceSpan,
    },
    /// Stages that come each after the other.
    #[error("the stages form a cycle{}: {}", through(*.through_catalog), arrows(.names))]
    Cycle {
        /// Stages and temporary views, each read by the next one and the last one by the first.
        names: Vec<String>,
        /// Whether views of the catalog stand between some of them.
        through_catalog: bool,
        /// Where one of them stands.
        span: SourceSpan,
    },
    /// The values given for parameters do not fit them.
    #[error("{}", lines(.0))]
    Arguments(Vec<ArgumentProblem>),
    /// The session is in another domain than the pipeline.
    #[error("pipeline `{pipeline}` runs in domain {wanted}, and this session is in domain {session}")]
    OtherDomain {
        /// The pipeline.
        pipeline: Arc<str>,
        /// The domain in the file.
        wanted: Domain,
        /// The domain of the session.
        session: Domain,
    },
    /// The file names an owner that does not exist.
    #[error("the owner of pipeline `{pipeline}`, `{owner}`, does not exist")]
    OwnerMissing {
        /// The pipeline.
        pipeline: Arc<str>,
        /// The owner in the file.
        owner: Arc<str>,
        /// Where the header stands.
        span: SourceSpan,
    },
    /// The pipeline is somebody else's.
    #[error("pipeline `{pipeline}` is owned by `{owner}`, and `{principal}` may not run it")]
    NotOwner {
        /// The pipeline.
        pipeline: Arc<str>,
        /// Who owns it.
        owner: Arc<str>,
        /// Who wanted to run it.
        principal: Arc<str>,
        /// Whether the owner is a group.
        owner_is_group: bool,
    },
    /// A stage cannot be planned or is denied. Nothing ran.
    #[error("{0}")]
    Refused(Box<Checked>),
    /// A stage failed while the pipeline ran.
    #[error("run `{}` of pipeline `{}` failed{}", .0.run, .0.pipeline, first_failure(.0))]
    Failed(Box<Summary>),
    /// The engine refused something that is no stage.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The catalog refused something that is no stage. A run that ends so is taken up again by the next one.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl PipelineError {
    /// Whose move it is. Of several stages, the gravest answer counts.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Parse(error) => error.class(),
            Self::Cron { .. }
            | Self::TimeZone { .. }
            | Self::DefaultNotLiteral { .. }
            | Self::NothingWritten { .. }
            | Self::WrittenTwice { .. }
            | Self::ViewTwice { .. }
            | Self::ViewHidden { .. }
            | Self::Cycle { .. }
            | Self::Arguments(_)
            | Self::OtherDomain { .. }
            | Self::OwnerMissing { .. } => ErrorClass::Caller,
            Self::NotOwner { .. } => ErrorClass::Denied,
            Self::Refused(checked) => gravest(checked.refusals().map(|(_, error)| error.class())),
            Self::Failed(summary) => gravest(summary.failures().map(|(_, failure)| failure.class())),
            Self::Engine(error) => error.class(),
            Self::Catalog(error) => error.class(),
        }
    }

    /// What would help, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Parse(error) => error.hint.clone(),
            Self::Cron { .. } => Some("write it like '30 6 * * MON-FRI'".to_owned()),
            Self::TimeZone { .. } => Some("write it like 'UTC' or 'Europe/Berlin'".to_owned()),
            Self::DefaultNotLiteral { .. } => {
                Some("write a number, a string, TRUE, FALSE, NULL, DATE '…' or TIMESTAMP '…'".to_owned())
            }
            Self::NothingWritten { .. } => {
                Some("write CREATE OR REFRESH MATERIALIZED VIEW or INSERT INTO at least once".to_owned())
            }
            Self::WrittenTwice { .. } => Some("write it in one stage, with UNION ALL".to_owned()),
            Self::ViewTwice { .. } | Self::ViewHidden { .. } => Some("give one of them another name".to_owned()),
            Self::Cycle { .. } => {
                Some("to read a table's earlier state, write VERSION AS OF after its name".to_owned())
            }
            Self::Arguments(problems) => {
                let hints: Vec<_> = problems.iter().filter_map(ArgumentProblem::hint).collect();
                (!hints.is_empty()).then(|| hints.join("; "))
            }
            Self::OtherDomain { wanted, .. } => Some(format!("use --domain {wanted}, or leave --domain away")),
            Self::OwnerMissing { owner, .. } => Some(format!("an admin can CREATE USER, SERVICE or GROUP {owner}")),
            Self::NotOwner { owner, owner_is_group: true, .. } => {
                Some(format!("the members of `{owner}` and admins may"))
            }
            Self::NotOwner { owner, .. } => Some(format!("`{owner}` and admins may")),
            Self::Refused(checked) => checked.refusals().find_map(|(_, error)| error.hint()),
            Self::Failed(summary) => summary.failures().find_map(|(_, failure)| failure.hint()),
            Self::Engine(error) => error.hint(),
            Self::Catalog(_) => None,
        }
    }

    /// The place in the pipeline's file, where there is one for the whole error.
    pub fn place(&self) -> Option<SourceSpan> {
        match self {
            Self::Parse(error) => Some(error.span),
            Self::Cron { span, .. }
            | Self::TimeZone { span, .. }
            | Self::DefaultNotLiteral { span, .. }
            | Self::NothingWritten { span }
            | Self::WrittenTwice { span, .. }
            | Self::ViewTwice { span, .. }
            | Self::ViewHidden { span, .. }
            | Self::Cycle { span, .. }
            | Self::OwnerMissing { span, .. } => Some(*span),
            Self::Arguments(_)
            | Self::OtherDomain { .. }
            | Self::NotOwner { .. }
            | Self::Refused(_)
            | Self::Failed(_)
            | Self::Engine(_)
            | Self::Catalog(_) => None,
        }
    }

    /// Everything that policy refused, stage by stage.
    pub fn denials(&self) -> Vec<&Denial> {
        match self {
            Self::Refused(checked) => checked.refusals().flat_map(|(_, error)| error.denials()).collect(),
            Self::Failed(summary) => summary.failures().flat_map(|(_, failure)| failure.denials()).collect(),
            Self::Engine(error) => error.denials().iter().collect(),
            Self::Parse(_)
            | Self::Cron { .. }
            | Self::TimeZone { .. }
            | Self::DefaultNotLiteral { .. }
            | Self::NothingWritten { .. }
            | Self::WrittenTwice { .. }
            | Self::ViewTwice { .. }
            | Self::ViewHidden { .. }
            | Self::Cycle { .. }
            | Self::Arguments(_)
            | Self::OtherDomain { .. }
            | Self::OwnerMissing { .. }
            | Self::NotOwner { .. }
            | Self::Catalog(_) => Vec::new(),
        }
    }
}

/// A bug before a denial before a mistake before the world: in this order the answers make the others moot.
fn gravest(classes: impl Iterator<Item = ErrorClass>) -> ErrorClass {
    let gravity = |class: &ErrorClass| match class {
        ErrorClass::Bug => 3,
        ErrorClass::Denied => 2,
        ErrorClass::Caller => 1,
        ErrorClass::Unavailable => 0,
    };
    classes.max_by_key(gravity).unwrap_or(ErrorClass::Bug)
}

fn through(catalog: bool) -> &'static str {
    if catalog { " through views of the catalog" } else { "" }
}

/// `a` → `b` → `a`
fn arrows(names: &[String]) -> String {
    names.iter().chain(names.first()).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ")
}

fn lines(problems: &[ArgumentProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn first_failure(summary: &Summary) -> String {
    summary.failures().next().map(|(stage, failure)| format!(": stage `{stage}`: {failure}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_graver_than_a_mistake_and_a_bug_than_both() {
        use ErrorClass::{Bug, Caller, Denied, Unavailable};
        assert_eq!(gravest([Caller, Denied, Unavailable].into_iter()), Denied);
        assert_eq!(gravest([Denied, Bug].into_iter()), Bug);
        assert_eq!(gravest([Unavailable, Caller].into_iter()), Caller);
    }
}
