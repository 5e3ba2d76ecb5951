//! Subqueries in expressions. Rules: a scalar subquery has `d` of its column and
//! `i ⊔= R_sub ⊔ E(correlated columns)`, and where it is correlated so has `R` of the operator that it stands in,
//! since it is run as a join; `EXISTS`, `IN`, `ANY` and `ALL` are a boolean with
//! `d = E(compared) ⊔ E(correlated) ⊔ R_sub`, where the subquery's own column is one of the compared.

use datafusion_expr::{
    Expr, Subquery,
    expr::{Exists, InSubquery, SetComparison},
};
use sluice_model::Label;

use super::{ColumnLabel, Input, Labeller, Reading, RelationLabel, Rule, Via};
use crate::PlanError;

/// A labelled subquery with everything that it takes from outside.
struct Inner {
    relation: RelationLabel,
    correlated: Label,
}

/// The rules of one kind of boolean subquery.
struct BooleanRules {
    compared: Option<Rule>,
    rows: Rule,
    correlation: Rule,
}

impl<R: Reading> Labeller<R> {
    pub(super) fn scalar_subquery(&mut self, subquery: &Subquery, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let Inner { relation, correlated } = self.subquery(subquery, input)?;
        let mut value = ColumnLabel::default();
        if self.on(Rule::ScalarSubqueryValue) {
            for column in &relation.columns {
                value.direct.join(&self.via(&column.direct, Via::Transformation));
                value.indirect.join(&column.indirect);
            }
        }
        if self.on(Rule::ScalarSubqueryRows) {
            value.indirect.join(&self.via(&relation.rows, Via::Filter));
        }
        if self.on(Rule::ScalarSubqueryCorrelation) {
            value.indirect.join(&self.via(&correlated, Via::Filter));
        }
        if !subquery.outer_ref_columns.is_empty() && self.on(Rule::ScalarSubqueryJoin) {
            let on = correlated.joined(&relation.rows);
            let on = self.via(&on, Via::Join);
            self.joined.join(&on);
        }
        Ok(value)
    }

    pub(super) fn exists(&mut self, exists: &Exists, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let rules = BooleanRules { compared: None, rows: Rule::ExistsRows, correlation: Rule::ExistsCorrelation };
        self.boolean_subquery(None, &exists.subquery, input, &rules)
    }

    pub(super) fn in_subquery(&mut self, test: &InSubquery, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let rules =
            BooleanRules { compared: Some(Rule::InCompared), rows: Rule::InRows, correlation: Rule::InCorrelation };
        self.boolean_subquery(Some(&test.expr), &test.subquery, input, &rules)
    }

    pub(super) fn set_comparison(&mut self, test: &SetComparison, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        let rules = BooleanRules {
            compared: Some(Rule::QuantifiedCompared),
            rows: Rule::QuantifiedRows,
            correlation: Rule::QuantifiedCorrelation,
        };
        self.boolean_subquery(Some(&test.expr), &test.subquery, input, &rules)
    }

    fn boolean_subquery(
        &mut self,
        compared: Option<&Expr>,
        subquery: &Subquery,
        input: Input<'_>,
        rules: &BooleanRules,
    ) -> Result<ColumnLabel, PlanError> {
        let Inner { relation, correlated } = self.subquery(subquery, input)?;
        let mut direct = Label::empty();
        if let Some(compared) = compared {
            let compared = self.expr(compared, input)?.all();
            if rules.compared.is_none_or(|rule| self.on(rule)) {
                direct.join(&compared);
                direct.join(&relation.all_columns());
            }
        }
        if self.on(rules.rows) {
            direct.join(&relation.rows);
        }
        if self.on(rules.correlation) {
            direct.join(&correlated);
        }
        let direct = self.via(&direct, Via::Transformation);
        Ok(ColumnLabel { direct, indirect: Label::empty() })
    }

    fn subquery(&mut self, subquery: &Subquery, input: Input<'_>) -> Result<Inner, PlanError> {
        self.inside(input, |labeller| {
            let relation = labeller.relation(&subquery.subquery)?;
            let correlated = labeller.exprs(&subquery.outer_ref_columns, Input::none())?.all();
            Ok(Inner { relation, correlated })
        })
    }
}
