//! `$name` parameters: typed values that stand where a literal could.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion_common::{
    ParamValues, ScalarValue,
    tree_node::{TreeNode, TreeNodeRecursion},
};
use datafusion_expr::{Expr, LogicalPlan};
use datafusion_sql::planner::SqlToRel;
use sqlparser::ast;

use super::{Functions, context::TypesOnly};
use crate::{PlanError, parse::Column};

/// The values of `$name` parameters, by name.
#[derive(Debug, Clone, Default)]
pub struct Parameters(HashMap<String, ScalarValue>);

impl FromIterator<(String, ScalarValue)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, ScalarValue)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

impl Parameters {
    /// `plan` with every parameter replaced by its value.
    pub(super) fn fill(&self, plan: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let mut used = Vec::new();
        plan.apply_with_subqueries(|node| {
            node.apply_expressions(|expr| {
                expr.apply(|expr| {
                    if let Expr::Placeholder(placeholder) = expr {
                        used.push(placeholder.id.clone());
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })
        .map_err(PlanError::from_binding)?;
        if used.is_empty() {
            return Ok(plan);
        }
        if let Some(unknown) = used.iter().find(|id| !self.0.contains_key(id.trim_start_matches('$'))) {
            return Err(PlanError::invalid_hint(
                format!("parameter `{unknown}` is not declared"),
                "declare it in the pipeline's header: parameters (name TYPE DEFAULT value)",
            ));
        }
        let values = self.0.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        plan.with_param_values(ParamValues::Map(values)).map_err(PlanError::from_binding)
    }
}

/// The Arrow schema of column declarations.
///
/// # Errors
/// [`PlanError::Invalid`] when a type is not known.
pub fn column_schema(columns: &[Column], functions: &Functions) -> Result<Schema, PlanError> {
    let context = TypesOnly { functions };
    let planner = SqlToRel::new(&context);
    let mut fields = Vec::with_capacity(columns.len());
    for column in columns {
        let definition = ast::ColumnDef {
            name: ast::Ident::with_quote('"', column.name.as_ref()),
            data_type: column.data_type.clone(),
            options: Vec::new(),
        };
        let schema = planner.build_schema(vec![definition]).map_err(PlanError::from_binding)?;
        fields.push(Field::new(column.name.as_ref(), schema.field(0).data_type().clone(), column.nullable));
    }
    Ok(Schema::new(fields))
}

/// The value that `text` writes, as a parameter of the SQL type `data_type`.
///
/// # Errors
/// [`PlanError::Invalid`] when the type is not known or the text is not a value of it.
pub fn parameter_value(
    name: &str,
    data_type: &ast::DataType,
    text: &str,
    functions: &Functions,
) -> Result<ScalarValue, PlanError> {
    let column = Column { name: name.into(), data_type: data_type.clone(), nullable: true };
    let schema = column_schema(&[column], functions)?;
    let arrow_type: &DataType = schema.field(0).data_type();
    ScalarValue::try_from_string(text.to_owned(), arrow_type).map_err(|_| {
        PlanError::invalid_hint(
            format!("`{text}` is not a value of type {data_type}, which parameter `{name}` has"),
            format!("give it as -p {name}=VALUE"),
        )
    })
}
