//! What a case says: an operator, a tag that must or must not arrive, a query, and the whole label of its result.

use std::fmt;

use datafusion_expr::LogicalPlan;

use super::harness::World;

/// One query with the label that it must get.
pub(super) struct Case {
    pub(super) operator: Operator,
    pub(super) claim: Claim,
    /// The scenario and its outcome, as a test would be called.
    pub(super) name: &'static str,
    pub(super) query: Query,
    /// The label as [`super::harness::Labelled`] writes it: `city: d{public} | n: i{pii.id} | rows{special.race}`.
    pub(super) label: &'static str,
}

/// What the case is there to show, besides its whole label.
#[derive(Clone, Copy)]
pub(super) enum Claim {
    /// This tag must be somewhere in the label.
    Arrives(&'static str),
    /// This tag must be nowhere in the label, although a scanned table carries it.
    Absent(&'static str),
}

/// Where a case's plan comes from.
#[derive(Clone, Copy)]
pub(super) enum Query {
    Sql(&'static str),
    /// SQL with lambdas, which the dialect of Sluice does not read and other front ends do.
    SqlWithLambdas(&'static str),
    /// What no SQL text is bound to.
    Built(fn(&World) -> LogicalPlan),
}

/// The rows of the operator table, cut into the forms that SQL has for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Operator {
    Scan,
    Projection,
    ScalarFunction,
    Cast,
    Comparison,
    Pattern,
    IsNull,
    InList,
    Container,
    HigherOrderFunction,
    Case,
    Coalesce,
    Filter,
    Having,
    Qualify,
    InnerJoin,
    LeftJoin,
    RightJoin,
    FullJoin,
    UsingJoin,
    SemiJoin,
    AntiJoin,
    MarkJoin,
    CrossJoin,
    Aggregate,
    Count,
    AggregateFilter,
    AggregateOrder,
    GroupingSets,
    Window,
    Rank,
    Sort,
    Limit,
    Distinct,
    DistinctOn,
    Union,
    Intersect,
    Except,
    ScalarSubquery,
    Exists,
    InSubquery,
    Quantified,
    Lateral,
    UnnestList,
    UnnestStruct,
    RecursiveCte,
    Values,
    Parameter,
    Cte,
    View,
}

impl Operator {
    pub(super) const ALL: [Self; 50] = [
        Self::Scan,
        Self::Projection,
        Self::ScalarFunction,
        Self::Cast,
        Self::Comparison,
        Self::Pattern,
        Self::IsNull,
        Self::InList,
        Self::Container,
        Self::HigherOrderFunction,
        Self::Case,
        Self::Coalesce,
        Self::Filter,
        Self::Having,
        Self::Qualify,
        Self::InnerJoin,
        Self::LeftJoin,
        Self::RightJoin,
        Self::FullJoin,
        Self::UsingJoin,
        Self::SemiJoin,
        Self::AntiJoin,
        Self::MarkJoin,
        Self::CrossJoin,
        Self::Aggregate,
        Self::Count,
        Self::AggregateFilter,
        Self::AggregateOrder,
        Self::GroupingSets,
        Self::Window,
        Self::Rank,
        Self::Sort,
        Self::Limit,
        Self::Distinct,
        Self::DistinctOn,
        Self::Union,
        Self::Intersect,
        Self::Except,
        Self::ScalarSubquery,
        Self::Exists,
        Self::InSubquery,
        Self::Quantified,
        Self::Lateral,
        Self::UnnestList,
        Self::UnnestStruct,
        Self::RecursiveCte,
        Self::Values,
        Self::Parameter,
        Self::Cte,
        Self::View,
    ];
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.operator, self.name)
    }
}

/// A case whose query must carry `tag`.
pub(super) const fn arrives(
    operator: Operator,
    tag: &'static str,
    name: &'static str,
    sql: &'static str,
    label: &'static str,
) -> Case {
    Case { operator, claim: Claim::Arrives(tag), name, query: Query::Sql(sql), label }
}

/// A case whose query reads a table that carries `tag`, and must not carry it.
pub(super) const fn absent(
    operator: Operator,
    tag: &'static str,
    name: &'static str,
    sql: &'static str,
    label: &'static str,
) -> Case {
    Case { operator, claim: Claim::Absent(tag), name, query: Query::Sql(sql), label }
}

impl Case {
    /// The same, where the text has lambdas.
    pub(super) const fn with_lambdas(mut self) -> Self {
        if let Query::Sql(sql) = self.query {
            self.query = Query::SqlWithLambdas(sql);
        }
        self
    }
}

/// A case over a plan that no SQL text is bound to.
pub(super) const fn built(
    operator: Operator,
    claim: Claim,
    name: &'static str,
    plan: fn(&World) -> LogicalPlan,
    label: &'static str,
) -> Case {
    Case { operator, claim, name, query: Query::Built(plan), label }
}
