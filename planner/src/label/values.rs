//! `VALUES`. Rule: literals and parameters are empty; a column joins the expressions of all its rows.

use datafusion_expr::Values;

use super::{Input, Labeller, Reading, RelationLabel, Rule};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn values(&mut self, values: &Values) -> Result<RelationLabel, PlanError> {
        let mut label = RelationLabel::empty(values.schema.fields().len());
        for row in &values.values {
            for (expr, column) in row.iter().zip(&mut label.columns) {
                let value = self.expr(expr, Input::none())?;
                if self.on(Rule::ValuesExpressions) {
                    column.join(&value);
                }
            }
        }
        Ok(label)
    }
}
