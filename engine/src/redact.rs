//! Execution errors without what they say about the data.
//!
//! DataFusion and Arrow put the offending value into their messages. What is told here is the kind of failure, and
//! the names of the tables that the statement itself named.

use arrow::error::ArrowError;
use datafusion::error::DataFusionError;
use sluice_model::{ErrorClass, TableName};

use crate::EngineError;

/// What may be said about `error`, in a statement that names `tables`.
pub(crate) fn redact(error: &DataFusionError, tables: &[TableName]) -> EngineError {
    let told = |message: &str, class: ErrorClass, hint: Option<&str>| EngineError::Execution {
        message: message.to_owned(),
        class,
        hint: hint.map(ToOwned::to_owned),
    };
    match error.find_root() {
        DataFusionError::ArrowError(error, _) => match error.as_ref() {
            ArrowError::DivideByZero => {
                told("a division by zero", ErrorClass::Caller, Some("guard it with NULLIF(divisor, 0)"))
            }
            ArrowError::ArithmeticOverflow(_) => told(
                "a number does not fit its type",
                ErrorClass::Caller,
                Some("cast to a wider type before computing"),
            ),
            ArrowError::CastError(_) | ArrowError::ParseError(_) => told(
                "a value cannot be converted to the type that is asked for",
                ErrorClass::Caller,
                Some("TRY_CAST gives NULL instead of failing"),
            ),
            ArrowError::InvalidArgumentError(_) | ArrowError::ComputeError(_) => {
                told("a function was given a value that it cannot work with", ErrorClass::Caller, None)
            }
            ArrowError::IoError(..)
            | ArrowError::CsvError(_)
            | ArrowError::JsonError(_)
            | ArrowError::ParquetError(_)
            | ArrowError::IpcError(_)
            | ArrowError::AvroError(_)
            | ArrowError::ExternalError(_) => unreadable(tables),
            ArrowError::MemoryError(_) => out_of_memory(),
            ArrowError::NotYetImplemented(_)
            | ArrowError::SchemaError(_)
            | ArrowError::DictionaryKeyOverflowError
            | ArrowError::RunEndIndexOverflowError
            | ArrowError::OffsetOverflowError(_)
            | ArrowError::CDataInterface(_) => told("the statement failed while it ran", ErrorClass::Caller, None),
        },
        DataFusionError::ParquetError(_) | DataFusionError::ObjectStore(_) => unreadable(tables),
        DataFusionError::IoError(error) if error.kind() == std::io::ErrorKind::StorageFull => told(
            "the disk is full; nothing was written",
            ErrorClass::Unavailable,
            Some("free some space and try again"),
        ),
        DataFusionError::IoError(_) => unreadable(tables),
        DataFusionError::ResourcesExhausted(_) => out_of_memory(),
        DataFusionError::Plan(_)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Configuration(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::SQL(..)
        | DataFusionError::Substrait(_) => told(
            "the query is understood, but its parts do not fit together or are not supported",
            ErrorClass::Caller,
            // The same whatever it was: which part it is may be that of a view, whose text is not everybody's to know.
            Some(
                "check the types of what is compared, joined or passed to functions; write IN (SELECT …) and EXISTS \
                 outside of WHERE as joins, and in UPDATE and DELETE as MERGE",
            ),
        ),
        DataFusionError::Internal(_) => told("the query engine failed on this plan", ErrorClass::Bug, None),
        _ => told(
            "the statement failed on a value that it met while it ran",
            ErrorClass::Caller,
            Some("look at casts, divisions and functions that refuse some values"),
        ),
    }
}

fn unreadable(tables: &[TableName]) -> EngineError {
    let which = match tables {
        [] => "a table".to_owned(),
        [table] => format!("`{table}`"),
        several => several.iter().map(|table| format!("`{table}`")).collect::<Vec<_>>().join(" or "),
    };
    EngineError::Execution {
        message: format!("a file of {which} cannot be read: it is missing, cut off or damaged"),
        class: ErrorClass::Unavailable,
        hint: Some("restore the file, or point the table at good ones".to_owned()),
    }
}

fn out_of_memory() -> EngineError {
    EngineError::Exhausted {
        message: "the statement needs more memory than it may use".to_owned(),
        hint: Some("raise memory_limit_mb in the home's sluice.toml, or select less".to_owned()),
    }
}
