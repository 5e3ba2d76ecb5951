//! Sorts and limits. Rule: `R ⊔= E(sort keys)`; a computed row count counts likewise.

use datafusion_expr::{Limit, Sort};

use super::{Input, Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn sort(&mut self, sort: &Sort) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(&sort.input)?;
        let keys = self.exprs(sort.expr.iter().map(|key| &key.expr), Input::one(sort.input.schema(), &label))?;
        if self.on(Rule::SortKeys) {
            label.rows.join(&self.via(&keys.all(), Via::Sort));
        }
        Ok(label)
    }

    pub(super) fn limit(&mut self, limit: &Limit) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(&limit.input)?;
        // A count may be an expression, but never over the rows that it limits.
        let counts = [&limit.skip, &limit.fetch].into_iter().flatten().map(AsRef::as_ref);
        let counts = self.exprs(counts, Input::none())?;
        if self.on(Rule::LimitCount) {
            label.rows.join(&self.via(&counts.all(), Via::Filter));
        }
        Ok(label)
    }
}
