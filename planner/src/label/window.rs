//! Window functions. Rule: `d` joins the function's arguments (ranks: empty);
//! `i ⊔= E(PARTITION BY) ⊔ E(ORDER BY) ⊔ E(FILTER) ⊔ R`; `R ⊔= E(PARTITION BY) ⊔ E(ORDER BY)`, since the rows leave a
//! window in its order.

use datafusion_expr::{Expr, Window, expr::WindowFunction};
use sluice_model::Label;

use super::{ColumnLabel, Input, Labeller, Reading, RelationLabel, Rule, Via, aggregate::unalias};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn window(&mut self, window: &Window) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(&window.input)?;
        let scope = Input::one(window.input.schema(), &label);
        let mut values = Vec::with_capacity(window.window_expr.len());
        let mut order = Label::empty();
        for expr in &window.window_expr {
            let mut value = match unalias(expr) {
                Expr::WindowFunction(function) => self.window_function(function, scope, &mut order)?,
                _ => return Err(PlanError::no_rule("a window without a window function")),
            };
            if self.on(Rule::WindowRowsOnValues) {
                value.indirect.join(&label.rows);
            }
            values.push(value);
        }
        label.columns.extend(values);
        if self.on(Rule::WindowOrderOnRows) {
            label.rows.join(&order);
        }
        Ok(label)
    }

    /// The label of a function's value. What decides in which order the rows leave its window joins `rows_order`.
    fn window_function(
        &mut self,
        function: &WindowFunction,
        scope: Input<'_>,
        rows_order: &mut Label,
    ) -> Result<ColumnLabel, PlanError> {
        let params = &function.params;
        let mut value = ColumnLabel::default();
        let arguments = self.exprs(&params.args, scope)?;
        if self.on(Rule::WindowArguments) {
            value.direct.join(&self.via(&arguments.direct, Via::Transformation));
            value.indirect.join(&arguments.indirect);
        }
        let partition = self.exprs(&params.partition_by, scope)?.all();
        let partition = self.via(&partition, Via::Window);
        if self.on(Rule::WindowPartition) {
            value.indirect.join(&partition);
        }
        let order = self.exprs(params.order_by.iter().map(|key| &key.expr), scope)?.all();
        let order = self.via(&order, Via::Window);
        if self.on(Rule::WindowOrder) {
            value.indirect.join(&order);
        }
        rows_order.join(&partition);
        rows_order.join(&order);
        if let Some(filter) = &params.filter {
            let filter = self.expr(filter, scope)?.all();
            if self.on(Rule::WindowFilter) {
                value.indirect.join(&self.via(&filter, Via::Filter));
            }
        }
        Ok(value)
    }
}
