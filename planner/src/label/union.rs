//! Unions. Rule: by position, the join of `d` and the join of `i`; `R` joined. Never intersected.
//!
//! `INTERSECT` and `EXCEPT` are bound as semi and anti joins over all columns and follow the rule of joins:
//! left `d`; `R ⊔= E(all columns of both sides)`.

use datafusion_expr::Union;

use super::{Labeller, Reading, RelationLabel, Rule};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn union(&mut self, union: &Union) -> Result<RelationLabel, PlanError> {
        let mut label = RelationLabel::empty(union.schema.fields().len());
        for (index, input) in union.inputs.iter().enumerate() {
            let branch = self.relation(input)?;
            if branch.columns.len() != label.columns.len() {
                return Err(PlanError::Bug("the branches of a union differ in their number of columns".to_owned()));
            }
            for (column, theirs) in label.columns.iter_mut().zip(&branch.columns) {
                if index == 0 || self.on(Rule::UnionDirect) {
                    column.direct.join(&theirs.direct);
                }
                if index == 0 || self.on(Rule::UnionIndirect) {
                    column.indirect.join(&theirs.indirect);
                }
            }
            if index == 0 || self.on(Rule::UnionRows) {
                label.rows.join(&branch.rows);
            }
        }
        Ok(label)
    }
}
