//! Names to columns: a query's text over a catalog snapshot becomes a [`BoundPlan`].
//!
//! DataFusion's own planner does the work; this module decides what it can see. A table that the caller may not see
//! is not there. Views are bound on behalf of their owners, and what every relation was reached through is kept.

mod barrier;
mod clauses;
mod context;
mod expectations;
mod functions;
mod parameters;
mod rewrite;
mod source;
mod write;

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use datafusion_common::tree_node::Transformed;
use datafusion_expr::{LogicalPlan, LogicalPlanBuilder, planner::ContextProvider};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use sluice_catalog::{CatalogSnapshot, TableSnapshot};
use sluice_model::{Subject, TableName};
use sluice_policy::{Authorizer, Decisions};
use sqlparser::ast;

use crate::{PlanError, parse::Versions};
pub use barrier::SecurityBarrier;
use context::Context;
pub use context::resource;
pub use expectations::{Expectations, Marker};
pub use functions::Functions;
pub use parameters::{ParameterType, Parameters, column_schema, parameter_value};
pub use rewrite::CHANGED;
pub use source::{GovernedSource, WorkTable};
pub use write::{bind_change, bind_declared, bind_expected, bind_insert, insert_parameters};

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
    pub(crate) parameters: Vec<ParameterType>,
    /// The values that a change of rows computes, as columns, without those that stay as they are. It is never run.
    pub(crate) computed: Option<LogicalPlan>,
}

impl BoundPlan {
    /// The parameters of a statement that is being prepared, with the types that they must have; `None` where any
    /// will do.
    pub fn parameters(&self) -> &[ParameterType] {
        &self.parameters
    }

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
    finished(plan, shared, surroundings)
}

/// Binds a plan that came from elsewhere than text: its scans, which name tables, become scans of what the names
/// stand for here. Anything else in it meets the labelling rules, as in a plan from text.
///
/// # Errors
/// [`PlanError`] when a table is unknown or not visible, or the plan does not fit it.
pub fn bind_plan(
    plan: LogicalPlan,
    versions: &Versions,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<BoundPlan, PlanError> {
    let shared = Shared { decisions: RefCell::new(decisions), relations: RefCell::new(Vec::new()) };
    let plan = Binder { surroundings, shared: &shared, via: Arc::new([]), versions }.plan(plan)?;
    finished(plan, shared, surroundings)
}

fn finished(
    plan: LogicalPlan,
    shared: Shared<'_, '_>,
    surroundings: &Surroundings<'_>,
) -> Result<BoundPlan, PlanError> {
    let plan = surroundings.parameters.fill(plan)?;
    let parameters = parameters::inferred(&plan, surroundings.parameters)?;
    let relations = shared.relations.into_inner();
    Ok(BoundPlan { plan, relations, expectations: Expectations::default(), parameters, computed: None })
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
        clauses::check(&query)?;
        let context = Context { binder: self };
        let options = ParserOptions::from(&self.surroundings.functions.options().sql_parser).with_collect_spans(true);
        // A view has no parameters, whatever those of the statement that reads it are called.
        let mut parameters =
            if self.via.is_empty() { self.surroundings.parameters.planner_context() } else { PlannerContext::new() };
        SqlToRel::new_with_options(&context, options)
            .sql_statement_to_plan_with_context(ast::Statement::Query(Box::new(query)), &mut parameters)
            .map_err(PlanError::from_binding)
    }

    /// A plan with governed scans in place of those that only name tables.
    fn plan(&self, plan: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let context = Context { binder: self };
        let bound = plan.transform_up_with_subqueries(|node| {
            let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
            let source = context.get_table_source(scan.table_name.clone())?;
            let mut governed = LogicalPlanBuilder::scan(scan.table_name, source, scan.projection)?;
            // A scan applies no predicates by itself.
            for predicate in scan.filters {
                governed = governed.filter(predicate)?;
            }
            governed = governed.limit(0, scan.fetch)?;
            Ok(Transformed::yes(governed.build()?))
        });
        Ok(bound.map_err(PlanError::from_binding)?.data)
    }
}
