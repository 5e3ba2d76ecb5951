//! A Delta table as DataFusion scans it, without two promises that deltalake makes and does not keep.
//!
//! - A filter that names no column is said to be applied exactly, and is not applied: `a > 0 AND NULL` would answer as
//!   `a > 0`. Here it stays with DataFusion.
//! - A scan that reads the log alone, because no column is asked for or partition columns only, is said to let a limit
//!   through, and there is nothing below it to take it. Here the limit stays above.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use datafusion::{
    arrow::{array::RecordBatch, datatypes::SchemaRef},
    catalog::{Session, TableProvider},
    common::{
        Statistics,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    error::Result,
    execution::{SendableRecordBatchStream, TaskContext},
    logical_expr::{Expr, TableProviderFilterPushDown, TableType},
    physical_expr::PhysicalExpr,
    physical_plan::{
        ChildStats, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs,
        execution_plan::CardinalityEffect,
    },
};
use deltalake::delta_datafusion::DeltaScanNext;

use super::kept_rows::KeptRows;

/// A Delta table.
#[derive(Debug)]
pub(super) struct DeltaScan {
    files: DeltaScanNext,
    /// Where the table is small.
    rows: Option<KeptRows>,
}

impl DeltaScan {
    /// A table with so many bytes of files.
    pub(super) fn new(files: DeltaScanNext, file_bytes: u64) -> Self {
        Self { files, rows: KeptRows::of(file_bytes) }
    }
}

/// Whether `table` is a small Delta table, whose rows are kept in memory as long as there is room.
pub fn is_small(table: &dyn TableProvider) -> bool {
    table.downcast_ref::<DeltaScan>().is_some_and(|scan| scan.rows.is_some())
}

/// The rows of `table`, if it is a small Delta table and they are in memory now. They stay there as long as it does; few of them
/// are one batch.
pub fn rows_at_hand(table: &dyn TableProvider) -> Option<&[RecordBatch]> {
    table.downcast_ref::<DeltaScan>()?.rows.as_ref()?.at_hand()
}

#[async_trait]
impl TableProvider for DeltaScan {
    fn schema(&self) -> SchemaRef {
        self.files.schema()
    }

    fn table_type(&self) -> TableType {
        self.files.table_type()
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if let Some(rows) = &self.rows
            && let Some(table) = rows.get(session, &self.files).await?
        {
            return table.scan(session, projection, &[], limit).await;
        }
        let plan = self.files.scan(session, projection, filters, limit).await?;
        plan.transform_up(|node| {
            let loses_limits = node.children().is_empty() && node.supports_limit_pushdown();
            Ok(if loses_limits { Transformed::yes(Arc::new(LimitAbove(node)) as _) } else { Transformed::no(node) })
        })
        .data()
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        if self.rows.is_some() {
            return Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()]);
        }
        let mut supported = self.files.supports_filters_pushdown(filters)?;
        for (filter, supported) in filters.iter().zip(&mut supported) {
            if filter.column_refs().is_empty() {
                *supported = TableProviderFilterPushDown::Unsupported;
            }
        }
        Ok(supported)
    }
}

/// A scan that no limit is pushed into.
#[derive(Debug)]
struct LimitAbove(Arc<dyn ExecutionPlan>);

impl DisplayAs for LimitAbove {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LimitAbove")
    }
}

impl ExecutionPlan for LimitAbove {
    fn name(&self) -> &'static str {
        "LimitAbove"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.0.properties()
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.0]
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(children.into_iter().next().map_or(self as _, |child| Arc::new(Self(child)) as _))
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.0.execute(partition, context)
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(inputs.first().map_or_else(|| Arc::new(Statistics::new_unknown(&self.schema())), Arc::clone))
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
