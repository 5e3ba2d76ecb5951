//! The values that a run is given for the parameters of its pipeline.

use std::{collections::BTreeMap, sync::Arc};

use datafusion_common::ScalarValue;
use serde_json::{Map, Value};
use sluice_planner::{
    PlanError,
    bind::{Functions, Parameters, column_schema, parameter_value},
    nearest,
    parse::{Column, ParameterDecl, SourceSpan},
};

use crate::{
    PipelineError,
    literal::{Literal, literal},
};

/// A value for every parameter of a pipeline, each of the type that the file declares.
#[derive(Debug, Clone, Default)]
pub struct Arguments {
    parameters: Parameters,
    record: Map<String, Value>,
}

/// Something wrong with what a run was given.
#[derive(Debug, thiserror::Error)]
pub enum ArgumentProblem {
    /// The parameter has no default, and no value was given.
    #[error("parameter `{name}` of type {data_type} has no default and was not given")]
    Missing {
        /// The parameter.
        name: Arc<str>,
        /// Its SQL type.
        data_type: String,
    },
    /// A value was given for a parameter that the file does not declare.
    #[error("the pipeline has no parameter `{name}`")]
    Unknown {
        /// What was given.
        name: String,
        /// The parameter that it probably means.
        nearest: Option<Arc<str>>,
        /// Every parameter that there is.
        declared: Vec<Arc<str>>,
    },
    /// The text that was given is no value of the parameter's type.
    #[error(transparent)]
    Mistyped(PlanError),
    /// The default is no value of the parameter's type.
    #[error("the default of parameter `{name}` does not fit: {problem}")]
    Default {
        /// The parameter.
        name: Arc<str>,
        /// What is wrong.
        problem: PlanError,
        /// Where the parameter is declared.
        span: SourceSpan,
    },
}

impl ArgumentProblem {
    /// What would help.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { name, .. } => Some(format!("give it as -p {name}=VALUE")),
            Self::Unknown { nearest: Some(nearest), .. } => Some(format!("did you mean `{nearest}`?")),
            Self::Unknown { declared, .. } if declared.is_empty() => Some("it takes no parameters".to_owned()),
            Self::Unknown { declared, .. } => Some(format!("it has {}", declared.join(", "))),
            Self::Mistyped(problem) => problem.hint(),
            Self::Default { .. } => None,
        }
    }
}

impl Arguments {
    /// The value of each of `declared`: the one in `given`, else its default. Defaults are looked at even where they
    /// are not needed, so that a wrong one is found by the first run and not by the first that leaves it out.
    ///
    /// # Errors
    /// [`PipelineError::Arguments`] with everything that is missing, unknown or of the wrong type.
    pub fn resolve(
        declared: &[ParameterDecl],
        given: &BTreeMap<String, String>,
        functions: &Functions,
    ) -> Result<Self, PipelineError> {
        let mut problems: Vec<_> = given
            .keys()
            .filter(|name| !declared.iter().any(|parameter| *parameter.name == **name))
            .map(|name| unknown(name, declared))
            .collect();
        let mut values = Vec::new();
        let mut record = Map::new();
        for parameter in declared {
            match value(parameter, given.get(&*parameter.name), functions) {
                Ok(value) => {
                    record.insert(parameter.name.to_string(), recorded(&value));
                    values.push((parameter.name.to_string(), value));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(Self { parameters: values.into_iter().collect(), record })
        } else {
            Err(PipelineError::Arguments(problems))
        }
    }

    /// The values by name, as text in one spelling each: equal records stand for equal arguments.
    pub fn record(&self) -> &Map<String, Value> {
        &self.record
    }

    /// The values as a query takes them.
    pub(crate) fn parameters(&self) -> &Parameters {
        &self.parameters
    }
}

fn unknown(name: &str, declared: &[ParameterDecl]) -> ArgumentProblem {
    let declared: Vec<_> = declared.iter().map(|parameter| Arc::clone(&parameter.name)).collect();
    let names: Vec<&str> = declared.iter().map(|name| &**name).collect();
    let nearest = nearest(name, &names).map(Arc::from);
    ArgumentProblem::Unknown { name: name.to_owned(), nearest, declared }
}

fn value(
    parameter: &ParameterDecl,
    given: Option<&String>,
    functions: &Functions,
) -> Result<ScalarValue, ArgumentProblem> {
    let ParameterDecl { name, data_type, default, span } = parameter;
    let parse = |text: &str| parameter_value(name, data_type, text, functions);
    let default = match default.as_ref().and_then(literal) {
        Some(Literal::Text(text)) => Some(parse(&text)),
        Some(Literal::Null) => Some(null(parameter, functions)),
        None => None,
    };
    let default = default.transpose().map_err(|problem| ArgumentProblem::Default {
        name: Arc::clone(name),
        problem,
        span: *span,
    })?;
    match given {
        Some(text) => parse(text).map_err(ArgumentProblem::Mistyped),
        None => {
            default.ok_or_else(|| ArgumentProblem::Missing { name: Arc::clone(name), data_type: data_type.to_string() })
        }
    }
}

/// `NULL` of the parameter's type.
fn null(parameter: &ParameterDecl, functions: &Functions) -> Result<ScalarValue, PlanError> {
    let column = Column { name: Arc::clone(&parameter.name), data_type: parameter.data_type.clone(), nullable: true };
    let schema = column_schema(&[column], functions)?;
    ScalarValue::try_new_null(schema.field(0).data_type()).map_err(|error| PlanError::Bug(error.strip_backtrace()))
}

/// The value as text in one spelling. Text, because JSON's numbers do not hold every integer and decimal.
fn recorded(value: &ScalarValue) -> Value {
    if value.is_null() {
        return Value::Null;
    }
    let text = value.cast_to(&arrow::datatypes::DataType::Utf8);
    Value::String(text.as_ref().unwrap_or(value).to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use datafusion_common::config::ConfigOptions;
    use serde_json::json;

    use super::*;
    use crate::Pipeline;

    fn functions() -> Functions {
        Functions {
            scalar: HashMap::new(),
            higher_order: HashMap::new(),
            aggregate: HashMap::new(),
            window: HashMap::new(),
            expr_planners: Vec::new(),
            type_planner: None,
            options: Arc::new(ConfigOptions::default()),
        }
    }

    fn resolve(parameters: &str, given: &[(&str, &str)]) -> Result<Arguments, PipelineError> {
        let text = format!("PIPELINE p (parameters ({parameters})); INSERT INTO s.t SELECT 1");
        let pipeline = Pipeline::read(&text).unwrap();
        let given = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Arguments::resolve(&pipeline.header().parameters, &given, &functions())
    }

    fn record(parameters: &str, given: &[(&str, &str)]) -> Value {
        Value::Object(resolve(parameters, given).unwrap().record().clone())
    }

    #[test]
    fn what_is_given_goes_before_the_default() {
        let parameters = "n INT DEFAULT 17, day DATE DEFAULT DATE '2026-01-31', note TEXT DEFAULT NULL";
        assert_eq!(record(parameters, &[]), json!({ "n": "17", "day": "2026-01-31", "note": null }));
        assert_eq!(
            record(parameters, &[("n", "-3"), ("note", "x")]),
            json!({ "n": "-3", "day": "2026-01-31", "note": "x" })
        );
    }

    #[test]
    fn equal_values_have_one_spelling() {
        assert_eq!(record("n INT, b BOOLEAN", &[("n", "007"), ("b", "TRUE")]), json!({ "n": "7", "b": "true" }));
        assert_eq!(record("d DECIMAL(6, 2)", &[("d", "1.5")]), json!({ "d": "1.50" }));
        assert_eq!(record("f DOUBLE DEFAULT -0.5", &[]), json!({ "f": "-0.5" }));
    }

    #[test]
    fn everything_that_is_wrong_is_told_at_once() {
        let error =
            resolve("n INT, day DATE, wide INT DEFAULT 'x'", &[("n", "many"), ("dey", "2026-01-31")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the pipeline has no parameter `dey`\n\
             `many` is not a value of type INT, which parameter `n` has\n\
             parameter `day` of type DATE has no default and was not given\n\
             the default of parameter `wide` does not fit: `x` is not a value of type INT, which parameter `wide` has"
        );
        assert!(error.hint().unwrap().contains("did you mean `day`?"));
    }

    #[test]
    fn an_unknown_name_without_a_near_one_lists_what_there_is() {
        let error = resolve("first INT DEFAULT 1, second INT DEFAULT 2", &[("zzz", "1")]).unwrap_err();
        assert_eq!(error.hint().as_deref(), Some("it has first, second"));
    }

    #[test]
    fn a_type_that_does_not_exist_is_an_error() {
        assert!(
            matches!(resolve("n NOTYPE", &[("n", "1")]), Err(PipelineError::Arguments(problems)) if problems.len() == 1)
        );
    }
}
