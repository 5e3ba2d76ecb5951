//! Tables and views.

use std::{collections::HashSet, sync::Arc};

use serde_json::Value;
use sluice_model::{SchemaName, TableName};
use sqlx::{FromRow, SqliteConnection, SqliteExecutor, query, query_as, query_scalar};
use uuid::Uuid;

use super::{Catalog, Change, Result, edit::Edit, now_ms, schemas, tag_rows};
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

impl Catalog {
    /// Makes a table or view. `Managed` records where the files are; writing them is [`crate::DeltaWrite`]'s.
    ///
    /// # Errors
    /// [`CatalogError::SchemaMissing`], [`CatalogError::TableExists`], [`CatalogError::ColumnTwice`],
    /// [`CatalogError::TagMissing`].
    pub async fn create_table(&self, table: &NewTable) -> Result<TableRecord> {
        let mut edit = self.edit().await?;
        let record = insert(&mut edit, table).await?;
        edit.commit().await?;
        Ok(record)
    }

    /// Makes many tables in one change, all or none.
    ///
    /// # Errors
    /// As [`Self::create_table`].
    pub async fn create_tables(&self, tables: &[NewTable]) -> Result<Vec<TableRecord>> {
        let mut edit = self.edit().await?;
        let mut records = Vec::with_capacity(tables.len());
        for table in tables {
            records.push(insert(&mut edit, table).await?);
        }
        edit.commit().await?;
        Ok(records)
    }

    /// Drops the table or view `name` with its tags, grants, approval and lineage. The files are the caller's.
    ///
    /// # Errors
    /// [`CatalogError::TableMissing`].
    pub async fn drop_table(&self, name: &TableName) -> Result<TableRecord> {
        let mut edit = self.edit().await?;
        let row = existing(&mut edit, name).await?;
        query("DELETE FROM relation WHERE key = ?").bind(row.key).execute(&mut *edit).await?;
        edit.commit().await?;
        row.into_record()
    }

    /// Gives a table or view another name, perhaps in another schema of the same domain. What hangs on it stays.
    ///
    /// # Errors
    /// [`CatalogError::TableMissing`], [`CatalogError::TableExists`], [`CatalogError::SchemaMissing`],
    /// [`CatalogError::OtherDomain`].
    pub async fn rename_table(&self, from: &TableName, to: &TableName) -> Result<TableRecord> {
        let mut edit = self.edit().await?;
        let record = existing(&mut edit, from).await?.into_record()?;
        let schema = schemas::find(&mut *edit, &to.schema).await?;
        let schema = schema.ok_or_else(|| CatalogError::SchemaMissing(to.schema.clone()))?;
        if schema.domain != record.schema.domain {
            return Err(CatalogError::OtherDomain { table: from.clone(), domain: schema.domain });
        }
        if RelationRow::by_name(&mut *edit, to).await?.is_some() {
            return Err(CatalogError::TableExists(to.clone()));
        }
        query("UPDATE relation SET name = ?, namespace_key = (SELECT key FROM namespace WHERE id = ?) WHERE id = ?")
            .bind(&*to.table)
            .bind(schema.id.as_str())
            .bind(record.id.as_str())
            .execute(&mut *edit)
            .await?;
        edit.commit().await?;
        Ok(TableRecord { name: to.clone(), schema, ..record })
    }

    /// The table or view `name`, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn table(&self, name: &TableName) -> Result<Option<TableRecord>> {
        RelationRow::by_name(self.readers(), name).await?.map(RelationRow::into_record).transpose()
    }

    /// The table or view that has the identity `id`, whatever it is called now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn table_by_id(&self, id: &ObjectId) -> Result<Option<TableRecord>> {
        RelationRow::by_id(self.readers(), id).await?.map(RelationRow::into_record).transpose()
    }

    /// Every table and view, or those of one schema, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tables(&self, schema: Option<&SchemaName>) -> Result<Vec<TableRecord>> {
        relations_in(self.readers(), schema).await
    }

    /// The columns on record for a table or view, in order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn columns(&self, id: &ObjectId) -> Result<Vec<ColumnRecord>> {
        let rows: Vec<(String, String)> = query_as(
            "SELECT name, sql_type FROM relation_column
             WHERE relation_key = (SELECT key FROM relation WHERE id = ?) ORDER BY position",
        )
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        Ok(rows
            .into_iter()
            .map(|(name, sql_type)| ColumnRecord { name: name.into(), sql_type: sql_type.into() })
            .collect())
    }

    /// Records the columns that a table's files have now. Tags of a column that went stay, should it come back.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::ColumnTwice`].
    pub async fn put_columns(&self, id: &ObjectId, columns: &[ColumnRecord]) -> Result<()> {
        let mut edit = self.edit().await?;
        let row = held(&mut edit, id).await?;
        write_columns(&mut edit, row.key, columns.iter().map(|column| (&*column.name, &*column.sql_type))).await?;
        edit.commit().await
    }

    /// Gives a table or view another owner.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::PrincipalMissing`].
    pub async fn set_owner(&self, id: &ObjectId, owner: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let row = held(&mut edit, id).await?;
        let known: bool = query_scalar("SELECT EXISTS (SELECT 1 FROM principal WHERE name = ?)")
            .bind(owner)
            .fetch_one(&mut *edit)
            .await?;
        if !known {
            return Err(CatalogError::PrincipalMissing(owner.into()));
        }
        query("UPDATE relation SET owner = ? WHERE key = ?").bind(owner).bind(row.key).execute(&mut *edit).await?;
        edit.commit().await
    }

    /// Gives a view another query. Its identity, and what is granted on it, stay.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::NotAView`], [`CatalogError::ColumnTwice`].
    pub async fn replace_view(&self, id: &ObjectId, text: &str, columns: &[ColumnRecord]) -> Result<()> {
        let mut edit = self.edit().await?;
        let row = held(&mut edit, id).await?;
        let name = row.table_name();
        if TableKind::parse(&row.kind) != Some(TableKind::View) {
            return Err(CatalogError::NotAView(name));
        }
        query("UPDATE relation SET query = ? WHERE key = ?").bind(text).bind(row.key).execute(&mut *edit).await?;
        write_columns(&mut edit, row.key, columns.iter().map(|column| (&*column.name, &*column.sql_type))).await?;
        edit.commit().await
    }
}

/// The table called `name`, which the caller says is there.
pub(super) async fn existing(connection: &mut SqliteConnection, name: &TableName) -> Result<RelationRow> {
    RelationRow::by_name(connection, name).await?.ok_or_else(|| CatalogError::TableMissing(name.clone()))
}

/// The table that a caller has looked up before.
pub(super) async fn held(connection: &mut SqliteConnection, id: &ObjectId) -> Result<RelationRow> {
    RelationRow::by_id(connection, id).await?.ok_or(CatalogError::TableDropped)
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

async fn insert(edit: &mut Edit, table: &NewTable) -> Result<TableRecord> {
    let schema = schemas::find(&mut **edit, &table.name.schema).await?;
    let schema = schema.ok_or_else(|| CatalogError::SchemaMissing(table.name.schema.clone()))?;
    if RelationRow::by_name(&mut **edit, &table.name).await?.is_some() {
        return Err(CatalogError::TableExists(table.name.clone()));
    }
    let (format, options, text) = match &table.source {
        TableSource::External { format, options, .. } => (Some(format.as_str()), Some(options.to_string()), None),
        TableSource::Managed { .. } => (None, None, None),
        TableSource::View { query } => (None, None, Some(&**query)),
    };
    let (id, created_at_ms) = (Uuid::now_v7().to_string(), now_ms());
    let key = query(
        "INSERT INTO relation
            (id, namespace_key, name, owner, kind, format, location, options, query, created_at)
         VALUES (?, (SELECT key FROM namespace WHERE id = ?), ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(&id)
    .bind(schema.id.as_str())
    .bind(&*table.name.table)
    .bind(&*table.owner)
    .bind(table.source.kind().as_str())
    .bind(format)
    .bind(table.source.location())
    .bind(options)
    .bind(text)
    .bind(created_at_ms)
    .execute(&mut **edit)
    .await?
    .last_insert_rowid();
    write_columns(edit, key, table.columns.iter().map(|column| (&*column.name, &*column.sql_type))).await?;
    let id = ObjectId(id.into());
    let tagged = table.columns.iter().map(|column| (&column.name, column.tags.as_slice()));
    let tags = tag_rows::places(tagged, &table.row_tags);
    let place = tag_rows::Tagged { key, id: &id, name: &table.name };
    tag_rows::replace(edit, &place, &tag_rows::TagSet::new(), &tags, &Change::by(&table.owner)).await?;
    Ok(TableRecord {
        id,
        name: table.name.clone(),
        schema,
        owner: table.owner.clone(),
        source: table.source.clone(),
        approved_for_experiment: false,
        created_at_ms,
    })
}

/// Makes `columns` the columns on record, in their order.
pub(super) async fn write_columns<'a>(
    connection: &mut SqliteConnection,
    key: i64,
    columns: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<()> {
    let columns: Vec<_> = columns.collect();
    let mut met = HashSet::new();
    if let Some((twice, _)) = columns.iter().find(|(name, _)| !met.insert(*name)) {
        return Err(CatalogError::ColumnTwice((*twice).into()));
    }
    query("DELETE FROM relation_column WHERE relation_key = ?").bind(key).execute(&mut *connection).await?;
    // One statement however many columns there are: a statement costs more than a row.
    query(
        "INSERT INTO relation_column (relation_key, position, name, sql_type)
         SELECT ?, key, value ->> 0, value ->> 1 FROM json_each(?)",
    )
    .bind(key)
    .bind(serde_json::json!(columns).to_string())
    .execute(connection)
    .await?;
    Ok(())
}
