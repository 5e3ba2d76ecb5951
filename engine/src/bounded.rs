//! Functions whose answer is larger than what they are given, held to a size.
//!
//! Operators take their memory from a pool; functions do not. `repeat('x', 2000000000)` is a short text that takes as much
//! memory as there is, and the process with it. So those functions say beforehand how much they would make.

use std::sync::Arc;

use arrow::{
    array::{Array, ArrayRef, AsArray, Int64Array, UInt64Array},
    compute::{cast, kernels::length::length, take},
    datatypes::{DataType, FieldRef, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit, TimeUnit},
};
use datafusion::{
    common::cast::as_int64_array,
    error::{DataFusionError, Result},
    logical_expr::{
        ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    },
};

use crate::EngineError;

/// How much a function may make of one batch of rows, in bytes.
const MOST_BYTES: i64 = 256 << 20;
/// What an element of a list is reckoned at, in bytes, where nothing else is known.
const ELEMENT: i64 = 8;
/// What a character is reckoned at, in bytes.
const CHARACTER: i64 = 4;

/// How the size of an answer follows from the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// The first, as often as the second says.
    Repeats,
    /// As many characters as the second says.
    Pads,
    /// The first as an element, as often as the second says.
    Copies,
    /// As many elements as the second says, the new ones like the third.
    Resizes,
    /// As many elements as lie between the first and the second, or below the only one, in steps of the third.
    Range,
}

/// `function`, held to a size where its answer can be larger than what it is given.
pub(crate) fn bounded(function: &Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let growth = match function.name() {
        "repeat" => Growth::Repeats,
        "lpad" | "rpad" => Growth::Pads,
        "array_repeat" => Growth::Copies,
        "array_resize" => Growth::Resizes,
        "range" | "generate_series" => Growth::Range,
        _ => return Arc::clone(function),
    };
    Arc::new(ScalarUDF::new_from_impl(Bounded { function: function.as_ref().clone(), growth }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    function: ScalarUDF,
    growth: Growth,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn aliases(&self) -> &[String] {
        self.function.aliases()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.function.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.function.inner().return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.function.inner().coerce_types(arguments)
    }

    fn is_strict(&self) -> bool {
        self.function.inner().is_strict()
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.function.documentation()
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.growth.of(&arguments)? > MOST_BYTES {
            let error = EngineError::invalid(
                format!("`{}` would make more than 256 MiB at once", self.name()),
                "ask for less of it, or for fewer rows at a time",
            );
            return Err(DataFusionError::External(Box::new(error)));
        }
        self.function.invoke_with_args(arguments)
    }
}

impl Growth {
    /// How large the answer becomes, in bytes, or a little more.
    fn of(self, arguments: &ScalarFunctionArgs) -> Result<i64> {
        let constant = arguments.args.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let rows = if constant { 1 } else { arguments.number_rows };
        let array = |index: usize| arguments.args.get(index).map(|value| value.to_array(rows)).transpose();
        let number = |index: usize| -> Result<Option<Int64Array>> {
            let Some(array) = array(index)? else { return Ok(None) };
            match cast(&array, &DataType::Int64) {
                Ok(numbers) if array.data_type().is_integer() => Ok(Some(as_int64_array(&numbers)?.clone())),
                _ => Ok(None),
            }
        };
        Ok(match self {
            Self::Repeats => {
                let (Some(text), Some(times)) = (array(0)?, number(1)?) else { return Ok(0) };
                let lengths = cast(&length(&text)?, &DataType::Int64)?;
                sum(as_int64_array(&lengths)?, &times, |length, times| length.saturating_mul(times.max(0)))
            }
            Self::Pads => number(1)?.map_or(0, |lengths| total(&lengths, CHARACTER)),
            Self::Copies | Self::Resizes => {
                let element = array(if self == Self::Copies { 0 } else { 2 })?;
                match (number(1)?, element) {
                    (Some(counts), Some(element)) => {
                        let each = sizes(&element)?;
                        sum(&counts, &each, |count, each| count.max(0).saturating_mul(each))
                    }
                    (Some(counts), None) => total(&counts, ELEMENT),
                    // What is no number is refused by the function itself.
                    (None, _) => 0,
                }
            }
            Self::Range if arguments.args.first().is_some_and(|start| start.data_type().is_temporal()) => {
                match (array(0)?, array(1)?, array(2)?) {
                    (Some(starts), Some(stops), Some(steps)) => moments_between(&starts, &stops, &steps)?,
                    _ => 0,
                }
            }
            Self::Range => match (number(0)?, number(1)?) {
                (Some(stops), None) => total(&stops, ELEMENT),
                (Some(starts), Some(stops)) => {
                    let steps = number(2)?.unwrap_or_else(|| Int64Array::from_value(1, rows));
                    let counts: Int64Array = starts
                        .iter()
                        .zip(&stops)
                        .zip(&steps)
                        .map(|((start, stop), step)| {
                            let step = step.filter(|step| *step != 0)?;
                            Some(stop?.saturating_sub(start?).checked_div(step).unwrap_or(i64::MAX))
                        })
                        .collect();
                    total(&counts, ELEMENT)
                }
                (None, _) => 0,
            },
        })
    }
}

/// How large each value is as an element of a list, in bytes.
fn sizes(values: &ArrayRef) -> Result<Int64Array> {
    let data_type = values.data_type();
    if data_type.is_nested() {
        // Taken out by itself, a value shares nothing with its neighbours.
        let one = |row: usize| take(values, &UInt64Array::from(vec![row as u64]), None);
        let bytes = (0..values.len()).map(|row| Ok(one(row)?.get_buffer_memory_size().try_into().unwrap_or(i64::MAX)));
        return Ok(Int64Array::from(bytes.collect::<Result<Vec<i64>>>()?));
    }
    if data_type.is_string() || data_type.is_binary() {
        let lengths = cast(&length(values)?, &DataType::Int64)?;
        let bytes = as_int64_array(&lengths)?.iter().map(|length| length.unwrap_or(0).saturating_add(ELEMENT));
        return Ok(bytes.collect::<Vec<_>>().into());
    }
    let width = data_type.primitive_width().and_then(|width| i64::try_from(width).ok());
    Ok(Int64Array::from_value(width.unwrap_or(ELEMENT).max(ELEMENT), values.len()))
}

/// How large the moments between `starts` and `stops` are, `steps` apart, in bytes.
fn moments_between(starts: &ArrayRef, stops: &ArrayRef, steps: &ArrayRef) -> Result<i64> {
    const DAY_NS: i128 = 86_400_000_000_000;
    let ns = |moments: &ArrayRef| -> Result<Vec<Option<i128>>> {
        let unit = |unit| cast(&cast(moments, &DataType::Timestamp(unit, None))?, &DataType::Int64);
        let (exact, seconds) = (unit(TimeUnit::Nanosecond)?, unit(TimeUnit::Second)?);
        // Nanoseconds reach from 1677 to 2262; before and after that seconds must do.
        let both = as_int64_array(&exact)?.iter().zip(as_int64_array(&seconds)?);
        Ok(both.map(|(ns, s)| ns.map(i128::from).or_else(|| s.map(|s| i128::from(s) * 1_000_000_000))).collect())
    };
    let step_ns = |step: IntervalMonthDayNano| -> i128 {
        // A month is at least so long.
        i128::from(step.months) * 28 * DAY_NS + i128::from(step.days) * DAY_NS + i128::from(step.nanoseconds)
    };
    let steps = cast(steps, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    let (starts, stops) = (ns(starts)?, ns(stops)?);
    let steps = steps.as_primitive::<IntervalMonthDayNanoType>();
    let counts = starts.into_iter().zip(stops).zip(steps).map(|((start, stop), step)| {
        let step = step.map(step_ns).filter(|step| *step != 0)?;
        // In the other direction there are none.
        Some(i64::try_from(((stop? - start?) / step + 1).max(0)).unwrap_or(i64::MAX))
    });
    Ok(total(&counts.collect(), ELEMENT))
}

fn total(counts: &Int64Array, each: i64) -> i64 {
    let sizes = counts.iter().flatten().map(|count| count.max(0).saturating_mul(each));
    sizes.fold(0, i64::saturating_add)
}

fn sum(a: &Int64Array, b: &Int64Array, size: impl Fn(i64, i64) -> i64) -> i64 {
    let sizes = a.iter().zip(b).map(|(a, b)| a.zip(b).map_or(0, |(a, b)| size(a, b)));
    sizes.fold(0, i64::saturating_add)
}
