//! Tables that a session brings along: held in memory, seen by nobody else, gone with the session.

use std::{collections::HashMap, sync::Arc};

use arrow::{array::RecordBatch, datatypes::SchemaRef};
use datafusion::datasource::MemTable;
use parking_lot::Mutex;
use sluice_catalog::{ColumnSnapshot, Contents, ObjectId, SchemaSnapshot, TableKind, TableSnapshot};
use sluice_model::{SchemaName, Subject, TableName};
use sluice_planner::parse::TEMPORARY;

use crate::{EngineError, held_bytes};

/// The temporary tables of a session, by name.
#[derive(Debug, Default)]
pub(crate) struct Temporary(Mutex<HashMap<Arc<str>, Table>>);

#[derive(Debug, Clone)]
struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
}

impl Temporary {
    /// How much all temporary tables of a session may hold together, in bytes.
    pub(crate) const MOST_BYTES: usize = 256 << 20;

    /// The names of the tables.
    pub(crate) fn names(&self) -> Vec<Arc<str>> {
        self.0.lock().keys().cloned().collect()
    }

    /// Puts a table in the place of one of the same name.
    pub(crate) fn put(&self, name: &Arc<str>, schema: SchemaRef, batches: Vec<RecordBatch>) -> Result<(), EngineError> {
        let bytes = batches.iter().map(held_bytes).sum();
        let mut tables = self.0.lock();
        let others: usize = tables.iter().filter(|(other, _)| *other != name).map(|(_, table)| table.bytes).sum();
        if others + bytes > Self::MOST_BYTES {
            return Err(EngineError::Exhausted {
                message: "the temporary tables of a session may hold 256 MiB together".to_owned(),
                hint: Some("write the rows into a table of an experiment schema".to_owned()),
            });
        }
        tables.insert(Arc::clone(name), Table { schema, batches, bytes });
        Ok(())
    }

    /// The rows of a table.
    pub(crate) fn rows(&self, name: &str) -> Option<(SchemaRef, Vec<RecordBatch>)> {
        self.0.lock().get(name).map(|table| (Arc::clone(&table.schema), table.batches.clone()))
    }

    pub(crate) fn clear(&self) {
        self.0.lock().clear();
    }

    /// A table as a statement of `subject` sees it: its own, in the domain that it works in, with nobody having
    /// classified a column.
    pub(crate) fn snapshot(
        &self,
        name: &TableName,
        subject: &Subject,
    ) -> Result<Option<Arc<TableSnapshot>>, EngineError> {
        let Some((schema, batches)) = self.rows(&name.table) else { return Ok(None) };
        let columns =
            schema.fields().iter().map(|field| ColumnSnapshot { name: field.name().as_str().into(), tags: Vec::new() });
        let columns = columns.collect();
        let rows = MemTable::try_new(Arc::clone(&schema), vec![batches])
            .map_err(|error| crate::redact::redact(&error, &[]))?;
        Ok(Some(Arc::new(TableSnapshot {
            id: ObjectId(format!("{TEMPORARY}.{}", name.table).into()),
            name: name.clone(),
            schema: SchemaSnapshot {
                id: ObjectId(TEMPORARY.into()),
                name: SchemaName::new(TEMPORARY),
                domain: subject.domain,
                owner: Arc::clone(&subject.principal.name),
            },
            kind: TableKind::Temporary,
            owner: Arc::clone(&subject.principal.name),
            approved_for_experiment: false,
            version: None,
            location: None,
            columns,
            row_tags: Vec::new(),
            vanished: Vec::new(),
            arrow_schema: schema,
            contents: Contents::Files(Arc::new(rows)),
        })))
    }
}
