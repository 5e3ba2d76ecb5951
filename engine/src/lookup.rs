//! Lookups: queries whose parameters do nothing but choose rows by their columns, planned once for all values.
//!
//! Elsewhere a value may change more of a plan than the rows that it answers: types follow from the arguments of some
//! functions, and what is computed of constants alone is computed while planning. A lookup has none of that, so that its
//! plan for one value is its plan for any other of the same type.

use std::time::Duration;

use datafusion::{
    common::ScalarValue,
    logical_expr::{
        Between, BinaryExpr, Cast, Expr, LogicalPlan,
        expr::{Alias, InList},
    },
};
use sluice_planner::{AuthorizedPlan, bind::Parameters};

use crate::{Session, audit::Audited, barrier::compares, ready::ReadyPlan};

/// How much memory the plans of a lookup may take to be kept, in bytes.
pub(crate) const MOST_BYTES: usize = 64 << 10;

/// About what an expression takes in a plan, in bytes.
const BYTES_PER_EXPRESSION: usize = 256;

/// About what a column takes in each operator, in bytes.
const BYTES_PER_COLUMN: usize = 96;

/// A query that was planned without its values.
#[derive(Debug)]
pub(crate) struct Lookup {
    authorized: AuthorizedPlan,
    ready: ReadyPlan,
    audited: Audited,
    bytes: usize,
}

impl Lookup {
    /// The query `text`, planned as `authorized`, in which its parameters still stand, if it is a lookup and small enough to be
    /// kept.
    pub(crate) fn of(session: &Session, text: &str, authorized: AuthorizedPlan) -> Option<Self> {
        // What was decided is told for each column.
        let bytes = bytes_of_lookup(authorized.plan())?.saturating_mul(2);
        if bytes > MOST_BYTES {
            return None;
        }
        // Whatever fails fails again where it is told of: when the query runs.
        let ready = session.context().ready(&authorized).and_then(ReadyPlan::serial_if_small).ok()?;
        let bytes = bytes.saturating_add(bytes_of_lookup(ready.plan())?);
        let audited = Audited::plan(text, &authorized, Duration::ZERO);
        (bytes <= MOST_BYTES).then_some(Self { authorized, ready, audited, bytes })
    }

    /// About how much memory it takes, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was decided about it.
    pub(crate) fn authorized(&self) -> &AuthorizedPlan {
        &self.authorized
    }

    /// The plan for the values of `parameters`; `None` where the optimizer has to see them: they are not one for each, one is
    /// null, or one cannot be brought to the type that it is held against.
    pub(crate) fn with(&self, parameters: &Parameters) -> Option<ReadyPlan> {
        if parameters.row()?.iter().any(ScalarValue::is_null) {
            return None;
        }
        self.ready.with_values(|id| parameters.value(id)).ok()
    }

    /// What is written down when it runs: nothing was analyzed again.
    pub(crate) fn audited(&self) -> Audited {
        self.audited.clone()
    }
}

/// About how much memory `plan` takes, if it is the plan of a lookup.
fn bytes_of_lookup(plan: &LogicalPlan) -> Option<usize> {
    let own: Option<usize> = match plan {
        LogicalPlan::Filter(filter) => bytes_of_condition(&filter.predicate),
        LogicalPlan::TableScan(scan) => scan.filters.iter().map(bytes_of_condition).sum(),
        LogicalPlan::Projection(_) | LogicalPlan::Sort(_) | LogicalPlan::Limit(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.expressions().iter().map(|value| is_plain(value).then_some(BYTES_PER_EXPRESSION)).sum()
        }
        LogicalPlan::Aggregate(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_) => None,
    };
    let columns = plan.schema().fields().len() * BYTES_PER_COLUMN;
    plan.inputs().into_iter().map(bytes_of_lookup).chain([own, Some(columns)]).sum()
}

/// About how much memory `condition` takes, if it holds columns, constants and parameters against each other.
fn bytes_of_condition(condition: &Expr) -> Option<usize> {
    let below: Option<usize> = match condition {
        Expr::Column(_) | Expr::Literal(..) | Expr::Placeholder(_) => Some(0),
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if compares(*op) || op.is_logic_operator() => {
            [left, right].into_iter().map(|part| bytes_of_condition(part)).sum()
        }
        Expr::Alias(Alias { expr: inner, .. }) | Expr::Not(inner) | Expr::IsNull(inner) | Expr::IsNotNull(inner) => {
            bytes_of_condition(inner)
        }
        Expr::Between(Between { expr, low, high, negated: _ }) => {
            [expr, low, high].into_iter().map(|part| bytes_of_condition(part)).sum()
        }
        Expr::InList(InList { expr, list, negated: _ }) => {
            std::iter::once(&**expr).chain(list).map(bytes_of_condition).sum()
        }
        // A value is brought to the type of the column that it is held against.
        Expr::Cast(Cast { expr, field }) => {
            (matches!(**expr, Expr::Placeholder(_)) && !field.data_type().is_nested()).then_some(BYTES_PER_EXPRESSION)
        }
        Expr::BinaryExpr(_)
        | Expr::OuterReferenceColumn(..)
        | Expr::ScalarVariable(..)
        | Expr::Like(_)
        | Expr::SimilarTo(_)
        | Expr::IsTrue(_)
        | Expr::IsFalse(_)
        | Expr::IsUnknown(_)
        | Expr::IsNotTrue(_)
        | Expr::IsNotFalse(_)
        | Expr::IsNotUnknown(_)
        | Expr::Negative(_)
        | Expr::Case(_)
        | Expr::TryCast(_)
        | Expr::ScalarFunction(_)
        | Expr::HigherOrderFunction(_)
        | Expr::Lambda(_)
        | Expr::LambdaVariable(_)
        | Expr::AggregateFunction(_)
        | Expr::WindowFunction(_)
        | Expr::GroupingSet(_)
        | Expr::Unnest(_)
        | Expr::ScalarSubquery(_)
        | Expr::Exists(_)
        | Expr::InSubquery(_)
        | Expr::SetComparison(_) => None,
        #[expect(deprecated, reason = "the variant still exists")]
        Expr::Wildcard { .. } => None,
    };
    Some(below? + BYTES_PER_EXPRESSION)
}

/// Whether `value` is a constant or a column, by whatever name.
fn is_plain(value: &Expr) -> bool {
    let value = value.clone().unalias_nested().data;
    value.as_literal().is_some() || value.try_as_col().is_some()
}
