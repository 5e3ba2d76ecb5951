//! Views that leave rows out, kept from conditions that would tell of those rows.
//!
//! Where a reader's condition stands over a view's, DataFusion evaluates both together, on rows too that the view leaves
//! out. A condition that fails for some value, such as a division, then says which values there are. So the query of such
//! a view ends in a barrier that no condition crosses by itself.

use std::{fmt, sync::Arc};

use datafusion_common::{DFSchemaRef, Result, tree_node::TreeNode};
use datafusion_expr::{Distinct, Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};

use crate::subqueries::subqueries;

/// The end of a view's query. Its rows are those of its input.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Hash)]
pub struct SecurityBarrier {
    input: LogicalPlan,
}

impl SecurityBarrier {
    /// `query`, behind a barrier where it may leave rows out.
    pub(super) fn around(query: LogicalPlan) -> Result<LogicalPlan> {
        // An operator with subqueries may run as a join with them.
        let leaves_out = query.exists(|node| Ok(!keeps_rows(node) || !subqueries(node).is_empty()))?;
        Ok(if leaves_out { Self::enclosing(query) } else { query })
    }

    /// `input` behind a barrier.
    pub fn enclosing(input: LogicalPlan) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { input }) })
    }

    /// What is behind the barrier that `plan` is, if it is one.
    pub fn input(plan: &LogicalPlan) -> Option<&LogicalPlan> {
        let LogicalPlan::Extension(extension) = plan else { return None };
        extension.node.as_any().downcast_ref::<Self>().map(|barrier| &barrier.input)
    }
}

/// Whether every row of an operator's inputs shows in its rows. What is not known to keep them is taken to leave some out.
fn keeps_rows(node: &LogicalPlan) -> bool {
    match node {
        LogicalPlan::TableScan(scan) => scan.filters.is_empty() && scan.fetch.is_none(),
        LogicalPlan::Projection(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Distinct(Distinct::All(_))
        | LogicalPlan::Values(_)
        | LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Sort(sort) => sort.fetch.is_none(),
        LogicalPlan::Filter(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Distinct(Distinct::On(_))
        | LogicalPlan::Limit(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => false,
    }
}

impl UserDefinedLogicalNodeCore for SecurityBarrier {
    fn name(&self) -> &str {
        "SecurityBarrier"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecurityBarrier")
    }

    fn with_exprs_and_inputs(&self, _: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        let [input] = datafusion_common::utils::take_function_args(self.name(), inputs)?;
        Ok(Self { input })
    }

    fn necessary_children_exprs(&self, columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![columns.to_vec()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}
