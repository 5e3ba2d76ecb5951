//! Runs bound plans over rows of our own choosing, without governance: what is tested here is the labels.

use std::{collections::HashMap, sync::Arc};

use arrow::{
    array::RecordBatch,
    util::display::{ArrayFormatter, FormatOptions},
};
use datafusion::{
    catalog::{MemTable, TableProvider, cte_worktable::CteWorkTable},
    datasource::provider_as_source,
    physical_plan::collect,
};
use datafusion_common::{DataFusionError, tree_node::Transformed};
use datafusion_expr::{LogicalPlan, TableSource};

use super::harness::World;
use crate::bind::{GovernedSource, SecurityBarrier, WorkTable};

/// The rows of every table, by its name.
pub(super) type Rows = HashMap<String, RecordBatch>;

/// What the caller gets to see: the rows in their order, or an error.
pub(super) type Answer = Result<Vec<Vec<String>>, String>;

pub(super) fn stored_rows(world: &World) -> Rows {
    world.tables.iter().map(|table| (table.name.to_owned(), table.rows())).collect()
}

pub(super) fn run(world: &World, plan: &LogicalPlan, rows: &Rows) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(async {
        let plan = world.state.optimize(&opened(plan, rows)?)?;
        let plan = world.state.query_planner().create_physical_plan(&plan, &world.state).await?;
        collect(plan, world.state.task_ctx()).await
    });
    let batches = batches.map_err(|error: DataFusionError| error.strip_backtrace())?;
    let options = FormatOptions::default().with_null("NULL");
    let mut answer = Vec::new();
    for batch in &batches {
        let columns: Vec<_> =
            batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
        answer.extend(
            (0..batch.num_rows()).map(|row| columns.iter().map(|column| column.value(row).to_string()).collect()),
        );
    }
    Ok(answer)
}

/// `plan` over `rows`. Barriers, which only the engine can run, are left out: labels hold without them too.
fn opened(plan: &LogicalPlan, rows: &Rows) -> Result<LogicalPlan, DataFusionError> {
    let plan = plan.clone().transform_up_with_subqueries(|node| {
        Ok(match SecurityBarrier::input(&node) {
            Some(input) => Transformed::yes(input.clone()),
            None => Transformed::no(node),
        })
    })?;
    let opened = plan.data.transform_down_with_subqueries(|node| {
        let LogicalPlan::TableScan(mut scan) = node else { return Ok(Transformed::no(node)) };
        let provider: Arc<dyn TableProvider> = if let Some(source) = scan.source.downcast_ref::<GovernedSource>() {
            let rows = rows[&*source.table().name.table].clone();
            Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?)
        } else {
            let source = scan.source.downcast_ref::<WorkTable>().unwrap();
            Arc::new(CteWorkTable::new(source.name(), source.schema()))
        };
        scan.source = provider_as_source(provider);
        Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
    })?;
    Ok(opened.data)
}
