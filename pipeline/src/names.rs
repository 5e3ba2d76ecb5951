//! What the names in a pipeline file stand for: each one for one thing, and through views for what the views name.

use std::{
    collections::{BTreeSet, HashMap},
    ops::ControlFlow,
    sync::Arc,
};

use sluice_catalog::{TableRequest, TableVersion};
use sluice_model::{TableName, quote_identifier};
use sluice_planner::parse::{SourceText, StageKind, StageStatement, TableRef};
use sqlparser::ast::{Query, Visit, Visitor};

use crate::{
    PipelineError,
    graph::{Cycle, Graph},
};

/// What a statement names, and what the temporary views name that it reads.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// All of it, views and `WITH` queries included, in the order of first mention.
    pub(crate) relations: Vec<TableRef>,
    /// The tables, each with the temporary views that it was first reached through, outermost first.
    pub(crate) tables: Vec<(TableRequest, Vec<Arc<str>>)>,
}

/// The temporary views of a file, by name.
pub(crate) struct Views<'a>(HashMap<&'a str, &'a StageStatement>);

impl<'a> Views<'a> {
    /// Finds the views among `statements`.
    ///
    /// # Errors
    /// When a name stands for two views, for a view and a `WITH` query, or for a view that is made of itself.
    pub(crate) fn of(statements: &'a [StageStatement], source: &SourceText) -> Result<Self, PipelineError> {
        let mut views = HashMap::new();
        for statement in statements {
            if let StageKind::View { name } = &statement.kind
                && let Some(first) = views.insert(&**name, statement)
            {
                return Err(PipelineError::ViewTwice {
                    view: statement.name(),
                    first_line: line(source, first),
                    second_line: line(source, statement),
                    span: statement.span,
                });
            }
        }
        let views = Self(views);
        for statement in statements {
            views.refuse_hidden(statement, source)?;
            views.names_in(statement)?;
        }
        Ok(views)
    }

    /// What `statement` names, directly and through these views.
    ///
    /// # Errors
    /// [`PipelineError::Cycle`] if a view that it reads is made of itself.
    pub(crate) fn names_in(&self, statement: &StageStatement) -> Result<Names, PipelineError> {
        let mut names = Names::default();
        let mut via = match &statement.kind {
            StageKind::View { name } => vec![Arc::clone(name)],
            StageKind::Materialize { .. } | StageKind::Insert { .. } => Vec::new(),
        };
        let depth = via.len();
        self.collect(statement, &mut via, depth, &mut names)?;
        Ok(names)
    }

    /// Adds what `statement` names, which was reached through `via`; its first `own` entries are the statement that
    /// was asked about.
    fn collect(
        &self,
        statement: &StageStatement,
        via: &mut Vec<Arc<str>>,
        own: usize,
        names: &mut Names,
    ) -> Result<(), PipelineError> {
        for relation in statement.relations() {
            let view = match &relation {
                TableRef::Local(name) => self.0.get_key_value(name.as_str()),
                TableRef::Table(_) | TableRef::TooLong(_) => None,
            };
            if let Some((name, view)) = view
                && let Some(start) = via.iter().position(|outer| **outer == **name)
            {
                // Told in the direction of the data: a view is fed by what it reads.
                let names = via[start..].iter().rev().map(|name| quote_identifier(name)).collect();
                return Err(PipelineError::Cycle { names, through_catalog: false, span: view.span });
            }
            if names.relations.contains(&relation) {
                continue;
            }
            if let TableRef::Table(request) = &relation {
                names.tables.push((request.clone(), via[own..].to_vec()));
            }
            names.relations.push(relation);
            if let Some((name, view)) = view {
                via.push(Arc::from(*name));
                self.collect(view, via, own, names)?;
                via.pop();
            }
        }
        Ok(())
    }

    /// A `WITH` query hides a view of the same name in one part of a statement and not in another. Readers would
    /// have to work out where, so the two may not meet.
    fn refuse_hidden(&self, statement: &StageStatement, source: &SourceText) -> Result<(), PipelineError> {
        let mut with = WithNames::default();
        let mut flow = statement.query.visit(&mut with);
        if let StageKind::Materialize { expectations, .. } = &statement.kind {
            for expectation in expectations {
                if flow.is_continue() {
                    flow = expectation.condition.visit(&mut with);
                }
            }
        }
        debug_assert!(flow.is_continue());
        match with.0.iter().find_map(|name| self.0.get(name.as_str())) {
            Some(view) => Err(PipelineError::ViewHidden {
                view: view.name(),
                view_line: line(source, view),
                stage: statement.name(),
                span: statement.span,
            }),
            None => Ok(()),
        }
    }
}

/// The names of the `WITH` queries in a statement.
#[derive(Default)]
struct WithNames(Vec<String>);

impl Visitor for WithNames {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        for with in query.with.iter().flat_map(|with| &with.cte_tables) {
            let name = &with.alias.name;
            self.0.push(match name.quote_style {
                Some(_) => name.value.clone(),
                None => name.value.to_ascii_lowercase(),
            });
        }
        ControlFlow::Continue(())
    }
}

/// The order that follows from the tables that the stages write and read at their newest version. What each stage
/// is made of stands beside it.
///
/// An `INSERT` may read the table that it adds to: it sees the rows from before. A materialized view is its query's
/// result, and reading itself would make it depend on how often it was refreshed.
///
/// # Errors
/// [`PipelineError::WrittenTwice`] and [`PipelineError::Cycle`].
pub(crate) fn order(stages: &[(&StageStatement, Names)], source: &SourceText) -> Result<Graph, PipelineError> {
    let mut writers: HashMap<&TableName, usize> = HashMap::new();
    for (stage, (statement, _)) in stages.iter().enumerate() {
        let Some(table) = statement.output() else { continue };
        if let Some(first) = writers.insert(table, stage) {
            return Err(PipelineError::WrittenTwice {
                table: table.clone(),
                first_line: line(source, stages[first].0),
                second_line: line(source, statement),
                span: statement.span,
            });
        }
    }
    let needs = stages.iter().enumerate().map(|(stage, (statement, names))| {
        let latest = names.tables.iter().filter(|(request, _)| request.at == TableVersion::Latest);
        let writers = latest.filter_map(|(request, _)| writers.get(&request.name).copied());
        let adds = matches!(statement.kind, StageKind::Insert { .. });
        writers.filter(|writer| !(adds && *writer == stage)).collect::<BTreeSet<_>>()
    });
    Graph::new(needs.collect()).map_err(|cycle| cycle_error(&cycle, stages))
}

/// The cycle with the names of its stages, and between them the views through which one reads the other.
fn cycle_error(cycle: &Cycle, stages: &[(&StageStatement, Names)]) -> PipelineError {
    let mut told = Vec::new();
    for (at, &stage) in cycle.0.iter().enumerate() {
        let (statement, _) = &stages[stage];
        told.push(statement.name());
        let (_, reader) = &stages[cycle.0[(at + 1) % cycle.0.len()]];
        let read = reader
            .tables
            .iter()
            .find(|(request, _)| request.at == TableVersion::Latest && statement.output() == Some(&request.name));
        // The reader names the outermost view, so the innermost one stands next to what is read.
        told.extend(read.into_iter().flat_map(|(_, via)| via.iter().rev()).map(|view| quote_identifier(view)));
    }
    let span = cycle.0.first().map(|stage| stages[*stage].0.span).unwrap_or_default();
    PipelineError::Cycle { names: told, through_catalog: false, span }
}

fn line(source: &SourceText, statement: &StageStatement) -> usize {
    source.line_column(statement.span.start).0
}
