//! Scalar expressions. Rule: `d` and `i` joined over all arguments. A comparison is direct: its value is computed
//! from the column.

use datafusion_common::Column;
use datafusion_expr::{BinaryExpr, Expr};

use super::{ColumnLabel, Input, Labeller, Reading, Rule, Via};
use crate::PlanError;

impl<R: Reading> Labeller<R> {
    /// The labels of an expression over `input`.
    #[recursive::recursive]
    pub(super) fn expr(&mut self, expr: &Expr, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        match expr {
            Expr::Column(column) => self.column(column, input),
            Expr::OuterReferenceColumn(_, column) => self.outer_column(column),
            Expr::Alias(alias) => self.expr(&alias.expr, input),
            // A parameter is the caller's own literal; so is the variable of a lambda, whose elements are labelled
            // with the container that they come from.
            Expr::Literal(..) | Expr::Placeholder(_) | Expr::LambdaVariable(_) => Ok(ColumnLabel::default()),
            Expr::BinaryExpr(BinaryExpr { left, right, .. }) => self.scalar([left.as_ref(), right.as_ref()], input),
            Expr::Like(like) | Expr::SimilarTo(like) => self.scalar([like.expr.as_ref(), like.pattern.as_ref()], input),
            Expr::Not(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::Negative(inner) => self.scalar([inner.as_ref()], input),
            Expr::Between(between) => {
                self.scalar([between.expr.as_ref(), between.low.as_ref(), between.high.as_ref()], input)
            }
            Expr::Cast(cast) => self.scalar([cast.expr.as_ref()], input),
            Expr::TryCast(cast) => self.scalar([cast.expr.as_ref()], input),
            Expr::InList(list) => self.scalar(std::iter::once(list.expr.as_ref()).chain(&list.list), input),
            Expr::ScalarFunction(function) => self.scalar(&function.args, input),
            // The result depends on the container, on the lambda's body and on all that the body captures.
            Expr::HigherOrderFunction(function) => self.scalar(&function.args, input),
            Expr::Lambda(lambda) => {
                let body = self.expr(&lambda.body, input)?;
                Ok(if self.on(Rule::LambdaCaptures) { body } else { ColumnLabel::default() })
            }
            Expr::Case(case) => self.case(case, input),
            Expr::ScalarSubquery(subquery) => self.scalar_subquery(subquery, input),
            Expr::Exists(exists) => self.exists(exists, input),
            Expr::InSubquery(test) => self.in_subquery(test, input),
            Expr::SetComparison(test) => self.set_comparison(test, input),
            // The binder moves these into operators of their own; where one is left over, no rule applies.
            Expr::AggregateFunction(_) => Err(PlanError::no_rule("an aggregate outside of an aggregation")),
            Expr::WindowFunction(_) => Err(PlanError::no_rule("a window function outside of a window")),
            Expr::GroupingSet(_) => Err(PlanError::no_rule("a grouping set outside of GROUP BY")),
            Expr::Unnest(_) => Err(PlanError::no_rule("UNNEST inside an expression")),
            Expr::ScalarVariable(_, names) => Err(PlanError::no_rule(format!("the variable {}", names.join(".")))),
            #[expect(deprecated, reason = "the variant still exists and must be refused")]
            Expr::Wildcard { .. } => Err(PlanError::no_rule("an unexpanded *")),
        }
    }

    /// The joined labels of several expressions, as they are.
    pub(super) fn exprs<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        input: Input<'_>,
    ) -> Result<ColumnLabel, PlanError> {
        let mut joined = ColumnLabel::default();
        for expr in exprs {
            joined.join(&self.expr(expr, input)?);
        }
        Ok(joined)
    }

    /// The labels of a value computed from `arguments`.
    fn scalar<'e>(
        &mut self,
        arguments: impl IntoIterator<Item = &'e Expr>,
        input: Input<'_>,
    ) -> Result<ColumnLabel, PlanError> {
        let arguments = self.exprs(arguments, input)?;
        if !self.on(Rule::ScalarArguments) {
            return Ok(ColumnLabel::default());
        }
        let direct = self.via(&arguments.direct, Via::Transformation);
        Ok(ColumnLabel { direct, indirect: arguments.indirect })
    }

    #[expect(clippy::unused_self, reason = "reads as the other expression kinds do")]
    fn column(&self, column: &Column, input: Input<'_>) -> Result<ColumnLabel, PlanError> {
        input
            .sides
            .into_iter()
            .flatten()
            .find_map(|(schema, columns)| columns.get(schema.maybe_index_of_column(column)?))
            .cloned()
            .ok_or_else(|| {
                // DataFusion plans `SELECT unnest(a) … ORDER BY b`, and no operator hands on `b`.
                PlanError::invalid_hint(
                    "a column is named where it cannot be reached",
                    "select it too: ORDER BY over UNNEST reaches selected columns alone",
                )
            })
    }
}
