//! Nested values, kept from kernels that take more of them than they are.
//!
//! `CASE` and `nullif` lay nulls over a list or struct and leave what is in it. Functions that look into it, such as a
//! struct's fields, do not look at those nulls: what a view masks comes out. Arrow's cast to lists of a fixed length takes
//! the items from the front of their buffer, where those of rows lie that an `OFFSET` has skipped, and its casts of
//! dictionaries convert every value of the dictionary, and fail because of one that no row has. So such values are given
//! buffers that hold nothing else, before anything looks into them.

use std::sync::{Arc, LazyLock};

use arrow::datatypes::{DataType, FieldRef};
use datafusion::{
    common::{
        DFSchema, ScalarValue, internal_err,
        tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion},
    },
    error::Result,
    logical_expr::{
        Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF,
        ScalarUDFImpl, Signature, TryCast, Volatility, expr_rewriter::NamePreserver, utils::merge_schema,
    },
};

use crate::exact;

/// `plan` with nested values in buffers that hold nothing else, where they would not be read as what they are.
pub(crate) fn with_exact_values(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        let mut is_concerned = false;
        node.apply_expressions(|expression| {
            is_concerned |= expression.exists(|part| Ok(Place::of(part).is_some()))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        if !is_concerned {
            return Ok(Transformed::no(node));
        }
        let names = NamePreserver::new(&node);
        let inputs = node.inputs();
        let schema = if inputs.is_empty() { node.schema().as_ref().clone() } else { merge_schema(&inputs) };
        node.map_expressions(|expression| match expression {
            // The planner knows the sets by what they are, so that it is their parts that keep their names.
            Expr::GroupingSet(_) => expression.map_children(|part| rewritten(part, &names, &schema)),
            other => rewritten(other, &names, &schema),
        })
    })
    .data()
}

/// `expression` with exact values, by the name that it has without.
fn rewritten(expression: Expr, names: &NamePreserver, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let name = names.save(&expression);
    let rewritten = expression.transform_up(|part| match Place::of(&part) {
        Some(Place::Input) if !casts_values_alone(&part, schema) => {
            part.map_children(|value| Ok(Transformed::yes(EXACT.call(vec![value]))))
        }
        // What has no type that can be told here may well be nested.
        Some(Place::Output) if part.get_type(schema).map_or(true, |data_type| data_type.is_nested()) => {
            Ok(Transformed::yes(EXACT.call(vec![part])))
        }
        Some(Place::Input | Place::Output) | None => Ok(Transformed::no(part)),
    })?;
    Ok(if rewritten.transformed { rewritten.update_data(|expression| name.restore(expression)) } else { rewritten })
}

/// Whether a cast looks at the values of its input and at nothing else. What has no type that can be told does not.
fn casts_values_alone(expression: &Expr, schema: &DFSchema) -> bool {
    let (Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field })) = expression else { return true };
    let into = field.data_type();
    !into.is_nested()
        && match expr.get_type(schema) {
            // Unpacking takes the values that are pointed at; everything else converts the whole dictionary first.
            Ok(DataType::Dictionary(_, value)) => *value == *into,
            Ok(DataType::RunEndEncoded(..)) | Err(_) => false,
            Ok(from) => !from.is_nested(),
        }
}

/// Where an expression needs exact values, if they are nested or encoded.
enum Place {
    /// It takes what is not a value of its input.
    Input,
    /// It leaves more in its output than the values.
    Output,
}

impl Place {
    fn of(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Cast(_) | Expr::TryCast(_) => Some(Self::Input),
            Expr::Case(_) => Some(Self::Output),
            Expr::ScalarFunction(call) if call.name() == "nullif" => Some(Self::Output),
            Expr::Alias(_)
            | Expr::Column(_)
            | Expr::OuterReferenceColumn(..)
            | Expr::ScalarVariable(..)
            | Expr::Literal(..)
            | Expr::Placeholder(_)
            | Expr::BinaryExpr(_)
            | Expr::Like(_)
            | Expr::SimilarTo(_)
            | Expr::Not(_)
            | Expr::IsNotNull(_)
            | Expr::IsNull(_)
            | Expr::IsTrue(_)
            | Expr::IsFalse(_)
            | Expr::IsUnknown(_)
            | Expr::IsNotTrue(_)
            | Expr::IsNotFalse(_)
            | Expr::IsNotUnknown(_)
            | Expr::Negative(_)
            | Expr::Between(_)
            | Expr::InList(_)
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
        }
    }
}

static EXACT: LazyLock<ScalarUDF> =
    LazyLock::new(|| ScalarUDF::new_from_impl(Exact { signature: Signature::any(1, Volatility::Immutable) }));

/// A value as it is, without anything else in its buffers.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    signature: Signature,
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &str {
        "exact_values"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        internal_err!("what `{}` answers has the field of its argument", self.name())
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        match arguments.arg_fields {
            [field] => Ok(Arc::clone(field)),
            _ => internal_err!("`{}` takes one value", self.name()),
        }
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let [value] = datafusion::common::utils::take_function_args(self.name(), arguments.args)?;
        Ok(match value {
            ColumnarValue::Array(array) => ColumnarValue::Array(exact::values(&array)?),
            ColumnarValue::Scalar(value) => {
                let array = exact::values(&value.to_array()?)?;
                ColumnarValue::Scalar(ScalarValue::try_from_array(&array, 0)?)
            }
        })
    }
}
