//! Scans. Rule: `d`, `i` and `R` as stored for the table; a column without a tag has `d = {unclassified @ itself}`.

use datafusion_common::DFSchema;
use datafusion_expr::TableScan;

use super::{Input, Labeller, Reading, RelationLabel, reading::Via};
use crate::{
    PlanError,
    bind::{GovernedSource, WorkTable},
};

impl<R: Reading> Labeller<R> {
    pub(super) fn scan(&mut self, scan: &TableScan) -> Result<RelationLabel, PlanError> {
        let mut label = if let Some(source) = scan.source.downcast_ref::<GovernedSource>() {
            self.reading.scan(source.table(), self.rules)
        } else if let Some(work_table) = scan.source.downcast_ref::<WorkTable>() {
            self.work_table(work_table.name())?
        } else {
            return Err(PlanError::no_rule(format!("the table source of `{}`", scan.table_name)));
        };
        // The binder hands no predicates to a scan; should it begin to, they must count.
        if !scan.filters.is_empty() {
            let schema = DFSchema::try_from_qualified_schema(scan.table_name.clone(), scan.source.schema().as_ref())
                .map_err(PlanError::from_binding)?;
            let predicates = self.exprs(&scan.filters, Input::one(&schema, &label))?;
            label.rows.join(&self.via(&predicates.all(), Via::Filter));
        }
        if let Some(projection) = &scan.projection {
            label.columns = projection.iter().filter_map(|column| label.columns.get(*column).cloned()).collect();
        }
        Ok(label)
    }

    fn work_table(&self, name: &str) -> Result<RelationLabel, PlanError> {
        self.work_tables
            .iter()
            .rev()
            .find(|(known, _)| known == name)
            .map(|(_, label)| label.clone())
            .ok_or_else(|| PlanError::Bug(format!("the work table `{name}` is scanned outside its recursive query")))
    }
}
