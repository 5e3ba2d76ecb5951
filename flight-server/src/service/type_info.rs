//! The SQL types, for XDBC drivers.

use std::sync::LazyLock;

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use arrow_flight::sql::{
    CommandGetXdbcTypeInfo, Nullable, Searchable, XdbcDataType, XdbcDatetimeSubcode,
    metadata::{XdbcTypeInfo, XdbcTypeInfoData, XdbcTypeInfoDataBuilder},
};
use tonic::Status;

use crate::status;

static TYPES: LazyLock<Option<XdbcTypeInfoData>> = LazyLock::new(data);

/// The columns of the answer.
pub(super) fn schema() -> SchemaRef {
    XdbcTypeInfoDataBuilder::new().schema()
}

/// The types that `ask` wants.
pub(super) fn answer(ask: &CommandGetXdbcTypeInfo) -> Result<RecordBatch, Status> {
    let unwritable = || status::internal("the types cannot be written");
    TYPES.as_ref().ok_or_else(unwritable)?.record_batch(ask.data_type).map_err(|_| unwritable())
}

/// A type: its name, code, size, and what its literals stand between.
type Row = (&'static str, XdbcDataType, Option<i32>, Option<&'static str>, Option<&'static str>);

const ROWS: [Row; 14] = [
    ("BOOLEAN", XdbcDataType::XdbcBit, Some(1), None, None),
    ("TINYINT", XdbcDataType::XdbcTinyint, Some(3), None, None),
    ("SMALLINT", XdbcDataType::XdbcSmallint, Some(5), None, None),
    ("INTEGER", XdbcDataType::XdbcInteger, Some(10), None, None),
    ("BIGINT", XdbcDataType::XdbcBigint, Some(19), None, None),
    ("REAL", XdbcDataType::XdbcReal, Some(7), None, None),
    ("DOUBLE", XdbcDataType::XdbcDouble, Some(15), None, None),
    ("DECIMAL", XdbcDataType::XdbcDecimal, Some(38), None, None),
    ("VARCHAR", XdbcDataType::XdbcVarchar, None, Some("'"), Some("'")),
    ("VARBINARY", XdbcDataType::XdbcVarbinary, None, Some("X'"), Some("'")),
    ("DATE", XdbcDataType::XdbcDate, Some(10), Some("DATE '"), Some("'")),
    ("TIME", XdbcDataType::XdbcTime, Some(15), Some("TIME '"), Some("'")),
    ("TIMESTAMP", XdbcDataType::XdbcTimestamp, Some(29), Some("TIMESTAMP '"), Some("'")),
    ("INTERVAL", XdbcDataType::XdbcInterval, None, Some("INTERVAL '"), Some("'")),
];

fn data() -> Option<XdbcTypeInfoData> {
    let mut builder = XdbcTypeInfoDataBuilder::new();
    for (name, code, size, prefix, suffix) in ROWS {
        let is_number = matches!(
            code,
            XdbcDataType::XdbcTinyint
                | XdbcDataType::XdbcSmallint
                | XdbcDataType::XdbcInteger
                | XdbcDataType::XdbcBigint
                | XdbcDataType::XdbcReal
                | XdbcDataType::XdbcDouble
                | XdbcDataType::XdbcDecimal
        );
        let (sql_code, subcode) = match code {
            XdbcDataType::XdbcDate => (XdbcDataType::XdbcDatetime, Some(XdbcDatetimeSubcode::XdbcSubcodeYear)),
            XdbcDataType::XdbcTime => (XdbcDataType::XdbcDatetime, Some(XdbcDatetimeSubcode::XdbcSubcodeTime)),
            XdbcDataType::XdbcTimestamp => {
                (XdbcDataType::XdbcDatetime, Some(XdbcDatetimeSubcode::XdbcSubcodeTimestamp))
            }
            other => (other, None),
        };
        let is_decimal = code == XdbcDataType::XdbcDecimal;
        builder.append(XdbcTypeInfo {
            type_name: name.to_owned(),
            data_type: code,
            column_size: size,
            literal_prefix: prefix.map(ToOwned::to_owned),
            literal_suffix: suffix.map(ToOwned::to_owned),
            create_params: is_decimal.then(|| vec!["precision".to_owned(), "scale".to_owned()]),
            nullable: Nullable::NullabilityNullable,
            case_sensitive: code == XdbcDataType::XdbcVarchar,
            searchable: Searchable::Full,
            unsigned_attribute: is_number.then_some(false),
            fixed_prec_scale: is_decimal,
            auto_increment: is_number.then_some(false),
            local_type_name: Some(name.to_owned()),
            minimum_scale: is_decimal.then_some(0),
            maximum_scale: is_decimal.then_some(38),
            sql_data_type: sql_code,
            datetime_subcode: subcode,
            num_prec_radix: is_number.then_some(10),
            interval_precision: None,
        });
    }
    builder.build().ok()
}
