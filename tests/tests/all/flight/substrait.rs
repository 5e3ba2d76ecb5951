//! Substrait plans, made as other engines make them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{CommandStatementSubstraitPlan, SubstraitPlan};
use datafusion::{
    datasource::{empty::EmptyTable, provider_as_source},
    logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, col, lit},
    prelude::SessionContext,
};
use datafusion_substrait::logical_plan::producer::to_substrait_plan;
use prost::{Message, bytes::Bytes};

fn scan(table: &str, columns: &[(&str, DataType)]) -> LogicalPlanBuilder {
    let fields = columns.iter().map(|(name, data_type)| Field::new(*name, data_type.clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let source = provider_as_source(Arc::new(EmptyTable::new(schema)));
    LogicalPlanBuilder::scan(table, source, None).unwrap()
}

fn message(plan: &LogicalPlan) -> Bytes {
    to_substrait_plan(plan, &SessionContext::new().state()).unwrap().encode_to_vec().into()
}

/// Every row of `table`, whose columns its author claims to know.
pub(super) fn all_of(table: &str, columns: &[(&str, DataType)]) -> Bytes {
    let everything = columns.iter().map(|(name, _)| col(*name)).collect::<Vec<Expr>>();
    message(&scan(table, columns).project(everything).unwrap().build().unwrap())
}

/// Plans of many shapes over `open.numbers`.
pub(super) fn plans() -> Vec<Bytes> {
    let numbers = || scan("open.numbers", &[("n", DataType::Int64)]);
    let other = || numbers().alias("other").unwrap().build().unwrap();
    let count = datafusion::functions_aggregate::expr_fn::count(col("n"));
    [
        numbers().project(vec![col("n"), (col("n") + lit(1_i64)).alias("m")]),
        numbers().filter(col("n").gt(lit(7_i64)).and(col("n").in_list(vec![lit(8_i64), lit(9_i64)], false))),
        numbers().aggregate(vec![col("n") % lit(3_i64)], vec![count]),
        numbers().sort(vec![col("n").sort(false, true)]).and_then(|plan| plan.limit(1, Some(3))),
        numbers().join_on(other(), JoinType::Left, [col("numbers.n").eq(col("other.n"))]),
        numbers().cross_join(other()),
        numbers().union(numbers().build().unwrap()),
        numbers().distinct(),
    ]
    .into_iter()
    .map(|plan| message(&plan.unwrap().build().unwrap()))
    .collect()
}

pub(super) fn command(plan: Bytes) -> CommandStatementSubstraitPlan {
    CommandStatementSubstraitPlan {
        plan: Some(SubstraitPlan { plan, version: "0.63.0".to_owned() }),
        transaction_id: None,
    }
}
