//! Tables and views.

use std::collections::HashSet;

use sluice_model::{SchemaName, TableName};
use sqlx::{SqliteConnection, query, query_as, query_scalar};
use uuid::Uuid;

use super::{
    Catalog, Change, ColumnRecord, NewTable, RelationRow, Result, TableRecord, TableSource, edit::Edit, now_ms,
    schemas, table_records::relations_in, tag_rows,
};
use crate::{CatalogError, ObjectId, TableKind};

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
        if row.kind() != Some(TableKind::View) {
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
