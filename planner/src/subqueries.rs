//! The subqueries that stand in an operator's own expressions.

use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_expr::{Distinct, Expr, LogicalPlan};

/// The plans of these subqueries. What stands within them is theirs.
pub(crate) fn subqueries(plan: &LogicalPlan) -> Vec<&LogicalPlan> {
    let mut exprs = own_expressions(plan);
    let mut found = Vec::new();
    while let Some(expr) = exprs.pop() {
        found.extend(plan_of(expr));
        let walk = expr.apply_children(|child| {
            exprs.push(child);
            Ok(TreeNodeRecursion::Continue)
        });
        debug_assert!(walk.is_ok());
    }
    found
}

fn own_expressions(plan: &LogicalPlan) -> Vec<&Expr> {
    match plan {
        LogicalPlan::Filter(filter) => vec![&filter.predicate],
        LogicalPlan::Projection(projection) => projection.expr.iter().collect(),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().chain(&aggregate.aggr_expr).collect(),
        LogicalPlan::Window(window) => window.window_expr.iter().collect(),
        LogicalPlan::Sort(sort) => sort.expr.iter().map(|key| &key.expr).collect(),
        LogicalPlan::Join(join) => join.on.iter().flat_map(|(left, right)| [left, right]).chain(&join.filter).collect(),
        LogicalPlan::Values(values) => values.values.iter().flatten().collect(),
        LogicalPlan::TableScan(scan) => scan.filters.iter().collect(),
        LogicalPlan::Distinct(Distinct::On(distinct)) => {
            let keys = distinct.sort_expr.iter().flatten().map(|key| &key.expr);
            distinct.on_expr.iter().chain(&distinct.select_expr).chain(keys).collect()
        }
        LogicalPlan::Limit(limit) => limit.skip.iter().chain(&limit.fetch).map(AsRef::as_ref).collect(),
        LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::RecursiveQuery(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => Vec::new(),
    }
}

fn plan_of(expr: &Expr) -> Option<&LogicalPlan> {
    match expr {
        Expr::ScalarSubquery(subquery) => Some(&subquery.subquery),
        Expr::Exists(exists) => Some(&exists.subquery.subquery),
        Expr::InSubquery(test) => Some(&test.subquery.subquery),
        Expr::SetComparison(test) => Some(&test.subquery.subquery),
        Expr::Alias(_)
        | Expr::Column(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::ScalarVariable(..)
        | Expr::Literal(..)
        | Expr::Placeholder(_)
        | Expr::BinaryExpr(_)
        | Expr::Like(_)
        | Expr::SimilarTo(_)
        | Expr::Not(_)
        | Expr::IsNotNull(_)
        | Expr::IsNull(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Negative(_)
        | Expr::Between(_)
        | Expr::Case(_)
        | Expr::Cast(_)
        | Expr::TryCast(_)
        | Expr::InList(_)
        | Expr::ScalarFunction(_)
        | Expr::HigherOrderFunction(_)
        | Expr::Lambda(_)
        | Expr::LambdaVariable(_)
        | Expr::AggregateFunction(_)
        | Expr::WindowFunction(_)
        | Expr::GroupingSet(_)
        | Expr::Unnest(_) => None,
        #[expect(deprecated, reason = "the variant still exists")]
        Expr::Wildcard { .. } => None,
    }
}
