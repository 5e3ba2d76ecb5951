//! Schemas: named sets of tables, each in one domain.

use std::sync::Arc;

use sluice_model::{Domain, SchemaName};
use sqlx::{SqliteExecutor, query, query_as};
use uuid::Uuid;

use super::{Catalog, Result, TableRecord, table_records::relations_in};
use crate::{CatalogError, ObjectId, SchemaSnapshot};

type Row = (String, String, String, String);

impl Catalog {
    /// Makes the empty schema `name`.
    ///
    /// # Errors
    /// [`CatalogError::SchemaExists`].
    pub async fn create_schema(&self, name: &SchemaName, domain: Domain, owner: &str) -> Result<SchemaSnapshot> {
        let mut edit = self.edit().await?;
        if find(&mut *edit, name).await?.is_some() {
            return Err(CatalogError::SchemaExists(name.clone()));
        }
        let id = Uuid::now_v7().to_string();
        query("INSERT INTO namespace (id, name, domain, owner) VALUES (?, ?, ?, ?)")
            .bind(&id)
            .bind(name.as_str())
            .bind(domain.as_str())
            .bind(owner)
            .execute(&mut *edit)
            .await?;
        edit.commit().await?;
        Ok(SchemaSnapshot { id: ObjectId(id.into()), name: name.clone(), domain, owner: owner.into() })
    }

    /// Drops the schema `name`, with `cascade` also what is in it, and answers the tables that went with it: the
    /// files of the managed ones are the caller's to remove.
    ///
    /// # Errors
    /// [`CatalogError::SchemaMissing`], [`CatalogError::SchemaNotEmpty`].
    pub async fn drop_schema(&self, name: &SchemaName, cascade: bool) -> Result<Vec<TableRecord>> {
        let mut edit = self.edit().await?;
        let schema = find(&mut *edit, name).await?.ok_or_else(|| CatalogError::SchemaMissing(name.clone()))?;
        let dropped = relations_in(&mut *edit, Some(name)).await?;
        if !dropped.is_empty() && !cascade {
            return Err(CatalogError::SchemaNotEmpty { schema: name.clone(), tables: dropped.len() as u64 });
        }
        query("DELETE FROM relation WHERE namespace_key = (SELECT key FROM namespace WHERE id = ?)")
            .bind(schema.id.as_str())
            .execute(&mut *edit)
            .await?;
        query("DELETE FROM namespace WHERE id = ?").bind(schema.id.as_str()).execute(&mut *edit).await?;
        edit.commit().await?;
        Ok(dropped)
    }

    /// The schema `name`, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn schema(&self, name: &SchemaName) -> Result<Option<SchemaSnapshot>> {
        find(self.readers(), name).await
    }

    /// Every schema, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn schemas(&self) -> Result<Vec<SchemaSnapshot>> {
        let rows: Vec<Row> =
            query_as("SELECT id, name, domain, owner FROM namespace ORDER BY name").fetch_all(self.readers()).await?;
        rows.into_iter().map(snapshot).collect()
    }
}

/// The schema `name` as `executor` sees it.
pub(super) async fn find(executor: impl SqliteExecutor<'_>, name: &SchemaName) -> Result<Option<SchemaSnapshot>> {
    let row: Option<Row> = query_as("SELECT id, name, domain, owner FROM namespace WHERE name = ?")
        .bind(name.as_str())
        .fetch_optional(executor)
        .await?;
    row.map(snapshot).transpose()
}

/// The schema that a row of (id, name, domain, owner) stands for.
pub(super) fn snapshot((id, name, domain, owner): Row) -> Result<SchemaSnapshot> {
    Ok(SchemaSnapshot {
        id: ObjectId(id.into()),
        name: SchemaName::new(name),
        domain: domain.parse().map_err(|_| CatalogError::Malformed("domain"))?,
        owner: Arc::from(owner),
    })
}
