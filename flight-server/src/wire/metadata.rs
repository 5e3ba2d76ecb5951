//! Metadata that fields and schemas carry to clients.

use std::collections::HashMap;

use arrow::datatypes::{DataType, Field, Schema};
use serde_json::json;
use sluice_engine::LabelEntry;
use sluice_model::TableName;
use sluice_planner::parse::CATALOG;

/// What a field says of its tags: a JSON array of `{"tag", "flow", "origin"}`.
const TAGS: &str = "sluice.tags";
/// The same of the rows, on the schema.
const ROW_TAGS: &str = "sluice.row_tags";

const PREFIX: &str = "ARROW:FLIGHT:SQL:";

/// The metadata of a field of `data_type`.
pub(super) fn of_field(
    data_type: &DataType,
    labels: &[LabelEntry],
    table: Option<&TableName>,
) -> HashMap<String, String> {
    let mut metadata = HashMap::new();
    let mut standard = |key: &str, value: String| metadata.insert(format!("{PREFIX}{key}"), value);
    standard("TYPE_NAME", type_name(data_type));
    if let Some(precision) = precision(data_type) {
        standard("PRECISION", precision.to_string());
    }
    if let Some(scale) = scale(data_type) {
        standard("SCALE", scale.to_string());
    }
    standard("IS_CASE_SENSITIVE", u8::from(is_text(data_type)).to_string());
    standard("IS_READ_ONLY", "1".to_owned());
    standard("IS_SEARCHABLE", "1".to_owned());
    standard("IS_AUTO_INCREMENT", "0".to_owned());
    if let Some(table) = table {
        standard("CATALOG_NAME", CATALOG.to_owned());
        // The specification has one of these names, and the older libraries read the other.
        standard("SCHEMA_NAME", table.schema.to_string());
        standard("DB_SCHEMA_NAME", table.schema.to_string());
        standard("TABLE_NAME", table.table.to_string());
    }
    metadata.insert(TAGS.to_owned(), tags(labels));
    metadata
}

/// The metadata of a schema whose rows depend on `labels`.
pub(super) fn of_schema(labels: &[LabelEntry]) -> HashMap<String, String> {
    HashMap::from([(ROW_TAGS.to_owned(), tags(labels))])
}

/// A schema without metadata, for answers that are no table's.
pub(super) fn plain_schema_of(fields: impl IntoIterator<Item = Field>) -> Schema {
    Schema::new(fields.into_iter().collect::<Vec<_>>())
}

fn tags(labels: &[LabelEntry]) -> String {
    let entries = labels
        .iter()
        .map(|entry| json!({ "tag": entry.tag.as_str(), "flow": entry.flow.as_str(), "origin": &*entry.origin }));
    serde_json::Value::Array(entries.collect()).to_string()
}

fn is_text(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The SQL name of a type, as tools know it.
pub(super) fn type_name(data_type: &DataType) -> String {
    match data_type {
        DataType::Null => "NULL",
        DataType::Boolean => "BOOLEAN",
        DataType::Int8 | DataType::UInt8 => "TINYINT",
        DataType::Int16 | DataType::UInt16 => "SMALLINT",
        DataType::Int32 | DataType::UInt32 => "INTEGER",
        DataType::Int64 | DataType::UInt64 => "BIGINT",
        DataType::Float16 | DataType::Float32 => "REAL",
        DataType::Float64 => "DOUBLE",
        DataType::Timestamp(_, None) => "TIMESTAMP",
        DataType::Timestamp(_, Some(_)) => "TIMESTAMP WITH TIME ZONE",
        DataType::Date32 | DataType::Date64 => "DATE",
        DataType::Time32(_) | DataType::Time64(_) => "TIME",
        DataType::Duration(_) | DataType::Interval(_) => "INTERVAL",
        DataType::Binary | DataType::FixedSizeBinary(_) | DataType::LargeBinary | DataType::BinaryView => "VARBINARY",
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR",
        DataType::List(_)
        | DataType::ListView(_)
        | DataType::FixedSizeList(..)
        | DataType::LargeList(_)
        | DataType::LargeListView(_) => "ARRAY",
        DataType::Struct(_) => "STRUCT",
        DataType::Union(..) => "UNION",
        DataType::Dictionary(_, values) => return type_name(values),
        DataType::RunEndEncoded(_, values) => return type_name(values.data_type()),
        DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) | DataType::Decimal256(..) => {
            "DECIMAL"
        }
        DataType::Map(..) => "MAP",
    }
    .to_owned()
}

/// How many digits a number has, or characters a moment.
fn precision(data_type: &DataType) -> Option<i32> {
    Some(match data_type {
        DataType::Boolean => 1,
        DataType::Int8 | DataType::UInt8 => 3,
        DataType::Int16 | DataType::UInt16 => 5,
        DataType::Int32 | DataType::UInt32 => 10,
        DataType::Int64 => 19,
        DataType::UInt64 => 20,
        DataType::Float16 | DataType::Float32 => 7,
        DataType::Float64 => 15,
        DataType::Decimal32(precision, _)
        | DataType::Decimal64(precision, _)
        | DataType::Decimal128(precision, _)
        | DataType::Decimal256(precision, _) => i32::from(*precision),
        DataType::Date32 | DataType::Date64 => 10,
        DataType::Time32(_) | DataType::Time64(_) => 15,
        DataType::Timestamp(..) => 29,
        _ => return None,
    })
}

/// How many digits stand after the point.
fn scale(data_type: &DataType) -> Option<i32> {
    use arrow::datatypes::TimeUnit;
    Some(match data_type {
        DataType::Int8
        | DataType::UInt8
        | DataType::Int16
        | DataType::UInt16
        | DataType::Int32
        | DataType::UInt32
        | DataType::Int64
        | DataType::UInt64 => 0,
        DataType::Decimal32(_, scale)
        | DataType::Decimal64(_, scale)
        | DataType::Decimal128(_, scale)
        | DataType::Decimal256(_, scale) => i32::from(*scale),
        DataType::Timestamp(unit, _) | DataType::Time32(unit) | DataType::Time64(unit) => match unit {
            TimeUnit::Second => 0,
            TimeUnit::Millisecond => 3,
            TimeUnit::Microsecond => 6,
            TimeUnit::Nanosecond => 9,
        },
        _ => return None,
    })
}
