//! What one statement sees of the catalog: the tables that it names, pinned, and nothing else.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::TableProvider;
use sluice_model::{Domain, Flow, IndirectRule, Origin, SchemaName, TableName, Tag, TagSource};

/// The identity of a schema or table: it stays when the object is renamed, and is never used again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub Arc<str>);

impl ObjectId {
    /// The identity as text, as policies name it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A tag as it stands on a stored column or table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoredTag {
    /// The tag.
    pub tag: Tag,
    /// How it reaches the column; [`Flow::Row`] only where it stands on the table.
    pub flow: Flow,
    /// Whether it was set by hand or arrived with the data.
    pub source: TagSource,
    /// The column or table where it first came from.
    pub origin: Origin,
}

/// A column of a table, with the tags that are stored for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSnapshot {
    /// The unquoted name.
    pub name: Arc<str>,
    /// The stored tags; empty for a column that nobody classified.
    pub tags: Vec<StoredTag>,
}

/// What kind of relation a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TableKind {
    /// Files that somebody else keeps.
    External,
    /// A Delta table in the warehouse, written by Sluice alone.
    Managed,
    /// A name for a query.
    View,
    /// Rows that a session brought along, and that go with it. The catalog knows nothing of it.
    Temporary,
}

impl TableKind {
    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::External => "external",
            Self::Managed => "managed",
            Self::View => "view",
            Self::Temporary => "temporary",
        }
    }

    /// The kind of stored relation that `word` names.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::External, Self::Managed, Self::View].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// A schema as a statement sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaSnapshot {
    /// Its identity.
    pub id: ObjectId,
    /// Its name.
    pub name: SchemaName,
    /// The domain that everything in it belongs to.
    pub domain: Domain,
    /// The principal that owns it.
    pub owner: Arc<str>,
}

/// What a relation's rows come from.
#[derive(Debug, Clone)]
pub enum Contents {
    /// Files, pinned: the same rows however often they are scanned.
    Files(Arc<dyn TableProvider>),
    /// The text of a query.
    Query(Arc<str>),
    /// Nothing yet: a table that an earlier stage of a pipeline will write. It can be planned over, not run.
    Planned,
}

/// A table or view as a statement sees it.
#[derive(Debug, Clone)]
pub struct TableSnapshot {
    /// Its identity.
    pub id: ObjectId,
    /// Its name.
    pub name: TableName,
    /// The schema that it is in.
    pub schema: SchemaSnapshot,
    /// What kind of relation it is.
    pub kind: TableKind,
    /// The principal that owns it.
    pub owner: Arc<str>,
    /// Whether experiments may read it although it is in production.
    pub approved_for_experiment: bool,
    /// The Delta version that is pinned; `None` where the format has no versions.
    pub version: Option<u64>,
    /// Where the files are, as a URL; `None` for a view.
    pub location: Option<Arc<str>>,
    /// The columns as the files have them now, in their order. Empty for a view.
    pub columns: Vec<ColumnSnapshot>,
    /// The tags on the table's rows.
    pub row_tags: Vec<StoredTag>,
    /// Columns that carry tags in the catalog and are no longer in the files.
    pub vanished: Vec<Arc<str>>,
    /// The Arrow schema of the files. Empty for a view.
    pub arrow_schema: SchemaRef,
    /// Where the rows come from.
    pub contents: Contents,
}

/// How a statement asks for a table: by name and, for Delta, at a version or a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TableRequest {
    /// The table.
    pub name: TableName,
    /// Which state of it.
    pub at: TableVersion,
}

/// Which state of a table is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TableVersion {
    /// The newest when the statement is planned.
    #[default]
    Latest,
    /// The Delta version with this number.
    Number(u64),
    /// The newest Delta version that is not younger than this time, in milliseconds since 1970 (UTC).
    TimestampMs(i64),
}

/// What one statement sees of the catalog.
#[derive(Debug, Clone, Default)]
pub struct CatalogSnapshot {
    /// The tables and views that the statement names, and those that its views name.
    pub tables: HashMap<TableRequest, Arc<TableSnapshot>>,
    /// The declared tags with their rule for indirect flows.
    pub tags: Arc<HashMap<Tag, IndirectRule>>,
}

impl CatalogSnapshot {
    /// The table that `request` asks for, if it exists.
    pub fn table(&self, request: &TableRequest) -> Option<&Arc<TableSnapshot>> {
        self.tables.get(request)
    }

    /// Whether `table` is one that the session itself brought along.
    pub fn is_temporary(&self, table: &TableName) -> bool {
        let request = TableRequest { name: table.clone(), at: TableVersion::Latest };
        self.table(&request).is_some_and(|table| table.kind == TableKind::Temporary)
    }

    /// What happens when `tag` flows indirectly: its own declaration, else denied.
    pub fn indirect_rule(&self, tag: &Tag) -> IndirectRule {
        self.tags.get(tag).copied().unwrap_or_default()
    }
}
