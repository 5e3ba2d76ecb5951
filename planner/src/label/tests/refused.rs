//! What has no rule is refused, by name. No SQL text is bound to any of it, so the plans are built by hand.

use std::{collections::HashMap, fmt, sync::Arc};

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::{
    datasource::{file_format::format_as_file_type, provider_as_source},
    functions_aggregate::expr_fn::max,
    functions_window::expr_fn::row_number,
};
use datafusion_common::{DFSchemaRef, Result};
use datafusion_expr::{
    DdlStatement, DescribeTable, DropTable, Expr, Extension, LogicalPlan, LogicalPlanBuilder, Partitioning, Projection,
    SetVariable, Statement, UserDefinedLogicalNodeCore, cast, col,
    dml::InsertOp,
    expr::{GroupingSet, Unnest},
};

use super::harness::{Labelled, World};
use crate::{PlanError, label::rule::RuleSet};

#[test]
fn operators_without_a_rule_are_refused_by_name() {
    let world = World::new();
    let plain = || world.scan("plain");
    let scan = || plain().build().unwrap();
    let build = |builder: Result<LogicalPlanBuilder>| builder.unwrap().build().unwrap();
    let csv = format_as_file_type(Arc::new(datafusion::datasource::file_format::csv::CsvFormatFactory::new()));
    let no_columns = DFSchemaRef::new(datafusion_common::DFSchema::empty());
    let set = SetVariable { variable: "a".to_owned(), value: "b".to_owned() };
    let drop = DropTable { name: "plain".into(), if_exists: false, schema: Arc::clone(&no_columns) };
    let describe = DescribeTable { schema: Arc::new(Schema::empty()), output_schema: no_columns };
    let foreign = datafusion::catalog::MemTable::try_new(world.table("plain").arrow_schema.clone(), vec![vec![]]);
    let foreign = provider_as_source(Arc::new(foreign.unwrap()));
    let target = scan_source(&scan());

    let refused = [
        (build(plain().repartition(Partitioning::RoundRobinBatch(2))), "REPARTITION"),
        (LogicalPlan::Statement(Statement::SetVariable(set)), "a session statement inside a query"),
        (build(plain().explain(false, false)), "EXPLAIN inside a query"),
        (build(plain().explain(false, true)), "EXPLAIN ANALYZE"),
        (LogicalPlan::Extension(Extension { node: Arc::new(Sampler(scan())) }), "the extension node Sampler"),
        (build(LogicalPlanBuilder::insert_into(scan(), "plain", target, InsertOp::Append)), "a write inside a query"),
        (LogicalPlan::Ddl(DdlStatement::DropTable(drop)), "a definition inside a query"),
        (build(LogicalPlanBuilder::copy_to(scan(), "/x".to_owned(), csv, HashMap::new(), vec![])), "COPY"),
        (LogicalPlan::DescribeTable(describe), "DESCRIBE inside a query"),
        (build(LogicalPlanBuilder::scan("plain", foreign, None)), "the table source of `plain`"),
    ];
    for (plan, name) in refused {
        assert_eq!(reason(&plan), name);
        assert_eq!(reason(&build(LogicalPlanBuilder::from(plan).limit(0, Some(1)))), name, "below another operator");
    }
}

#[test]
fn expressions_without_a_rule_are_refused_by_name() {
    let world = World::new();
    let variable = Arc::new(Field::new("@@user", DataType::Utf8, true));
    let refused = [
        (Expr::ScalarVariable(variable, vec!["@@user".to_owned()]), "the variable @@user"),
        (Expr::GroupingSet(GroupingSet::Rollup(vec![col("id")])), "a grouping set outside of GROUP BY"),
        (max(col("id")), "an aggregate outside of an aggregation"),
        (row_number(), "a window function outside of a window"),
        (Expr::Unnest(Unnest::new(col("nums"))), "UNNEST inside an expression"),
        #[expect(deprecated, reason = "the variant still exists and must be refused")]
        (Expr::Wildcard { qualifier: None, options: Box::default() }, "an unexpanded *"),
    ];
    for (expr, name) in refused {
        for expr in [expr.clone(), expr.clone().is_null(), cast(expr, DataType::Utf8).alias("x")] {
            // The builder would resolve some of these; a front end need not.
            let input = Arc::new(world.scan("nested").build().unwrap());
            let schema = Arc::clone(world.scan("plain").project([col("id")]).unwrap().build().unwrap().schema());
            let projection = Projection::try_new_with_schema(vec![expr], input, schema).unwrap();
            assert_eq!(reason(&LogicalPlan::Projection(projection)), name);
        }
    }
}

/// What the plan is refused for.
fn reason(plan: &LogicalPlan) -> String {
    match Labelled::new(plan, RuleSet::all()) {
        Err(PlanError::NoRule(what)) => what,
        Err(other) => panic!("refused for another reason: {other}"),
        Ok(labelled) => panic!("labelled: {labelled}"),
    }
}

fn scan_source(plan: &LogicalPlan) -> Arc<dyn datafusion_expr::TableSource> {
    let LogicalPlan::TableScan(scan) = plan else { panic!("not a scan") };
    Arc::clone(&scan.source)
}

/// A node of somebody else's.
#[derive(Debug, PartialEq, Eq, PartialOrd, Hash)]
struct Sampler(LogicalPlan);

impl UserDefinedLogicalNodeCore for Sampler {
    fn name(&self) -> &str {
        "Sampler"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.0]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.0.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sampler")
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(Self(inputs.remove(0)))
    }
}
