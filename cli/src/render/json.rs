//! JSON: one array per result, or one object a line. A missing value is `null`, never left out.

use std::io::Write;

use arrow::{
    array::RecordBatch,
    error::ArrowError,
    json::{
        WriterBuilder,
        writer::{JsonArray, LineDelimited},
    },
};

use super::Writer;
use crate::screen::Output;

/// Writes one array of objects, and a newline after it.
pub(super) struct Array<'a>(arrow::json::Writer<&'a mut Output, JsonArray>);

impl<'a> Array<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        Self(WriterBuilder::new().with_explicit_nulls(true).build(output))
    }
}

impl Writer for Array<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        self.0.write(batch)?;
        Ok(true)
    }

    fn finish(mut self: Box<Self>) -> Result<Option<String>, ArrowError> {
        self.0.finish()?;
        writeln!(self.0.into_inner())?;
        Ok(None)
    }
}

/// Writes one object a line.
pub(super) struct Lines<'a>(arrow::json::Writer<&'a mut Output, LineDelimited>);

impl<'a> Lines<'a> {
    pub(super) fn new(output: &'a mut Output) -> Self {
        Self(WriterBuilder::new().with_explicit_nulls(true).build(output))
    }
}

impl Writer for Lines<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        self.0.write(batch)?;
        Ok(true)
    }

    fn finish(mut self: Box<Self>) -> Result<Option<String>, ArrowError> {
        self.0.finish()?;
        Ok(None)
    }
}
