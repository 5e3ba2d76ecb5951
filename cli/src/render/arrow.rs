//! Arrow IPC streams, one per result, one after the other.

use arrow::{array::RecordBatch, datatypes::Schema, error::ArrowError, ipc::writer::StreamWriter};

use super::Writer;
use crate::screen::Output;

/// Writes one IPC stream.
pub(super) struct Ipc<'a>(StreamWriter<&'a mut Output>);

impl<'a> Ipc<'a> {
    pub(super) fn new(schema: &Schema, output: &'a mut Output) -> Result<Self, ArrowError> {
        StreamWriter::try_new(output, schema).map(Self)
    }
}

impl Writer for Ipc<'_> {
    fn write(&mut self, batch: &RecordBatch) -> Result<bool, ArrowError> {
        self.0.write(batch)?;
        Ok(true)
    }

    fn finish(mut self: Box<Self>) -> Result<Option<String>, ArrowError> {
        self.0.finish()?;
        Ok(None)
    }
}
