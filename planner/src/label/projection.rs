//! Projections. Rule: each output column is labelled by its own expression; the rows stay what they were.

use datafusion_expr::Projection;

use super::{Input, Labeller, Reading, RelationLabel};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn projection(&mut self, projection: &Projection) -> Result<RelationLabel, PlanError> {
        let input = self.relation(&projection.input)?;
        let scope = Input::one(projection.input.schema(), &input);
        let columns = projection.expr.iter().map(|expr| self.expr(expr, scope)).collect::<Result<_, _>>()?;
        Ok(RelationLabel { columns, rows: input.rows })
    }
}
