//! Names to columns: a query's text over a catalog snapshot becomes a [`BoundPlan`].
//!
//! DataFusion's own planner does the work; this module decides what it can see. A table that the caller may not see
//! is not there. Views are bound on behalf of their owners, and what every relation was reached through is kept.

mod context;
mod expectations;
mod functions;
mod parameters;
mod rewrite;
mod source;
mod write;

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use datafusion_expr::LogicalPlan;
use datafusion_sql::planner::{ParserOptions, SqlToRel};
use sluice_catalog::{CatalogSnapshot, TableSnapshot};
use sluice_model::{Subject, TableName};
use sluice_policy::{Authorizer, Decisions};
use sqlparser::ast;

use crate::{PlanError, parse::Versions};
use context::Context;
pub(crate) use context::resource;
pub use expectations::{Expectations, Marker};
pub use functions::Functions;
pub use parameters::{Parameters, column_schema, parameter_value};
pub use rewrite::CHANGED;
pub use source::{GovernedSource, WorkTable};
pub use write::{bind_change, bind_expected, bind_insert};

/// What a query is bound against.
pub struct Surroundings<'a> {
    /// The functions and options of the engine.
    pub functions: &'a Functions,
    /// The tables that the statement names.
    pub snapshot: &'a CatalogSnapshot,
    /// Who asks.
    pub subject: &'a Subject,
    /// The owners of the views in the snapshot, by name.
    pub owners: &'a HashMap<Arc<str>, Subject>,
    /// The policies in force.
    pub authorizer: &'a Authorizer,
    /// The views of the running pipeline.
    pub locals: &'a HashMap<String, LocalView>,
    /// The values of `$name` parameters.
    pub parameters: &'a Parameters,
    /// Whether the statement runs in a pipeline whose file digest has been approved.
    pub approved_pipeline: bool,
}

/// A view that belongs to a running pipeline.
#[derive(Debug, Clone)]
pub struct LocalView {
    /// What it stands for.
    pub query: Box<ast::Query>,
    /// Which table names in it stand for a version.
    pub versions: Versions,
}

/// A relation that a bound plan reads.
#[derive(Debug, Clone)]
pub struct Relation {
    /// The table or view.
    pub table: Arc<TableSnapshot>,
    /// The views that it was reached through, outermost first; empty where the statement names it.
    pub via: Arc<[TableName]>,
}

/// A query whose names are resolved, over pinned tables. It cannot be run.
#[derive(Debug)]
pub struct BoundPlan {
    pub(crate) plan: LogicalPlan,
    pub(crate) relations: Vec<Relation>,
    pub(crate) expectations: Expectations,
}

impl BoundPlan {
    /// The plan.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// Every table and view that the plan reads, with what it was reached through.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// What the rows are held against when they are written.
    pub fn expectations(&self) -> &Expectations {
        &self.expectations
    }
}

/// Binds `query`.
///
/// # Errors
/// [`PlanError`] when a name is unknown or not visible, or the query makes no sense over the tables it names.
pub fn bind(
    query: &ast::Query,
    versions: &Versions,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<BoundPlan, PlanError> {
    let shared = Shared { decisions: RefCell::new(decisions), relations: RefCell::new(Vec::new()) };
    let plan = Binder { surroundings, shared: &shared, via: Arc::new([]), versions }.query(query.clone())?;
    let plan = surroundings.parameters.fill(plan)?;
    Ok(BoundPlan { plan, relations: shared.relations.into_inner(), expectations: Expectations::default() })
}

/// What the binders of one statement, its own and those of its views, share.
struct Shared<'d, 'a> {
    decisions: RefCell<&'d mut Decisions<'a>>,
    relations: RefCell<Vec<Relation>>,
}

/// Binds one query text: the statement's, or a view's.
#[derive(Clone)]
struct Binder<'b, 'd, 'a> {
    surroundings: &'b Surroundings<'b>,
    shared: &'b Shared<'d, 'a>,
    via: Arc<[TableName]>,
    versions: &'b Versions,
}

impl Binder<'_, '_, '_> {
    fn query(&self, query: ast::Query) -> Result<LogicalPlan, PlanError> {
        let context = Context { binder: self };
        let options = ParserOptions::from(&self.surroundings.functions.options().sql_parser).with_collect_spans(true);
        SqlToRel::new_with_options(&context, options)
            .sql_statement_to_plan(ast::Statement::Query(Box::new(query)))
            .map_err(PlanError::from_binding)
    }
}
