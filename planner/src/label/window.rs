//! Window functions. Rule: `d` joins the function's arguments (ranks: empty);
//! `i ⊔= E(PARTITION BY) ⊔ E(ORDER BY) ⊔ E(FILTER) ⊔ R`.

use datafusion_expr::{Expr, Window, expr::WindowFunction};

use super::{ColumnLabel, Input, Labeller, Reading, RelationLabel, Rule, Via, aggregate::unalias};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn window(&mut self, window: &Window) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(&window.input)?;
        let scope = Input::one(window.input.schema(), &label);
        let mut values = Vec::with_capacity(window.window_expr.len());
        for expr in &window.window_expr {
            let mut value = match unalias(expr) {
                Expr::WindowFunction(function) => self.window_function(function, scope)?,
                _ => return Err(PlanError::no_rule("a window without a window function")),
            };
            if self.on(Rule::WindowRowsOnValues) {
                value.indirect.join(&label.rows);
            }
            values.push(value);
        }
        label.columns.extend(values);
        Ok(label)
    }

    fn window_function(&mut self, function: &WindowFunction, scope: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let params = &function.params;
        let mut value = ColumnLabel::default();
        let arguments = self.exprs(&params.args, scope)?;
        if self.on(Rule::WindowArguments) {
            value.direct.join(&self.via(&arguments.direct, Via::Transformation));
            value.indirect.join(&arguments.indirect);
        }
        let partition = self.exprs(&params.partition_by, scope)?.all();
        if self.on(Rule::WindowPartition) {
            value.indirect.join(&self.via(&partition, Via::Window));
        }
        let order = self.exprs(params.order_by.iter().map(|key| &key.expr), scope)?.all();
        if self.on(Rule::WindowOrder) {
            value.indirect.join(&self.via(&order, Via::Window));
        }
        if let Some(filter) = &params.filter {
            let filter = self.expr(filter, scope)?.all();
            if self.on(Rule::WindowFilter) {
                value.indirect.join(&self.via(&filter, Via::Filter));
            }
        }
        Ok(value)
    }
}
