//! Running views behind their barriers, and letting conditions cross that cannot tell of a row.

use std::sync::Arc;

use datafusion::{
    catalog::Session,
    common::{
        JoinType,
        tree_node::{Transformed, TreeNodeRecursion},
    },
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{
        BinaryExpr, Expr, ExprSchemable, Filter, LogicalPlan, Operator, UserDefinedLogicalNode,
        expr::InList,
        physical_planning_context::PhysicalPlanningContext,
        utils::{conjunction, split_conjunction_owned},
    },
    physical_expr::PhysicalExpr,
    physical_plan::{
        ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions,
        execution_plan::CardinalityEffect,
    },
    physical_planner::{ExtensionPlanner, PhysicalPlanner},
};
use sluice_planner::bind::SecurityBarrier;

/// `plan` with conditions that cannot fail behind the barriers that they stand before, if there are any.
///
/// A condition that compares stored columns with each other or with constants, and with nothing computed, is true or not
/// for a row and never fails. So a file that holds no such row need not be read.
pub(crate) fn with_safe_conditions_across(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down_with_subqueries(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(Transformed::no(node)) };
        let Some(input) = SecurityBarrier::input(&filter.input) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let (safe, others): (Vec<_>, Vec<_>) = split_conjunction_owned(filter.predicate.clone())
            .into_iter()
            .partition(|condition| is_safe(condition, input));
        let Some(safe) = conjunction(safe) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let behind = LogicalPlan::Filter(Filter::try_new(safe, Arc::new(input.clone()))?);
        let barrier = SecurityBarrier::enclosing(behind);
        Ok(Transformed::yes(match conjunction(others) {
            Some(others) => LogicalPlan::Filter(Filter::try_new(others, Arc::new(barrier))?),
            None => barrier,
        }))
    })
}

/// Whether `condition` has an answer for every row of `input` and of what `input` reads, whatever is in it.
fn is_safe(condition: &Expr, input: &LogicalPlan) -> bool {
    let type_of = |value: &Expr| value.get_type(input.schema()).ok().filter(|data_type| !data_type.is_nested());
    let comparable = |left: &Expr, right: &Expr| {
        let types = type_of(left).zip(type_of(right));
        is_plain(left, input) && is_plain(right, input) && types.is_some_and(|(left, right)| left == right)
    };
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_safe(left, input) && is_safe(right, input)
        }
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => compares(*op) && comparable(left, right),
        Expr::Not(inner) => is_safe(inner, input),
        Expr::IsNull(value) | Expr::IsNotNull(value) => is_plain(value, input),
        Expr::InList(InList { expr, list, negated: _ }) => list.iter().all(|value| comparable(expr, value)),
        Expr::Alias(_)
        | Expr::Column(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::ScalarVariable(..)
        | Expr::Literal(..)
        | Expr::Placeholder(_)
        | Expr::Like(_)
        | Expr::SimilarTo(_)
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
        | Expr::ScalarFunction(_)
        | Expr::HigherOrderFunction(_)
        | Expr::Lambda(_)
        | Expr::LambdaVariable(_)
        | Expr::AggregateFunction(_)
        | Expr::WindowFunction(_)
        | Expr::GroupingSet(_)
        | Expr::Unnest(_)
        | Expr::ScalarSubquery(_)
        | Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_) => false,
        #[expect(deprecated, reason = "the variant still exists")]
        Expr::Wildcard { .. } => false,
    }
}

/// Whether `operator` has an answer for any two values of one type.
pub(crate) fn compares(operator: Operator) -> bool {
    matches!(
        operator,
        Operator::Eq
            | Operator::NotEq
            | Operator::Lt
            | Operator::LtEq
            | Operator::Gt
            | Operator::GtEq
            | Operator::IsDistinctFrom
            | Operator::IsNotDistinctFrom
    )
}

/// Whether `value` is a constant, or a column as it is stored.
fn is_plain(value: &Expr, input: &LogicalPlan) -> bool {
    value.as_literal().is_some()
        || value
            .try_as_col()
            .and_then(|column| input.schema().maybe_index_of_column(column))
            .is_some_and(|position| is_stored(input, position))
}

/// Whether a column of `plan` is a table's own, handed on as it is. One that a view computes would be computed for rows
/// that the view leaves out, and may fail there.
fn is_stored(plan: &LogicalPlan, position: usize) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_stored(&alias.input, position),
        LogicalPlan::Filter(filter) => is_stored(&filter.input, position),
        LogicalPlan::Sort(sort) => is_stored(&sort.input, position),
        LogicalPlan::Limit(limit) => is_stored(&limit.input, position),
        LogicalPlan::Projection(projection) => {
            let value = projection.expr.get(position).map(|value| value.clone().unalias_nested().data);
            value.is_some_and(|value| value.try_as_col().is_some() && is_plain(&value, &projection.input))
        }
        LogicalPlan::Join(join) => {
            let left = join.left.schema().fields().len();
            matches!(join.join_type, JoinType::Inner | JoinType::Left | JoinType::Right)
                && match position.checked_sub(left) {
                    None => is_stored(&join.left, position),
                    Some(position) => is_stored(&join.right, position),
                }
        }
        LogicalPlan::Extension(_) => SecurityBarrier::input(plan).is_some_and(|input| is_stored(input, position)),
        LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => false,
    }
}

/// Plans barriers.
pub(crate) struct BarrierPlanner;

#[async_trait::async_trait]
impl ExtensionPlanner for BarrierPlanner {
    async fn plan_extension(
        &self,
        _: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _: &[&LogicalPlan],
        inputs: &[Arc<dyn ExecutionPlan>],
        _: &dyn Session,
        _: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        Ok(match (node.as_any().is::<SecurityBarrier>(), inputs) {
            (true, [input]) => Some(Arc::new(BarrierExec { input: Arc::clone(input) })),
            _ => None,
        })
    }
}

/// Rows as they come, past which no condition is pushed: that is what every operator does unless it says otherwise.
#[derive(Debug)]
struct BarrierExec {
    input: Arc<dyn ExecutionPlan>,
}

impl DisplayAs for BarrierExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl ExecutionPlan for BarrierExec {
    fn name(&self) -> &'static str {
        "SecurityBarrierExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute))
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = datafusion::common::utils::take_function_args(self.name(), children)?;
        Ok(Arc::new(Self { input }))
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }

    fn execute(&self, partition: usize, task: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, task)
    }
}
