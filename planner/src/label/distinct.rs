//! `DISTINCT` and `DISTINCT ON`. Rule: `R ⊔= E(all columns)`; `DISTINCT ON` also gives
//! `i ⊔= E(keys) ⊔ E(ORDER BY) ⊔ R`, since the order decides which row of each group is kept. Through the columns the
//! keys are in `R` too.

use datafusion_expr::{Distinct, DistinctOn, LogicalPlan};

use super::{Input, Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    pub(super) fn distinct(&mut self, distinct: &Distinct) -> Result<RelationLabel, PlanError> {
        match distinct {
            Distinct::All(input) => self.distinct_all(input),
            Distinct::On(on) => self.distinct_on(on),
        }
    }

    fn distinct_all(&mut self, input: &LogicalPlan) -> Result<RelationLabel, PlanError> {
        let mut label = self.relation(input)?;
        if self.on(Rule::DistinctColumns) {
            label.rows.join(&self.via(&label.all_columns(), Via::GroupBy));
        }
        Ok(label)
    }

    fn distinct_on(&mut self, distinct: &DistinctOn) -> Result<RelationLabel, PlanError> {
        let input = self.relation(&distinct.input)?;
        let scope = Input::one(distinct.input.schema(), &input);
        let keys = self.exprs(&distinct.on_expr, scope)?.all();
        let keys = self.via(&keys, Via::GroupBy);
        let order = self.exprs(distinct.sort_expr.iter().flatten().map(|key| &key.expr), scope)?.all();
        let order = self.via(&order, Via::Sort);
        let columns = distinct.select_expr.iter().map(|expr| self.expr(expr, scope)).collect::<Result<_, _>>()?;
        let mut label = RelationLabel { columns, rows: input.rows.clone() };
        if self.on(Rule::DistinctOnValues) {
            for column in &mut label.columns {
                column.indirect.join(&keys);
                column.indirect.join(&order);
                column.indirect.join(&input.rows);
            }
        }
        if self.on(Rule::DistinctColumns) {
            label.rows.join(&self.via(&label.all_columns(), Via::GroupBy));
        }
        Ok(label)
    }
}
