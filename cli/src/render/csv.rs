//! Comma-separated values with a header. A missing value is empty; a list or a struct is written as its text.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, RecordBatch, StringArray},
    csv,
    datatypes::{DataType, Field, Schema, SchemaRef},
    error::ArrowError,
    util::display::{ArrayFormatter, FormatOptions},
};

use super::{Look, Writer};
use crate::screen::Output;

/// Writes one header and the rows under it.
pub(super) struct Csv<'a> {
    inner: csv::Writer<&'a mut Output>,
    /// The schema with text in place of what a cell cannot hold.
    schema: SchemaRef,
}

impl<'a> Csv<'a> {
    pub(super) fn new(schema: &Schema, look: Look, output: &'a mut Output) -> Result<Self, ArrowError> {
        let fields: Vec<_> = schema
            .fields()
            .iter()
            .map(|field| if field.data_type().is_nested() { text_field(field) } else { Arc::clone(field) })
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let null = look.null.unwrap_or_default().to_owned();
        let mut inner = csv::WriterBuilder::new().with_header(true).with_null(null).build(output);
        // The header is written with the first batch, and a result without rows has a header, too.
        inner.write(&RecordBatch::new_empty(Arc::clone(&schema)))?;
        Ok(Self { inner, schema })
    }
}

impl Writer for Csv<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        let columns = batch
            .columns()
            .iter()
            .map(|column| if column.data_type().is_nested() { text(column) } else { Ok(Arc::clone(column)) })
            .collect::<Result<_, _>>()?;
        self.inner.write(&RecordBatch::try_new(Arc::clone(&self.schema), columns)?)?;
        Ok(true)
    }

    fn finish(self: Box<Self>) -> Result<Option<String>, ArrowError> {
        Ok(None)
    }
}

fn text_field(field: &Field) -> Arc<Field> {
    Arc::new(Field::new(field.name(), DataType::Utf8, field.is_nullable()))
}

fn text(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    let options = FormatOptions::new().with_null("null");
    let formatter = ArrayFormatter::try_new(column.as_ref(), &options)?;
    let cells = (0..column.len())
        .map(|row| (!column.is_null(row)).then(|| formatter.value(row).try_to_string()).transpose())
        .collect::<Result<StringArray, _>>()?;
    Ok(Arc::new(cells))
}
