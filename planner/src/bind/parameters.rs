//! Parameters: typed values that stand where a literal could, written `$name`, `$1` or `?`.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion_common::{
    ParamValues, ScalarValue,
    tree_node::{Transformed, TreeNode, TreeNodeRecursion},
};
use datafusion_expr::{Expr, LogicalPlan, Values};
use datafusion_sql::planner::{PlannerContext, SqlToRel};
use sqlparser::ast;

use super::{Functions, context::TypesOnly};
use crate::{PlanError, parse::Column};

/// A parameter's name and the type that it has to have; `None` where any will do.
pub type ParameterType = (Arc<str>, Option<DataType>);

/// The parameters of a statement: names, types, and the values of one run or of several at once.
///
/// A statement's parameters are either named, or numbered from one without a gap.
#[derive(Debug, Clone, Default)]
pub struct Parameters {
    /// Name and type, where that is known.
    declared: Vec<ParameterType>,
    /// `None` while a statement is prepared, when there are no values yet.
    rows: Option<Vec<Vec<ScalarValue>>>,
}

impl FromIterator<(String, ScalarValue)> for Parameters {
    fn from_iter<I: IntoIterator<Item = (String, ScalarValue)>>(values: I) -> Self {
        let (declared, row) =
            values.into_iter().map(|(name, value)| ((Arc::from(name), Some(value.data_type())), value)).unzip();
        Self { declared, rows: Some(vec![row]) }
    }
}

impl Parameters {
    /// The parameters of a statement that is being prepared.
    pub fn open(declared: Vec<ParameterType>) -> Self {
        Self { declared, rows: None }
    }

    /// `names` with the values of one or more runs, each as many as there are names.
    pub fn bound(names: &[Arc<str>], rows: Vec<Vec<ScalarValue>>) -> Self {
        let types = |position: usize| rows.first().and_then(|row| row.get(position)).map(ScalarValue::data_type);
        let declared = names.iter().enumerate().map(|(position, name)| (Arc::clone(name), types(position))).collect();
        Self { declared, rows: Some(rows) }
    }

    /// Names and types, in the order of the statement.
    pub fn declared(&self) -> &[ParameterType] {
        &self.declared
    }

    /// The same while there are no values yet, if every type is known.
    pub fn types(&self) -> Option<Self> {
        let is_known =
            |(_, data_type): &ParameterType| data_type.as_ref().is_some_and(|known| *known != DataType::Null);
        self.declared.iter().all(is_known).then(|| Self::open(self.declared.clone()))
    }

    /// The values of the one run that there are values for.
    pub fn row(&self) -> Option<&[ScalarValue]> {
        match self.rows.as_deref() {
            Some([row]) => Some(row),
            // What takes no parameters runs without values.
            None | Some([]) if self.declared.is_empty() => Some(&[]),
            _ => None,
        }
    }

    /// The value that stands for the placeholder `id` in that run.
    pub fn value(&self, id: &str) -> Option<&ScalarValue> {
        self.row()?.get(self.position(id)?)
    }

    /// What the planner is told of the parameters: it needs their types before it meets them.
    pub(super) fn planner_context(&self) -> PlannerContext {
        let field = |(name, data_type): &ParameterType| -> Option<FieldRef> {
            // A name without a type would be unknown to the planner, which finds names by their fields.
            let data_type = data_type.clone().or_else(|| name.parse::<usize>().is_err().then_some(DataType::Null))?;
            Some(Arc::new(Field::new(&**name, data_type, true)))
        };
        PlannerContext::new().with_prepare_param_data_types(self.declared.iter().map(field).collect())
    }

    /// `plan` with every parameter replaced by its value. Those of a statement that is being prepared stay.
    pub(super) fn fill(&self, plan: LogicalPlan) -> Result<LogicalPlan, PlanError> {
        let used = placeholders(&plan)?;
        if used.is_empty() {
            return Ok(plan);
        }
        if let Some(unknown) = used.iter().find(|id| self.position(id).is_none()) {
            return Err(PlanError::invalid_hint(
                format!("parameter `{unknown}` is not declared"),
                "bind a value to it; in a pipeline, declare it in the header: parameters (name TYPE DEFAULT value)",
            ));
        }
        match self.rows.as_deref() {
            None => Ok(plan),
            Some([row]) => {
                let values = row.iter().cloned().map(Into::into).collect();
                plan.with_param_values(ParamValues::List(values)).map_err(PlanError::from_binding)
            }
            Some(rows) => self.fill_rows(plan, rows),
        }
    }

    /// Rows of `VALUES` that hold parameters, once for each row of values.
    fn fill_rows(&self, plan: LogicalPlan, rows: &[Vec<ScalarValue>]) -> Result<LogicalPlan, PlanError> {
        let filled = plan.transform_up(|node| {
            let LogicalPlan::Values(Values { schema, values }) = node else { return Ok(Transformed::no(node)) };
            let mut all = Vec::with_capacity(values.len() * rows.len());
            for row in rows {
                for exprs in &values {
                    let exprs = exprs.iter().cloned().map(|expr| {
                        expr.transform_up(|expr| {
                            let value = match &expr {
                                Expr::Placeholder(placeholder) => {
                                    self.position(&placeholder.id).and_then(|position| row.get(position))
                                }
                                _ => None,
                            };
                            Ok(match value {
                                Some(value) => Transformed::yes(Expr::Literal(value.clone(), None)),
                                None => Transformed::no(expr),
                            })
                        })
                        .map(|expr| expr.data)
                    });
                    all.push(exprs.collect::<Result<Vec<_>, _>>()?);
                }
            }
            Ok(Transformed::yes(LogicalPlan::Values(Values { schema, values: all })))
        });
        let plan = filled.map_err(PlanError::from_binding)?.data;
        match placeholders(&plan)?.as_slice() {
            [] => Ok(plan),
            _ => Err(PlanError::Bug("several rows of parameters were bound to more than VALUES".to_owned())),
        }
    }

    /// Which parameter `id` is; the planner calls all of them by number.
    fn position(&self, id: &str) -> Option<usize> {
        let position = id.trim_start_matches('$').parse::<usize>().ok()?.checked_sub(1)?;
        (position < self.declared.len()).then_some(position)
    }
}

/// The parameters that `plan` holds.
fn placeholders(plan: &LogicalPlan) -> Result<Vec<String>, PlanError> {
    let mut found = Vec::new();
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::Placeholder(placeholder) = expr {
                    found.push(placeholder.id.clone());
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })
    .map_err(PlanError::from_binding)?;
    Ok(found)
}

/// The types that the parameters of `plan` must have, where its operators say so.
pub(super) fn inferred(plan: &LogicalPlan, parameters: &Parameters) -> Result<Vec<ParameterType>, PlanError> {
    let found = plan.get_parameter_types().map_err(PlanError::from_binding)?;
    let typed = parameters.declared.iter().enumerate().map(|(position, (name, declared))| {
        let inferred = found.get(&format!("${}", position + 1)).cloned().flatten();
        let known = |data_type: &DataType| *data_type != DataType::Null;
        (Arc::clone(name), declared.clone().filter(known).or_else(|| inferred.filter(known)))
    });
    Ok(typed.collect())
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
    let arrow_type = schema.field(0).data_type();
    ScalarValue::try_from_string(text.to_owned(), arrow_type).map_err(|_| {
        PlanError::invalid_hint(
            format!("`{text}` is not a value of type {data_type}, which parameter `{name}` has"),
            format!("give it as -p {name}=VALUE"),
        )
    })
}
