//! What a scan of a bound plan stands for: a table of the snapshot, or the work table of a recursive query.
//!
//! Neither can be executed: only the engine replaces them, and only in a plan that was authorized.

use std::{borrow::Cow, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion_expr::{LogicalPlan, TableSource, TableType};
use sluice_catalog::TableSnapshot;
use sluice_model::TableName;

/// A table of the snapshot, with what it was reached through.
#[derive(Debug, Clone)]
pub struct GovernedSource {
    table: Arc<TableSnapshot>,
    via: Arc<[TableName]>,
}

impl GovernedSource {
    pub(crate) fn new(table: Arc<TableSnapshot>, via: Arc<[TableName]>) -> Self {
        Self { table, via }
    }

    /// The table.
    pub fn table(&self) -> &Arc<TableSnapshot> {
        &self.table
    }

    /// The views that it was reached through, outermost first.
    pub fn via(&self) -> &[TableName] {
        &self.via
    }
}

impl TableSource for GovernedSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.arrow_schema)
    }
}

/// The rows of the step before, in a recursive query.
#[derive(Debug, Clone)]
pub struct WorkTable {
    name: String,
    schema: SchemaRef,
}

impl WorkTable {
    pub(crate) fn new(name: String, schema: SchemaRef) -> Self {
        Self { name, schema }
    }

    /// The recursive query's name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl TableSource for WorkTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }
}

/// A view's query, to be inlined where the view is named.
pub(super) struct InlinedQuery(pub(super) LogicalPlan);

impl TableSource for InlinedQuery {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.0.schema().inner())
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.0))
    }
}
