//! Recursive queries. Rule: the least fixed point over anchor and step; `R ⊔= E(all columns)`.
//!
//! Without `ALL` the columns decide which rows are new. With it they count as well: the optimizer drops no column of a
//! recursive query that nobody reads, so that computing it can fail, or move rows, for a reader of the others.
//!
//! Labels only grow and there are finitely many elements, so the iteration ends.

use datafusion_expr::RecursiveQuery;

use super::{Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn recursive_query(&mut self, query: &RecursiveQuery) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(&query.static_term)?;
        loop {
            self.work_tables.push((query.name.clone(), label.clone()));
            let step = self.relation(&query.recursive_term);
            self.work_tables.pop();
            let mut next = label.clone();
            if self.on(Rule::RecursionStep) {
                join(&mut next, &step?)?;
            } else {
                step?;
            }
            if self.on(Rule::RecursionColumns) {
                next.rows.join(&self.via(&next.all_columns(), Via::GroupBy));
            }
            if next == label {
                return Ok(label);
            }
            label = next;
        }
    }
}

fn join(label: &mut RelationLabel, step: &RelationLabel) -> Result<(), PlanError> {
    if label.columns.len() != step.columns.len() {
        return Err(PlanError::Bug("anchor and step of a recursive query differ in their columns".to_owned()));
    }
    for (column, theirs) in label.columns.iter_mut().zip(&step.columns) {
        column.join(theirs);
    }
    label.rows.join(&step.rows);
    Ok(())
}
