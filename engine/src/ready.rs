//! Plans as they will run: over the tables' own files, optimized, and held against what was decided about.

use std::sync::Arc;

use datafusion::{
    catalog::{TableProvider, cte_worktable::CteWorkTable},
    common::{
        ScalarValue,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    datasource::{DefaultTableSource, provider_as_source},
    error::DataFusionError,
    execution::SessionState,
    logical_expr::{Cast, Expr, LogicalPlan, TableScan},
};
use sluice_catalog::{Contents, is_small};
use sluice_planner::{
    AuthorizedPlan,
    bind::{GovernedSource, SecurityBarrier, WorkTable},
};

use crate::{EngineError, barrier::with_safe_conditions_across, nested::with_exact_values};

/// A plan that may run.
///
/// INVARIANT: it was made of an [`AuthorizedPlan`]; the most that has changed since is what stands for its parameters.
#[derive(Debug)]
pub(crate) struct ReadyPlan {
    plan: LogicalPlan,
    pace: Pace,
}

/// How a plan runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Spread over the cores.
    Spread,
    /// On one core, since all that it reads is kept in memory. It is planned by fewer rules, which other plans would need.
    Serial,
    /// As [`Self::Serial`], by hardly any rules: there is so little to do that it may run within its call.
    AtOnce,
}

impl ReadyPlan {
    /// Optimizes `plan` in `state`.
    pub(crate) fn of(plan: &AuthorizedPlan, state: &SessionState) -> Result<Self, DataFusionError> {
        let (plan, tables) = opened(plan.plan())?;
        let plan = with_exact_values(optimized(state, &plan)?)?;
        verify(&plan, &tables)?;
        Ok(Self { plan, pace: Pace::Spread })
    }

    pub(crate) fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// The same, which is a lookup, not spread over several cores if all that it reads is kept in memory.
    pub(crate) fn serial_if_small(self) -> Result<Self, DataFusionError> {
        let is_large = self.plan.exists(|node| {
            let LogicalPlan::TableScan(scan) = node else { return Ok(false) };
            Ok(!provider_of(scan).is_some_and(|table| is_small(table.as_ref())))
        })?;
        Ok(Self { pace: if is_large { self.pace } else { Pace::Serial }, ..self })
    }

    /// The same, run at once.
    pub(crate) fn at_once(self) -> Self {
        Self { pace: Pace::AtOnce, ..self }
    }

    /// The plan with values in place of the parameters that `value` has one for.
    pub(crate) fn with_values<'v>(
        &self,
        value: impl Fn(&str) -> Option<&'v ScalarValue>,
    ) -> Result<Self, DataFusionError> {
        let filled = |part: Expr| {
            if let Expr::Placeholder(placeholder) = &part
                && let Some(value) = value(&placeholder.id)
            {
                return Ok(Transformed::yes(Expr::Literal(value.clone(), None)));
            }
            // What the optimizer would have computed of a value that it knew, so that files can be told by it.
            if let Expr::Cast(Cast { expr, field }) = &part
                && let Some(value) = expr.as_literal()
            {
                return Ok(Transformed::yes(Expr::Literal(value.cast_to(field.data_type())?, None)));
            }
            Ok(Transformed::no(part))
        };
        let plan = self.plan.clone().transform_down(|node| node.map_expressions(|expr| expr.transform_up(filled)));
        Ok(Self { plan: plan.data()?, pace: self.pace })
    }
}

/// What `scan` reads, once it has been opened.
pub(crate) fn provider_of(scan: &TableScan) -> Option<&Arc<dyn TableProvider>> {
    scan.source.downcast_ref::<DefaultTableSource>().map(|source| &source.table_provider)
}

/// The plan over the tables' own files, and those files.
fn opened(plan: &LogicalPlan) -> Result<(LogicalPlan, Vec<Arc<dyn TableProvider>>), DataFusionError> {
    let mut tables: Vec<Arc<dyn TableProvider>> = Vec::new();
    let plan = plan.clone().transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else {
            return Ok(Transformed::no(node));
        };
        let provider: Arc<dyn TableProvider> = if let Some(source) = scan.source.downcast_ref::<GovernedSource>() {
            let Contents::Files(provider) = &source.table().contents else {
                return Err(bug(format!("`{}` has no rows yet", source.table().name)));
            };
            tables.push(Arc::clone(provider));
            Arc::clone(provider)
        } else if let Some(work_table) = scan.source.downcast_ref::<WorkTable>() {
            let schema = datafusion::logical_expr::TableSource::schema(work_table);
            Arc::new(CteWorkTable::new(work_table.name(), schema))
        } else {
            return Err(bug(format!("the source of `{}` was not decided about", scan.table_name)));
        };
        scan.source = provider_as_source(provider);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok((plan.data, tables))
}

/// How many barriers a condition may cross, one behind the other. A join makes some conditions anew each time, so that
/// there may always be one to move.
const MOST_CROSSINGS: usize = 3;

/// The plan as it will run. Conditions that may cross a view's barrier are moved on behind it.
fn optimized(state: &SessionState, plan: &LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    let mut plan = state.optimize(plan)?;
    for _ in 0..MOST_CROSSINGS {
        let moved = with_safe_conditions_across(plan)?;
        if !moved.transformed {
            return Ok(moved.data);
        }
        plan = state.optimize(&moved.data)?;
    }
    Ok(plan)
}

/// INVARIANT: every leaf of the plan that will run is a table that was decided about, or holds no table's rows.
fn verify(plan: &LogicalPlan, tables: &[Arc<dyn TableProvider>]) -> Result<(), DataFusionError> {
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                let known = provider_of(scan).is_some_and(|provider| {
                    provider.downcast_ref::<CteWorkTable>().is_some()
                        || tables.iter().any(|table| Arc::ptr_eq(table, provider))
                });
                if !known {
                    return Err(bug(format!("the optimizer put in a scan of `{}`", scan.table_name)));
                }
            }
            LogicalPlan::Extension(_) if SecurityBarrier::input(node).is_some() => {}
            LogicalPlan::Extension(_)
            | LogicalPlan::Statement(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::DescribeTable(_) => {
                return Err(bug(format!("the optimizer put in {}", node.display())));
            }
            LogicalPlan::Projection(_)
            | LogicalPlan::Filter(_)
            | LogicalPlan::Window(_)
            | LogicalPlan::Aggregate(_)
            | LogicalPlan::Sort(_)
            | LogicalPlan::Join(_)
            | LogicalPlan::Repartition(_)
            | LogicalPlan::Union(_)
            | LogicalPlan::EmptyRelation(_)
            | LogicalPlan::Subquery(_)
            | LogicalPlan::SubqueryAlias(_)
            | LogicalPlan::Limit(_)
            | LogicalPlan::Values(_)
            | LogicalPlan::Distinct(_)
            | LogicalPlan::Unnest(_)
            | LogicalPlan::RecursiveQuery(_) => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn bug(message: String) -> DataFusionError {
    DataFusionError::External(Box::new(EngineError::Bug(message)))
}
