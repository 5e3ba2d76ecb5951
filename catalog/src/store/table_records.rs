//! Tables and views as they are told to the catalog, and as its rows tell of them.

use std::sync::Arc;

use serde_json::Value;
use sluice_model::{SchemaName, TableName};
use sqlx::{FromRow, SqliteExecutor, query_as};

use super::{Result, schemas};
use crate::{CatalogError, ObjectId, SchemaSnapshot, StoredTag, TableKind};

/// What the files of an external table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated values.
    Csv,
    /// One JSON object a line.
    Json,
    /// A Delta table.
    Delta,
}

impl Format {
    /// The word used in SQL and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parquet => "PARQUET",
            Self::Csv => "CSV",
            Self::Json => "JSON",
            Self::Delta => "DELTA",
        }
    }

    /// The format that `word` names, in any case.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Parquet, Self::Csv, Self::Json, Self::Delta]
            .into_iter()
            .find(|format| format.as_str().eq_ignore_ascii_case(word))
    }
}

/// What a table or view is made of.
#[derive(Debug, Clone, PartialEq)]
pub enum TableSource {
    /// Files that somebody else keeps.
    External {
        /// What the files are.
        format: Format,
        /// The URL of a file or a folder.
        location: String,
        /// How the format is to be read: for CSV `header`, `delimiter`, `quote`, `escape` and `null`.
        options: Value,
    },
    /// A Delta table that only Sluice writes.
    Managed {
        /// The URL of its folder.
        location: String,
    },
    /// A query.
    View {
        /// Its text.
        query: Arc<str>,
    },
}

impl TableSource {
    /// What kind of relation it makes.
    pub fn kind(&self) -> TableKind {
        match self {
            Self::External { .. } => TableKind::External,
            Self::Managed { .. } => TableKind::Managed,
            Self::View { .. } => TableKind::View,
        }
    }

    /// The URL of the files; a view has none.
    pub fn location(&self) -> Option<&str> {
        match self {
            Self::External { location, .. } | Self::Managed { location } => Some(location),
            Self::View { .. } => None,
        }
    }
}

/// A column with the tags that it is to have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewColumn {
    /// The unquoted name.
    pub name: Arc<str>,
    /// The SQL name of its type.
    pub sql_type: Arc<str>,
    /// Its tags; none leaves it unclassified.
    pub tags: Vec<StoredTag>,
}

impl NewColumn {
    /// A column that nobody has classified.
    pub fn untagged(name: impl Into<Arc<str>>, sql_type: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), sql_type: sql_type.into(), tags: Vec::new() }
    }
}

/// A table or view to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTable {
    /// Its name.
    pub name: TableName,
    /// The principal that will own it.
    pub owner: Arc<str>,
    /// What it is made of.
    pub source: TableSource,
    /// Its columns, in order.
    pub columns: Vec<NewColumn>,
    /// The tags on its rows.
    pub row_tags: Vec<StoredTag>,
}

/// A column as the catalog has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnRecord {
    /// The unquoted name.
    pub name: Arc<str>,
    /// The SQL name of its type.
    pub sql_type: Arc<str>,
}

/// A table or view as the catalog has it on record.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRecord {
    /// Its identity.
    pub id: ObjectId,
    /// Its name.
    pub name: TableName,
    /// The schema that it is in.
    pub schema: SchemaSnapshot,
    /// The principal that owns it.
    pub owner: Arc<str>,
    /// What it is made of.
    pub source: TableSource,
    /// Whether experiments may read it although it is in production.
    pub approved_for_experiment: bool,
    /// When it was made, in milliseconds since 1970 (UTC).
    pub created_at_ms: i64,
}

/// A row of `relation` with the schema that it is in.
#[derive(FromRow)]
pub(crate) struct RelationRow {
    /// What the rows of other tables refer to.
    pub(crate) key: i64,
    id: String,
    name: String,
    owner: String,
    kind: String,
    format: Option<String>,
    location: Option<String>,
    options: Option<String>,
    query: Option<String>,
    approved: bool,
    created_at: i64,
    schema_id: String,
    schema_name: String,
    schema_domain: String,
    schema_owner: String,
}

/// A query for [`RelationRow`]s `r` in schemas `n`, with the conditions given.
macro_rules! relation_query {
    ($conditions:literal) => {
        concat!(
            "SELECT r.key, r.id, r.name, r.owner, r.kind, r.format, r.location, r.options, r.query, r.approved, ",
            "r.created_at, n.id AS schema_id, n.name AS schema_name, n.domain AS schema_domain, ",
            "n.owner AS schema_owner FROM relation r JOIN namespace n ON n.key = r.namespace_key ",
            $conditions
        )
    };
}

pub(super) use relation_query;

impl RelationRow {
    /// The table called `name` as `executor` sees it.
    pub(crate) async fn by_name(executor: impl SqliteExecutor<'_>, name: &TableName) -> Result<Option<Self>> {
        Ok(query_as(relation_query!("WHERE n.name = ? AND r.name = ?"))
            .bind(name.schema.as_str())
            .bind(&*name.table)
            .fetch_optional(executor)
            .await?)
    }

    /// The table that has the identity `id`.
    pub(super) async fn by_id(executor: impl SqliteExecutor<'_>, id: &ObjectId) -> Result<Option<Self>> {
        Ok(query_as(relation_query!("WHERE r.id = ?")).bind(id.as_str()).fetch_optional(executor).await?)
    }

    /// What kind of relation the row stands for, if that is one.
    pub(super) fn kind(&self) -> Option<TableKind> {
        TableKind::parse(&self.kind)
    }

    /// The name that the row stands for.
    pub(super) fn table_name(&self) -> TableName {
        TableName::new(self.schema_name.as_str(), self.name.as_str())
    }

    /// What the row says, once its words have been checked.
    pub(crate) fn into_record(self) -> Result<TableRecord> {
        let malformed = || CatalogError::Malformed("table");
        let source = match TableKind::parse(&self.kind).ok_or_else(malformed)? {
            TableKind::External => TableSource::External {
                format: self.format.as_deref().and_then(Format::parse).ok_or_else(malformed)?,
                location: self.location.ok_or_else(malformed)?,
                options: serde_json::from_str(self.options.as_deref().unwrap_or("null")).map_err(|_| malformed())?,
            },
            TableKind::Managed => TableSource::Managed { location: self.location.ok_or_else(malformed)? },
            TableKind::View => TableSource::View { query: self.query.ok_or_else(malformed)?.into() },
            TableKind::Temporary => return Err(malformed()),
        };
        Ok(TableRecord {
            name: TableName::new(self.schema_name.as_str(), self.name),
            schema: schemas::snapshot((self.schema_id, self.schema_name, self.schema_domain, self.schema_owner))?,
            id: ObjectId(self.id.into()),
            owner: self.owner.into(),
            source,
            approved_for_experiment: self.approved,
            created_at_ms: self.created_at,
        })
    }
}

/// Every table of a schema, or of all.
pub(super) async fn relations_in(
    executor: impl SqliteExecutor<'_>,
    schema: Option<&SchemaName>,
) -> Result<Vec<TableRecord>> {
    let rows: Vec<RelationRow> = match schema {
        Some(schema) => {
            let found = query_as(relation_query!("WHERE n.name = ? ORDER BY r.name")).bind(schema.as_str());
            found.fetch_all(executor).await?
        }
        None => query_as(relation_query!("ORDER BY n.name, r.name")).fetch_all(executor).await?,
    };
    rows.into_iter().map(RelationRow::into_record).collect()
}
