//! Lookups: queries whose parameters do nothing but choose rows by their columns, planned once for all values.
//!
//! Elsewhere a value may change more of a plan than the rows that it answers: types follow from the arguments of some
//! functions, and what is computed of constants alone is computed while planning. A lookup has none of that, so that its
//! plan for one value is its plan for any other of the same type.

use std::{collections::HashSet, sync::OnceLock, time::Duration};

use arrow::array::{Array, RecordBatch};
use datafusion::{
    common::{
        ScalarValue,
        tree_node::{TreeNode, TreeNodeRecursion},
    },
    logical_expr::{
        Between, BinaryExpr, Cast, Expr, LogicalPlan,
        expr::{Alias, InList},
    },
};
use sluice_catalog::rows_at_hand;
use sluice_planner::{AuthorizedPlan, bind::Parameters};

use crate::{
    Session,
    audit::Audited,
    barrier::compares,
    exact::expanded_bytes,
    ready::{ReadyPlan, provider_of},
};

/// How much memory the plans of a lookup may take to be kept, in bytes.
pub(crate) const MOST_BYTES: usize = 64 << 10;

/// About what an expression takes in a plan, in bytes.
const BYTES_PER_EXPRESSION: usize = 256;

/// About what a column takes in each operator, in bytes.
const BYTES_PER_COLUMN: usize = 96;

/// How many operators a lookup has at most that is over at once.
const MOST_OPERATORS: usize = 8;

/// How many parts its conditions have at most together.
const MOST_PARTS: usize = 32;

/// How large its values are at most together, in bytes, and so are its constants.
pub(crate) const MOST_VALUES: usize = 4 << 10;

/// How many rows it chooses among at most.
const MOST_ROWS: usize = 8192;

/// How large these are at most, in bytes, with each value written out.
const MOST_ROW_BYTES: usize = 256 << 10;

/// What a value takes at least in most of what is done with it, in bytes, be it null.
const BYTES_PER_VALUE: usize = 16;

/// A query that was planned without its values.
#[derive(Debug)]
pub(crate) struct Lookup {
    authorized: AuthorizedPlan,
    ready: ReadyPlan,
    audited: Audited,
    bytes: usize,
    /// Whether the plan is one that may be over at once, if little is in the table.
    is_short: bool,
    /// Whether little is in the table, once that is in memory.
    has_little: OnceLock<bool>,
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
        let is_short = is_short(ready.plan());
        (bytes <= MOST_BYTES).then_some(Self {
            authorized,
            ready,
            audited,
            bytes,
            is_short,
            has_little: OnceLock::new(),
        })
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

    /// Whether it has so little to do that it may run within its call: few rows, all of them in memory, are held against a
    /// few values, and those that are chosen are answered as they are.
    pub(crate) fn is_over_at_once(&self) -> bool {
        self.is_short
            && self.has_little.get().copied().unwrap_or_else(|| {
                let little = has_little(self.ready.plan());
                little.is_some_and(|little| *self.has_little.get_or_init(|| little))
            })
    }

    /// As [`Self::with`], to be run at once; `None` also where it is not over at once.
    pub(crate) fn at_once_with(&self, parameters: &Parameters) -> Option<ReadyPlan> {
        if self.is_over_at_once() { self.with(parameters).map(ReadyPlan::at_once) } else { None }
    }

    /// What is written down when it runs: nothing was analyzed again.
    pub(crate) fn audited(&self) -> Audited {
        self.audited.clone()
    }
}

/// What an operator of a lookup does.
enum Operator {
    /// Chooses rows by conditions.
    Chooses,
    /// Answers values, which in a lookup are columns and constants.
    Answers,
    Sorts,
    /// Passes rows on unchanged, all of them or some.
    Passes,
}

impl Operator {
    /// That of `plan`; `None` where lookups have no such operator.
    fn of(plan: &LogicalPlan) -> Option<Self> {
        Some(match plan {
            LogicalPlan::Filter(_) | LogicalPlan::TableScan(_) => Self::Chooses,
            LogicalPlan::Projection(_) => Self::Answers,
            LogicalPlan::Sort(_) => Self::Sorts,
            LogicalPlan::Limit(_) | LogicalPlan::SubqueryAlias(_) => Self::Passes,
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
            | LogicalPlan::DescribeTable(_) => return None,
        })
    }
}

/// About how much memory `plan` takes, if it is the plan of a lookup.
fn bytes_of_lookup(plan: &LogicalPlan) -> Option<usize> {
    let bytes_of: fn(&Expr) -> Option<usize> = match Operator::of(plan)? {
        Operator::Chooses => bytes_of_condition,
        Operator::Answers | Operator::Sorts | Operator::Passes => bytes_of_plain,
    };
    let mut bytes = Some(plan.schema().fields().len() * BYTES_PER_COLUMN);
    let looked_at = plan.apply_expressions(|value| {
        bytes = bytes.zip(bytes_of(value)).map(|(bytes, more)| bytes + more);
        Ok(if bytes.is_some() { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    });
    looked_at.ok()?;
    plan.inputs().into_iter().map(bytes_of_lookup).chain([bytes]).sum()
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

/// About how much memory `value` takes, if it is a constant or a column, by whatever name.
fn bytes_of_plain(value: &Expr) -> Option<usize> {
    let value = unaliased(value);
    (value.as_literal().is_some() || value.try_as_col().is_some()).then_some(BYTES_PER_EXPRESSION)
}

fn unaliased(value: &Expr) -> &Expr {
    if let Expr::Alias(Alias { expr, .. }) = value { unaliased(expr) } else { value }
}

/// Whether `plan`, which is that of a lookup, has a few operators that compare a few times, answer no column twice and make no
/// values of their own: a constant is repeated for each row, and sorting takes long.
fn is_short(plan: &LogicalPlan) -> bool {
    let (mut operators, mut parts, mut constants) = (0, 0, 0);
    let is_long = plan.exists(|node| {
        operators += 1;
        match Operator::of(node) {
            Some(Operator::Chooses) => {
                for condition in node.expressions() {
                    condition.apply(|part| {
                        parts += 1;
                        constants += part.as_literal().map_or(0, ScalarValue::size);
                        Ok(TreeNodeRecursion::Continue)
                    })?;
                }
            }
            Some(Operator::Answers) => {
                let answered = node.expressions();
                let columns = answered.iter().filter_map(|value| unaliased(value).try_as_col());
                if columns.collect::<HashSet<_>>().len() < answered.len() {
                    return Ok(true);
                }
            }
            Some(Operator::Passes) => {}
            Some(Operator::Sorts) | None => return Ok(true),
        }
        Ok(operators > MOST_OPERATORS || parts > MOST_PARTS || constants > MOST_VALUES)
    });
    matches!(is_long, Ok(false))
}

/// Whether little is in the table of `plan`; `None` while it is not in memory.
fn has_little(plan: &LogicalPlan) -> Option<bool> {
    if let LogicalPlan::TableScan(scan) = plan {
        return Some(match rows_at_hand(provider_of(scan)?.as_ref())? {
            [] => true,
            [rows] => is_little(rows),
            _ => false,
        });
    }
    plan.inputs().into_iter().try_fold(true, |little, input| Some(little && has_little(input)?))
}

/// Whether `rows` are few and small. One value of a list or the like may be many.
fn is_little(rows: &RecordBatch) -> bool {
    let values = rows.num_rows() * rows.num_columns();
    rows.num_rows() <= MOST_ROWS
        && expanded_bytes(rows).saturating_add(values * BYTES_PER_VALUE) <= MOST_ROW_BYTES
        && rows.columns().iter().all(|column| !column.data_type().is_nested())
}
