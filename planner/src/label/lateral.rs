//! Lateral relations and correlated columns.
//!
//! Rule: a correlated column has the labels of the column that it refers to, in the nearest enclosing relations that
//! have it. Where it is used inside, in a filter say, it counts there like any other column.

use std::sync::Arc;

use datafusion_common::Column;
use datafusion_expr::Subquery;

use super::{ColumnLabel, Input, Labeller, Reading, RelationLabel, Rule, Scope};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    /// A `LATERAL` relation; the join that it is the right side of has opened its scope.
    pub(super) fn lateral(&mut self, subquery: &Subquery) -> Result<RelationLabel, PlanError> {
        self.relation(&subquery.subquery)
    }

    /// Runs `walk` with `input` as the innermost relation that correlated columns can refer to.
    pub(super) fn inside<T>(
        &mut self,
        input: Input<'_>,
        walk: impl FnOnce(&mut Self) -> Result<T, PlanError>,
    ) -> Result<T, PlanError> {
        let before = self.scopes.len();
        for (schema, columns) in input.sides.into_iter().flatten() {
            self.scopes.push(Scope { schema: Arc::new(schema.clone()), columns: columns.to_vec() });
        }
        let result = walk(self);
        self.scopes.truncate(before);
        result
    }

    /// The labels of a correlated column. Every enclosing relation that has such a column counts: which of them the
    /// executor picks must not matter.
    pub(super) fn outer_column(&self, column: &Column) -> Result<ColumnLabel, PlanError> {
        let mut found = None;
        for scope in self.scopes.iter().rev() {
            if let Some(index) = scope.schema.maybe_index_of_column(column)
                && let Some(label) = scope.columns.get(index)
            {
                found.get_or_insert_with(ColumnLabel::default).join(label);
            }
        }
        let label =
            found.ok_or_else(|| PlanError::Bug(format!("the correlated column `{column}` refers to nothing")))?;
        Ok(if self.on(Rule::LateralScope) { label } else { ColumnLabel::default() })
    }
}
