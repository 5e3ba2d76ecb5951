//! `CASE`. Rule: conditions and branches are all direct, since a value per row reveals its condition. `COALESCE`,
//! `NULLIF` and `IF` are functions and follow the rule of functions, which is the same.

use datafusion_expr::expr::Case;

use super::{ColumnLabel, Input, Labeller, Reading, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn case(&mut self, case: &Case, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let mut label = ColumnLabel::default();
        let conditions = case.expr.iter().chain(case.when_then_expr.iter().map(|(when, _)| when));
        let conditions = self.exprs(conditions.map(AsRef::as_ref), input)?;
        if self.on(Rule::CaseConditions) {
            label.direct.join(&self.via(&conditions.direct, Via::Conditional));
            label.indirect.join(&conditions.indirect);
        }
        let branches = case.when_then_expr.iter().map(|(_, then)| then).chain(&case.else_expr);
        let branches = self.exprs(branches.map(AsRef::as_ref), input)?;
        if self.on(Rule::CaseBranches) {
            label.direct.join(&self.via(&branches.direct, Via::Transformation));
            label.indirect.join(&branches.indirect);
        }
        Ok(label)
    }
}
