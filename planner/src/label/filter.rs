//! Filters, `HAVING`, `QUALIFY`. Rule: `R ⊔= E(predicate)`.

use datafusion_expr::Filter;

use super::{Input, Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn filter(&mut self, filter: &Filter) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(&filter.input)?;
        let predicate = self.expr(&filter.predicate, Input::one(filter.input.schema(), &label))?;
        if self.on(Rule::FilterRows) {
            label.rows.join(&self.via(&predicate.all(), Via::Filter));
        }
        Ok(label)
    }
}
