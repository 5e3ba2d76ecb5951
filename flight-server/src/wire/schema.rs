//! The columns that a client is told of, which are exactly those that it gets.

use std::sync::Arc;

use arrow::{
    datatypes::{DataType, Field, FieldRef, Fields, Schema, SchemaRef},
    ipc::writer::IpcWriteOptions,
};
use arrow_flight::{IpcMessage, SchemaAsIpc};
use prost::bytes::Bytes;
use sluice_engine::ResultLabels;
use sluice_planner::bind::ParameterType;
use tonic::Status;

use super::metadata;

/// Whether views of texts are sent as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ViewTypes {
    /// As they are.
    #[default]
    Native,
    /// As the types that every client knows.
    Plain,
}

/// `schema` as it goes over the wire: dictionaries as their values, columns that may hold nulls whatever the plan
/// knows of them, and metadata that says what they depend on.
pub(crate) fn wire_schema(schema: &Schema, labels: &ResultLabels, views: ViewTypes) -> SchemaRef {
    let fields = schema.fields().iter().enumerate().map(|(index, field)| {
        let data_type = sent_type(field.data_type(), views);
        let entries = labels.columns.get(index).map(Vec::as_slice).unwrap_or_default();
        let table = labels.tables.get(index).and_then(Option::as_ref);
        let described = metadata::of_field(&data_type, entries, table);
        Field::new(field.name(), data_type, true).with_metadata(described)
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), metadata::of_schema(&labels.rows)))
}

/// The columns of an answer, as they go over the wire.
#[derive(Debug, Clone)]
pub(crate) struct Columns {
    pub(crate) schema: SchemaRef,
    /// The bytes of an IPC message as it is in a stream.
    pub(crate) encoded: Bytes,
    /// The message alone.
    pub(super) header: Bytes,
}

/// What is before a message in a stream, in bytes: a marker, and how long it is.
const PREFIX: usize = 8;

impl Columns {
    /// Those of `schema`, whose types are those of the wire already.
    ///
    /// # Errors
    /// As [`encoded`].
    pub(crate) fn of(schema: SchemaRef) -> Result<Self, Status> {
        let encoded = encoded(&schema)?;
        let header = encoded.get(PREFIX..).map(|header| encoded.slice_ref(header)).ok_or_else(unwritable)?;
        Ok(Self { schema, encoded, header })
    }
}

/// The parameters of a statement. One that may have any type is of type `Null`.
pub(crate) fn parameter_schema(parameters: &[ParameterType]) -> Schema {
    metadata::plain_schema_of(parameters.iter().map(|(name, data_type)| {
        let data_type = data_type.clone().map_or(DataType::Null, |known| sent_type(&known, ViewTypes::Plain));
        let described = metadata::of_field(&data_type, &[], None);
        Field::new(&**name, data_type, true).with_metadata(described)
    }))
}

/// `schema` as the bytes of an IPC message.
///
/// # Errors
/// A schema that cannot be written is a failure of the server.
pub(crate) fn encoded(schema: &Schema) -> Result<Bytes, Status> {
    let message: Result<IpcMessage, _> = SchemaAsIpc::new(schema, &IpcWriteOptions::default()).try_into();
    message.map(|IpcMessage(bytes)| bytes).map_err(|_| unwritable())
}

fn unwritable() -> Status {
    Status::internal("a schema cannot be written")
}

/// The type that stands for `data_type` on the wire.
fn sent_type(data_type: &DataType, views: ViewTypes) -> DataType {
    let field = |field: &FieldRef| -> FieldRef {
        let sent = sent_type(field.data_type(), views);
        Arc::new(field.as_ref().clone().with_data_type(sent))
    };
    match data_type {
        DataType::Dictionary(_, values) => sent_type(values, views),
        DataType::RunEndEncoded(_, values) => sent_type(values.data_type(), views),
        DataType::Utf8View if views == ViewTypes::Plain => DataType::Utf8,
        DataType::BinaryView if views == ViewTypes::Plain => DataType::Binary,
        DataType::List(item) => DataType::List(field(item)),
        DataType::LargeList(item) | DataType::LargeListView(item) => DataType::LargeList(field(item)),
        DataType::FixedSizeList(item, length) => DataType::FixedSizeList(field(item), *length),
        DataType::ListView(item) => DataType::List(field(item)),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(field).collect::<Fields>()),
        DataType::Map(entries, sorted) => DataType::Map(field(entries), *sorted),
        other => other.clone(),
    }
}
