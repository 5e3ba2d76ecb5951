//! What a managed table can store, and how other types are stored without loss.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use arrow::{
    array::RecordBatch,
    compute::{CastOptions, cast_with_options},
    datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef, TimeUnit},
};
use deltalake::kernel::{
    StructField, StructType,
    engine::arrow_conversion::{TryIntoArrow, TryIntoKernel},
};

use crate::StorageError;

/// Properties of columns, by column and by name of the property.
pub(super) type ColumnMetadata = BTreeMap<String, BTreeMap<String, String>>;

/// A table's columns, in Delta's words and in Arrow's.
#[derive(Debug, Clone)]
pub(super) struct StoredSchema {
    /// As the log has them, with their metadata.
    pub(super) delta: StructType,
    /// As the files have them, without.
    pub(super) files: SchemaRef,
}

/// The columns that a managed table has when it is written with columns of `schema`.
///
/// Every column can hold nulls. Unsigned integers become the next wider signed ones, `UInt64` a `Decimal(20, 0)`;
/// dictionaries become their values; times become microseconds, in UTC where they have a zone: what is finer than a
/// microsecond is cut off. A column of nulls becomes one of strings.
///
/// # Errors
/// [`StorageError::UnsupportedType`] for times of day, durations, intervals and unions;
/// [`StorageError::DuplicateColumn`], [`StorageError::NoColumns`].
pub fn stored_schema(schema: &Schema) -> Result<SchemaRef, StorageError> {
    Ok(StoredSchema::of(schema)?.files)
}

impl StoredSchema {
    /// How columns of `schema` are stored.
    pub(super) fn of(schema: &Schema) -> Result<Self, StorageError> {
        check_names(schema)?;
        let fields = schema.fields().iter().map(|field| {
            let stored = stored_type(field.name(), field.data_type())?;
            Ok(Field::new(field.name(), stored, true))
        });
        let fields = fields.collect::<Result<Vec<_>, StorageError>>()?;
        let delta: StructType = (&Schema::new(fields))
            .try_into_kernel()
            .map_err(|error: arrow::error::ArrowError| StorageError::commit(error))?;
        Self::from_delta(delta)
    }

    /// The columns that a table has.
    pub(super) fn from_delta(delta: StructType) -> Result<Self, StorageError> {
        let files: Schema =
            (&delta).try_into_arrow().map_err(|error: arrow::error::ArrowError| StorageError::commit(error))?;
        // Readers take metadata from the log. A file that repeated it would be wrong as soon as that changes.
        let fields = files.fields().iter().map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
        Ok(Self { delta, files: Arc::new(Schema::new(fields.collect::<Vec<_>>())) })
    }

    /// These columns with `metadata` in place of what those named in it have.
    pub(super) fn with_metadata(&self, metadata: &ColumnMetadata) -> Result<Self, StorageError> {
        let known = |name: &String| self.files.index_of(name).is_ok();
        if let Some(unknown) = metadata.keys().find(|name| !known(name)) {
            return Err(StorageError::ColumnMismatch { column: unknown.as_str().into() });
        }
        let fields = self.delta.fields().map(|field| match metadata.get(field.name()) {
            Some(properties) => with_properties(field, properties),
            None => field.clone(),
        });
        let delta = StructType::try_new(fields).map_err(StorageError::commit)?;
        Ok(Self { delta, files: Arc::clone(&self.files) })
    }

    /// For each of these columns the position of the column of `input` that goes into it.
    pub(super) fn positions_in(&self, input: &Schema) -> Result<Vec<usize>, StorageError> {
        let mismatch = |name: &str| StorageError::ColumnMismatch { column: name.into() };
        if let Some(extra) = input.fields().iter().find(|field| self.files.index_of(field.name()).is_err()) {
            return Err(mismatch(extra.name()));
        }
        let positions =
            self.files.fields().iter().map(|field| input.index_of(field.name()).map_err(|_| mismatch(field.name())));
        positions.collect()
    }

    /// `batch`, whose column `positions[i]` goes into column `i`, as it is stored.
    pub(super) fn convert(&self, batch: &RecordBatch, positions: &[usize]) -> Result<RecordBatch, StorageError> {
        // An error rather than a null where a value does not fit.
        let strict = CastOptions { safe: false, ..CastOptions::default() };
        let columns = self.files.fields().iter().zip(positions).map(|(field, position)| {
            cast_with_options(batch.column(*position), field.data_type(), &strict).map_err(|_| {
                // What Arrow says quotes the value.
                let (column, data_type) = (field.name().as_str().into(), field.data_type().clone());
                StorageError::ValueOutOfRange { column, data_type }
            })
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.files), columns).map_err(StorageError::commit)
    }
}

fn with_properties(field: &StructField, properties: &BTreeMap<String, String>) -> StructField {
    field.clone().with_metadata(properties.iter().map(|(key, value)| (key.clone(), value.clone())))
}

/// Delta compares names without regard to case.
fn check_names(schema: &Schema) -> Result<(), StorageError> {
    if schema.fields().is_empty() {
        return Err(StorageError::NoColumns);
    }
    let mut met: HashMap<String, &str> = HashMap::new();
    for field in schema.fields() {
        if let Some(first) = met.insert(field.name().to_lowercase(), field.name()) {
            return Err(StorageError::DuplicateColumn { first: first.into(), second: field.name().as_str().into() });
        }
    }
    Ok(())
}

/// The type in which values of `data_type` are stored.
fn stored_type(column: &str, data_type: &DataType) -> Result<DataType, StorageError> {
    let field = |field: &FieldRef| -> Result<FieldRef, StorageError> {
        Ok(Arc::new(Field::new(field.name(), stored_type(column, field.data_type())?, true)))
    };
    let unsupported = || StorageError::UnsupportedType { column: column.into(), data_type: data_type.clone() };
    Ok(match data_type {
        DataType::Boolean
        | DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::Float32
        | DataType::Float64
        | DataType::Date32 => data_type.clone(),
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Date64 => DataType::Date32,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => DataType::Utf8,
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            DataType::Binary
        }
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale)
            if *precision <= 38 && (0..=*precision as i8).contains(scale) =>
        {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Timestamp(_, zone) => DataType::Timestamp(TimeUnit::Microsecond, zone.as_ref().map(|_| "UTC".into())),
        DataType::List(item)
        | DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => DataType::List(field(item)?),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Result<Fields, _>>()?),
        DataType::Map(entries, _) => DataType::Map(stored_entries(column, entries).ok_or_else(unsupported)??, false),
        DataType::Dictionary(_, value) => stored_type(column, value)?,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..)
        | DataType::Time32(_)
        | DataType::Time64(_)
        | DataType::Duration(_)
        | DataType::Interval(_)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..) => return Err(unsupported()),
    })
}

/// The entries of a map, whose keys are the one thing that is never null.
fn stored_entries(column: &str, entries: &FieldRef) -> Option<Result<FieldRef, StorageError>> {
    let DataType::Struct(fields) = entries.data_type() else { return None };
    let [key, value] = fields.iter().collect::<Vec<_>>()[..] else { return None };
    let make = || {
        let key = Field::new("key", stored_type(column, key.data_type())?, false);
        let value = Field::new("value", stored_type(column, value.data_type())?, true);
        Ok(Arc::new(Field::new("key_value", DataType::Struct(vec![key, value].into()), false)))
    };
    Some(make())
}
