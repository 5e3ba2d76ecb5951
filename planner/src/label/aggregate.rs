//! Aggregates and grouping sets. Rule: keys keep their `d`; an aggregate's `d` joins its arguments (`count(*)`: empty;
//! `count(x)`: `d(x)`); `i ⊔= E(keys) ⊔ E(FILTER) ⊔ E(ORDER BY) ⊔ R`; `R ⊔= E(keys)`. Nothing is declassified by
//! being aggregated. `GROUPING SETS`, `ROLLUP` and `CUBE` are the same over the union of all keys.

use datafusion_expr::{Aggregate, Expr, expr::AggregateFunction, utils::grouping_set_to_exprlist};
use sluice_model::Label;

use super::{ColumnLabel, Input, Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn aggregate(&mut self, aggregate: &Aggregate) -> Result<RelationLabel, PlanError> {
        let input = self.relation(&aggregate.input)?;
        let scope = Input::one(aggregate.input.schema(), &input);
        let key_exprs = grouping_set_to_exprlist(&aggregate.group_expr).map_err(PlanError::from_binding)?;
        let is_grouping_set = matches!(aggregate.group_expr.first(), Some(Expr::GroupingSet(_)));

        let mut columns = Vec::with_capacity(aggregate.schema.fields().len());
        let mut keys = Label::empty();
        for key in key_exprs {
            let key = self.expr(key, scope)?;
            if !is_grouping_set || self.on(Rule::GroupingSetKeys) {
                keys.join(&self.reading.through(&key.all(), Via::GroupBy));
            }
            columns.push(key);
        }
        let mut decided_by = Label::empty();
        if self.on(Rule::AggregateKeysOnValues) {
            decided_by.join(&keys);
        }
        if self.on(Rule::AggregateRowsOnValues) {
            decided_by.join(&input.rows);
        }
        if is_grouping_set {
            // The number of the grouping set says which keys were left out, nothing about their values.
            columns.push(ColumnLabel { direct: Label::empty(), indirect: decided_by.clone() });
        }
        for expr in &aggregate.aggr_expr {
            let mut value = self.aggregate_value(expr, scope)?;
            value.indirect.join(&decided_by);
            columns.push(value);
        }
        let mut rows = input.rows;
        if self.on(Rule::AggregateKeysOnRows) {
            rows.join(&keys);
        }
        Ok(RelationLabel { columns, rows })
    }

    fn aggregate_value(&mut self, expr: &Expr, scope: Input<'_>) -> Result<ColumnLabel, PlanError> {
        match unalias(expr) {
            Expr::AggregateFunction(function) => self.aggregate_function(function, scope),
            // Anything else in this place is an expression over the group, which is at least as open as its columns.
            other => self.expr(other, scope),
        }
    }

    fn aggregate_function(&mut self, function: &AggregateFunction, scope: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let params = &function.params;
        let mut value = ColumnLabel::default();
        let arguments = self.exprs(&params.args, scope)?;
        if self.on(Rule::AggregateArguments) {
            value.direct.join(&self.via(&arguments.direct, Via::Aggregation));
            value.indirect.join(&arguments.indirect);
        }
        if let Some(filter) = &params.filter {
            let filter = self.expr(filter, scope)?.all();
            if self.on(Rule::AggregateFilter) {
                value.indirect.join(&self.via(&filter, Via::Filter));
            }
        }
        let order = self.exprs(params.order_by.iter().map(|key| &key.expr), scope)?.all();
        if self.on(Rule::AggregateOrder) {
            value.indirect.join(&self.via(&order, Via::Sort));
        }
        Ok(value)
    }
}

/// The expression under any number of aliases.
pub(super) fn unalias(mut expr: &Expr) -> &Expr {
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    expr
}
