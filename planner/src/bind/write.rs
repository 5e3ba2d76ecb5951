//! Binding of statements that write: the rows that a table will hold, in its own columns.

use std::{collections::HashSet, sync::Arc};

use arrow::datatypes::Schema;
use datafusion_common::{Column, ExprSchema, ScalarValue};
use datafusion_expr::{Expr, ExprSchemable, LogicalPlanBuilder};
use sluice_catalog::TableSnapshot;
use sluice_model::TableName;
use sluice_policy::Decisions;
use sqlparser::ast;

use super::{BoundPlan, ParameterType, Surroundings, bind, expectations, rewrite};
use crate::{
    PlanError,
    parse::{Expectation, Versions, Write},
};

/// `bound` as rows of the existing table `target`: its columns in its order and of its types. Columns that the
/// statement does not name are `NULL`.
///
/// # Errors
/// [`PlanError::Invalid`] when the columns do not fit.
pub fn bind_insert(bound: BoundPlan, target: &TableSnapshot, columns: &[Arc<str>]) -> Result<BoundPlan, PlanError> {
    let fields = target.arrow_schema.fields();
    let given = bound.plan.schema().fields().len();
    let positions: Vec<Option<usize>> = if columns.is_empty() {
        (0..fields.len()).map(|position| (position < given).then_some(position)).collect()
    } else {
        named_positions(target, columns)?
    };
    let wanted = if columns.is_empty() { fields.len() } else { columns.len() };
    if given != wanted {
        return Err(PlanError::invalid(format!(
            "{given} columns are given where {wanted} are to be written into `{}`",
            target.name
        )));
    }
    let schema = Arc::clone(bound.plan.schema());
    let mut exprs = Vec::with_capacity(fields.len());
    for (field, position) in fields.iter().zip(positions) {
        let value = match position {
            Some(position) => Expr::Column(Column::from(schema.qualified_field(position)))
                .cast_to(field.data_type(), &schema)
                .map_err(|_| {
                    PlanError::invalid(format!(
                        "a value of type {} cannot be written into column `{}`, which has type {}",
                        schema.field(position).data_type(),
                        field.name(),
                        field.data_type()
                    ))
                })?,
            None if field.is_nullable() => {
                Expr::Literal(ScalarValue::try_from(field.data_type()).map_err(PlanError::from_binding)?, None)
            }
            None => {
                return Err(PlanError::invalid(format!(
                    "column `{}` of `{}` may not be NULL and is not given a value",
                    field.name(),
                    target.name
                )));
            }
        };
        exprs.push(value.alias(field.name()));
    }
    let plan = LogicalPlanBuilder::from(bound.plan)
        .project(exprs)
        .and_then(LogicalPlanBuilder::build)
        .map_err(PlanError::from_binding)?;
    Ok(BoundPlan { plan, ..bound })
}

/// `bound` as rows of a new table whose columns are declared: these names and types, in the order of the query's.
///
/// # Errors
/// [`PlanError::Invalid`] when there are more or fewer, or one does not fit its type.
pub fn bind_declared(bound: BoundPlan, declared: &Schema, table: &TableName) -> Result<BoundPlan, PlanError> {
    let schema = Arc::clone(bound.plan.schema());
    if schema.fields().len() != declared.fields().len() {
        return Err(PlanError::invalid(format!(
            "the query gives {} columns where {} are declared for `{table}`",
            schema.fields().len(),
            declared.fields().len()
        )));
    }
    let exprs = schema.columns().into_iter().zip(declared.fields()).map(|(column, field)| {
        let from = schema.field_from_column(&column).map(|field| field.data_type().clone()).ok();
        Expr::Column(column).cast_to(field.data_type(), &schema).map(|value| value.alias(field.name())).map_err(|_| {
            PlanError::invalid(format!(
                "a value of type {} cannot be written into column `{}`, which has type {}",
                from.map_or_else(String::new, |from| from.to_string()),
                field.name(),
                field.data_type()
            ))
        })
    });
    let exprs = exprs.collect::<Result<Vec<_>, _>>()?;
    let plan = LogicalPlanBuilder::from(bound.plan)
        .project(exprs)
        .and_then(LogicalPlanBuilder::build)
        .map_err(PlanError::from_binding)?;
    Ok(BoundPlan { plan, ..bound })
}

/// For each column of the table, which of the named ones it is.
fn named_positions(target: &TableSnapshot, columns: &[Arc<str>]) -> Result<Vec<Option<usize>>, PlanError> {
    let mut seen = HashSet::new();
    for column in columns {
        if !seen.insert(column) {
            return Err(PlanError::invalid(format!("column `{column}` is named twice")));
        }
        if target.arrow_schema.index_of(column).is_err() {
            return Err(PlanError::invalid(format!("table `{}` has no column `{column}`", target.name)));
        }
    }
    Ok(target
        .arrow_schema
        .fields()
        .iter()
        .map(|field| columns.iter().position(|column| **column == *field.name()))
        .collect())
}

/// Parameters that stand as values of `VALUES` in an `INSERT`, with the types of the columns that they go into.
pub fn insert_parameters(query: &ast::Query, target: &TableSnapshot, columns: &[Arc<str>]) -> Vec<ParameterType> {
    let ast::SetExpr::Values(values) = query.body.as_ref() else { return Vec::new() };
    let fields = target.arrow_schema.fields();
    let field = |position: usize| match columns.get(position) {
        Some(column) => fields.iter().find(|field| **column == *field.name()),
        None => fields.get(position),
    };
    let cells = values.rows.iter().flat_map(|row| row.content.iter().enumerate());
    cells
        .filter_map(|(position, expr)| match expr {
            ast::Expr::Value(value) => match &value.value {
                ast::Value::Placeholder(id) => {
                    Some((id.trim_start_matches('$').into(), field(position).map(|field| field.data_type().clone())))
                }
                _ => None,
            },
            _ => None,
        })
        .collect()
}

/// The rows of `target` after an `UPDATE`, `DELETE` or `MERGE`, read from its pinned version.
///
/// # Errors
/// [`PlanError`] when the statement makes no sense over the table.
pub fn bind_change(
    write: &Write,
    target: &TableSnapshot,
    versions: &Versions,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<BoundPlan, PlanError> {
    let rewritten = rewrite::rewrite(write, target)?;
    let mut bound = bind(&rewritten.query, versions, surroundings, decisions)?;
    if let Some(computed) = &rewritten.computed {
        bound.computed = Some(bind(computed, versions, surroundings, decisions)?.plan);
    }
    let schema = Arc::clone(bound.plan.schema());
    let stored = target.arrow_schema.fields();
    let mut exprs = Vec::with_capacity(schema.fields().len());
    for (position, column) in schema.columns().into_iter().enumerate() {
        let value = Expr::Column(column);
        exprs.push(match stored.get(position) {
            Some(field) => value
                .cast_to(field.data_type(), &schema)
                .map_err(|_| {
                    PlanError::invalid(format!(
                        "the new value of column `{}` does not fit its type {}",
                        field.name(),
                        field.data_type()
                    ))
                })?
                .alias(field.name()),
            None => value,
        });
    }
    bound.plan = LogicalPlanBuilder::from(bound.plan)
        .project(exprs)
        .and_then(LogicalPlanBuilder::build)
        .map_err(PlanError::from_binding)?;
    Ok(expectations::marked(bound, rewritten.markers))
}

/// `bound` held against `expectations`.
///
/// # Errors
/// [`PlanError`] when a condition makes no sense over the output columns.
pub fn bind_expected(
    bound: BoundPlan,
    expectations: &[Expectation],
    versions: &Versions,
    surroundings: &Surroundings<'_>,
    decisions: &mut Decisions<'_>,
) -> Result<BoundPlan, PlanError> {
    expectations::add(bound, expectations, versions, surroundings, decisions)
}
