//! Running views behind their barriers, and letting conditions cross that cannot tell of a row.

use std::sync::Arc;

use datafusion::{
    catalog::Session,
    common::{
        DFSchema,
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
/// A condition that compares columns with each other or with constants, and with nothing computed, is true or not for a
/// row and never fails. So a file that holds no such row need not be read.
pub(crate) fn with_safe_conditions_across(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    plan.transform_down_with_subqueries(|node| {
        let LogicalPlan::Filter(filter) = node else { return Ok(Transformed::no(node)) };
        let Some(input) = SecurityBarrier::input(&filter.input) else {
            return Ok(Transformed::no(LogicalPlan::Filter(filter)));
        };
        let (safe, others): (Vec<_>, Vec<_>) = split_conjunction_owned(filter.predicate.clone())
            .into_iter()
            .partition(|condition| is_safe(condition, input.schema()));
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

/// Whether `condition` has an answer for every row, whatever is in it.
fn is_safe(condition: &Expr, schema: &DFSchema) -> bool {
    let same_type = |left: &Expr, right: &Expr| {
        let types = left.get_type(schema).ok().zip(right.get_type(schema).ok());
        is_plain(left) && is_plain(right) && types.is_some_and(|(left, right)| left == right && !left.is_nested())
    };
    match condition {
        Expr::BinaryExpr(BinaryExpr { left, op: Operator::And | Operator::Or, right }) => {
            is_safe(left, schema) && is_safe(right, schema)
        }
        Expr::BinaryExpr(BinaryExpr {
            left,
            op:
                Operator::Eq
                | Operator::NotEq
                | Operator::Lt
                | Operator::LtEq
                | Operator::Gt
                | Operator::GtEq
                | Operator::IsDistinctFrom
                | Operator::IsNotDistinctFrom,
            right,
        }) => same_type(left, right),
        Expr::Not(inner) => is_safe(inner, schema),
        Expr::IsNull(value) | Expr::IsNotNull(value) => is_plain(value),
        Expr::InList(InList { expr, list, negated: _ }) => list.iter().all(|value| same_type(expr, value)),
        _ => false,
    }
}

fn is_plain(value: &Expr) -> bool {
    matches!(value, Expr::Column(_) | Expr::Literal(..))
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
