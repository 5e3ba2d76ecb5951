//! Conditions that rows are held against while they are written.
//!
//! Each condition becomes one more boolean column of the plan, true where a row violates it. The writer counts those
//! columns, leaves rows out or gives up as declared, and never stores them. `DELETE` and `MERGE` are built on the
//! same columns: a deleted row is one that is left out.

use std::sync::Arc;

use datafusion_expr::{Expr, LogicalPlanBuilder};
use datafusion_sql::planner::SqlToRel;
use sluice_policy::Decisions;

use super::{Binder, BoundPlan, Shared, Surroundings, context::Context};
use crate::{
    PlanError,
    label::{ColumnLabel, RelationLabel},
    parse::{Expectation, OnViolation, Versions},
};

/// A boolean column at the end of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// The name of the condition.
    pub name: Arc<str>,
    /// What happens to a row where it is true.
    pub on_violation: OnViolation,
}

/// The boolean columns at the end of a plan, in order; empty for a plan whose columns are all results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expectations(pub(crate) Vec<Marker>);

impl Expectations {
    /// The columns, in order.
    pub fn markers(&self) -> &[Marker] {
        &self.0
    }

    /// The label of what is stored: without the boolean columns. What leaves rows out decides which rows exist. That
    /// a write failed as a whole is one bit, which whoever started it learns in any case.
    ///
    /// Also answers what each boolean column depends on, which its count does too.
    pub(crate) fn split_label(&self, mut label: RelationLabel) -> (RelationLabel, Vec<ColumnLabel>) {
        let markers = label.columns.split_off(label.columns.len().saturating_sub(self.0.len()));
        for (marker, column) in self.0.iter().zip(&markers) {
            match marker.on_violation {
                OnViolation::Count | OnViolation::FailUpdate => {}
                OnViolation::DropRow => label.rows.join(&column.all()),
            }
        }
        (label, markers)
    }
}

/// Adds `expectations` to `bound`, as conditions over its output columns.
///
/// # Errors
/// [`PlanError`] when a condition makes no sense over the columns.
pub(super) fn add(
    mut bound: BoundPlan,
    expectations: &[Expectation],
    versions: &Versions,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<BoundPlan, PlanError> {
    if expectations.is_empty() {
        return Ok(bound);
    }
    let shared = Shared {
        decisions: std::cell::RefCell::new(decisions),
        relations: std::cell::RefCell::new(std::mem::take(&mut bound.relations)),
    };
    let binder = Binder { surroundings, shared: &shared, via: Arc::new([]), versions };
    let context = Context { binder: &binder };
    let planner = SqlToRel::new(&context);
    let schema = Arc::clone(bound.plan.schema());
    let mut columns: Vec<Expr> = schema.columns().into_iter().map(Expr::Column).collect();
    let mut markers = Vec::with_capacity(expectations.len());
    for (index, expectation) in expectations.iter().enumerate() {
        super::clauses::check(&expectation.condition)?;
        let condition = planner
            .sql_to_expr(expectation.condition.clone(), &schema, &mut surroundings.parameters.planner_context())
            .map_err(PlanError::from_binding)?;
        columns.push(condition.is_not_true().alias(format!("violates {index}: {}", expectation.name)));
        markers.push(Marker { name: Arc::clone(&expectation.name), on_violation: expectation.on_violation });
    }
    let plan = LogicalPlanBuilder::from(bound.plan)
        .project(columns)
        .and_then(LogicalPlanBuilder::build)
        .map_err(PlanError::from_binding)?;
    let plan = surroundings.parameters.fill(plan)?;
    Ok(BoundPlan { plan, relations: shared.relations.into_inner(), expectations: Expectations(markers), ..bound })
}

/// Takes the last columns of `bound`, as many as there are `markers`, for the boolean columns of a rewrite.
pub(super) fn marked(bound: BoundPlan, markers: Vec<Marker>) -> BoundPlan {
    debug_assert!(markers.len() <= bound.plan.schema().fields().len());
    BoundPlan { expectations: Expectations(markers), ..bound }
}
