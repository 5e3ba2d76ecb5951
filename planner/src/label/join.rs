//! Joins. Rule: `R = R_left ⊔ R_right ⊔ E(on)`; the side that an outer join fills with `NULL`s gets
//! `i ⊔= E(on) ⊔ R_other`; a `USING` or `NATURAL` column of a full join takes `d` of both sides; semi and anti joins
//! keep only one side's columns and the joined `R`; a mark column carries `d = E(on) ⊔ R_other`.

use datafusion_common::{Column, JoinConstraint, JoinType, tree_node::TreeNode};
use datafusion_expr::{Expr, Join, LogicalPlan};
use sluice_model::Label;

use super::{ColumnLabel, Input, Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn join(&mut self, join: &Join) -> Result<RelationLabel, PlanError> {
        let left = self.relation(&join.left)?;
        let right = self.right_side(join, &left)?;
        let (left_schema, right_schema) = (join.left.schema(), join.right.schema());

        let mut on = Label::empty();
        for (left_key, right_key) in &join.on {
            on.join(&self.expr(left_key, Input::one(left_schema, &left))?.all());
            on.join(&self.expr(right_key, Input::one(right_schema, &right))?.all());
        }
        if let Some(filter) = &join.filter {
            let both = Input::two((left_schema, &left), (right_schema, &right));
            on.join(&self.expr(filter, both)?.all());
        }
        let on = if self.on(Rule::JoinCondition) { self.via(&on, Via::Join) } else { Label::empty() };

        let mut rows = on.clone();
        rows.join(&left.rows);
        if self.on(Rule::JoinOtherRows) {
            rows.join(&right.rows);
        }

        let (left_rows, right_rows) = (left.rows, right.rows);
        let (mut left, mut right) = (left.columns, right.columns);
        match join.join_type {
            JoinType::Inner => {}
            JoinType::Left => self.may_be_null(&mut right, &on, &left_rows),
            JoinType::Right => self.may_be_null(&mut left, &on, &right_rows),
            JoinType::Full => {
                self.may_be_null(&mut left, &on, &right_rows);
                self.may_be_null(&mut right, &on, &left_rows);
                if join.join_constraint == JoinConstraint::Using && self.on(Rule::FullUsingColumns) {
                    share_using_columns(join, &mut left, &mut right);
                }
            }
            JoinType::LeftSemi | JoinType::LeftAnti => right.clear(),
            JoinType::RightSemi | JoinType::RightAnti => left.clear(),
            JoinType::LeftMark => right = vec![self.mark(&on, &right_rows)],
            JoinType::RightMark => left = vec![self.mark(&on, &left_rows)],
        }
        // A mark column stands last, whichever side was marked.
        let columns = if join.join_type == JoinType::RightMark {
            right.into_iter().chain(left).collect()
        } else {
            left.into_iter().chain(right).collect()
        };
        Ok(RelationLabel { columns, rows })
    }

    /// The right side sees the left one's columns where it is `LATERAL`.
    fn right_side(&mut self, join: &Join, left: &RelationLabel) -> Result<RelationLabel, PlanError> {
        let is_lateral =
            join.right.exists(|node| Ok(matches!(node, LogicalPlan::Subquery(_)))).map_err(PlanError::from_binding)?;
        if is_lateral {
            return self.inside(Input::one(join.left.schema(), left), |labeller| labeller.relation(&join.right));
        }
        self.relation(&join.right)
    }

    fn may_be_null(&self, columns: &mut [ColumnLabel], on: &Label, other_rows: &Label) {
        if self.on(Rule::OuterJoinNulls) {
            for column in columns {
                column.indirect.join(on);
                column.indirect.join(other_rows);
            }
        }
    }

    fn mark(&self, on: &Label, other_rows: &Label) -> ColumnLabel {
        let mut mark = ColumnLabel::default();
        if self.on(Rule::MarkColumn) {
            mark.direct.join(on);
            mark.direct.join(other_rows);
        }
        mark
    }
}

/// Which side's value a reader of the merged column gets depends on the row.
fn share_using_columns(join: &Join, left: &mut [ColumnLabel], right: &mut [ColumnLabel]) {
    let position = |plan: &LogicalPlan, column: &Column| plan.schema().maybe_index_of_column(column);
    for (left_key, right_key) in &join.on {
        if let (Expr::Column(left_key), Expr::Column(right_key)) = (left_key, right_key)
            && let (Some(l), Some(r)) = (position(&join.left, left_key), position(&join.right, right_key))
        {
            let both = {
                let mut both = left[l].clone();
                both.join(&right[r]);
                both
            };
            left[l].clone_from(&both);
            right[r] = both;
        }
    }
}
