//! Grants: who may do what with which tag, schema or table.

use std::sync::Arc;

use sluice_model::{Domain, PrincipalKind, TableName, Tag, quote_identifier};
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};

use super::{Catalog, Result, now_ms, principals, tag_rows};
use crate::{CatalogError, ObjectId};

/// What a grant is on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum GrantObject {
    /// A tag, and those under it.
    Tag(Tag),
    /// A schema, and what is in it.
    Schema(ObjectId),
    /// A table or view.
    Table(ObjectId),
}

/// A permission, without the circumstances of its giving.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The name of the principal that holds it.
    pub principal: Arc<str>,
    /// The action, as SQL has it: `READ`, `SELECT`.
    pub action: Arc<str>,
    /// What it is on.
    pub object: GrantObject,
    /// The only domain of the session in which it counts; `None` for both.
    pub domain: Option<Domain>,
}

/// A grant as the catalog has it on record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRecord {
    /// The id of its policy: `grant:7`.
    pub id: String,
    /// The grant.
    pub grant: Grant,
    /// What the principal is.
    pub kind: PrincipalKind,
    /// What it is on, as SQL writes it now: `TAG pii.email`, `SCHEMA crm`, `TABLE crm.users`.
    pub object_name: String,
    /// The Cedar policy that it is.
    pub cedar: String,
    /// Who gave it.
    pub by: Arc<str>,
    /// When it was given, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
}

/// Which grants are wanted; by default all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantFilter {
    /// Those to this principal itself.
    pub principal: Option<Arc<str>>,
    /// Those on just this object.
    pub object: Option<GrantObject>,
}

#[derive(FromRow)]
struct Row {
    key: i64,
    principal: String,
    kind: String,
    action: String,
    tag: Option<String>,
    schema_id: Option<String>,
    schema_name: Option<String>,
    table_id: Option<String>,
    table_schema: Option<String>,
    table_name: Option<String>,
    domain: Option<String>,
    cedar: String,
    created_by: String,
    created_at: i64,
}

impl Row {
    fn into_record(self) -> Result<GrantRecord> {
        let malformed = || CatalogError::Malformed("grant");
        let (object, object_name) = match (self.tag, self.schema_id, self.table_id) {
            (Some(tag), ..) => {
                let tag = Tag::parse(&tag).map_err(|_| malformed())?;
                let name = format!("TAG {tag}");
                (GrantObject::Tag(tag), name)
            }
            (None, Some(id), _) => {
                let name = format!("SCHEMA {}", quote_identifier(&self.schema_name.ok_or_else(malformed)?));
                (GrantObject::Schema(ObjectId(id.into())), name)
            }
            (None, None, Some(id)) => {
                let schema = self.table_schema.ok_or_else(malformed)?;
                let name = TableName::new(schema, self.table_name.ok_or_else(malformed)?);
                (GrantObject::Table(ObjectId(id.into())), format!("TABLE {name}"))
            }
            (None, None, None) => return Err(malformed()),
        };
        let domain = self.domain.map(|word| word.parse().map_err(|_| malformed())).transpose()?;
        Ok(GrantRecord {
            id: format!("grant:{}", self.key),
            grant: Grant { principal: self.principal.into(), action: self.action.into(), object, domain },
            kind: principals::parse_kind(&self.kind)?,
            object_name,
            cedar: self.cedar,
            by: self.created_by.into(),
            at_ms: self.created_at,
        })
    }
}

/// A grant as the keys of what it names.
struct Keys {
    principal: i64,
    tag: Option<i64>,
    schema: Option<i64>,
    table: Option<i64>,
}

impl Catalog {
    /// Gives a permission, whose Cedar policy is `cedar`. Answers whether it is new: a permission that is there
    /// already stays as it is.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::TagMissing`], [`CatalogError::TableDropped`].
    pub async fn add_grant(&self, grant: &Grant, cedar: &str, by: &str) -> Result<bool> {
        let mut edit = self.edit().await?;
        let keys = resolve(&mut edit, grant).await?;
        let inserted = query(
            "INSERT INTO access_grant
                (principal_key, action, tag_key, namespace_key, relation_key, domain, cedar, created_by, created_at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(keys.principal)
        .bind(&*grant.action)
        .bind(keys.tag)
        .bind(keys.schema)
        .bind(keys.table)
        .bind(grant.domain.map(Domain::as_str))
        .bind(cedar)
        .bind(by)
        .bind(now_ms())
        .execute(&mut *edit)
        .await?;
        if inserted.rows_affected() == 0 {
            return Ok(false);
        }
        edit.commit().await?;
        Ok(true)
    }

    /// Takes a permission away, and answers whether it was there. One for both domains and one for a single domain
    /// are different permissions.
    ///
    /// # Errors
    /// [`CatalogError::PrincipalMissing`], [`CatalogError::TagMissing`], [`CatalogError::TableDropped`].
    pub async fn revoke_grant(&self, grant: &Grant) -> Result<bool> {
        let mut edit = self.edit().await?;
        let keys = resolve(&mut edit, grant).await?;
        let removed = query(
            "DELETE FROM access_grant WHERE principal_key = ? AND action = ? AND coalesce(tag_key, 0) = coalesce(?, 0)
             AND coalesce(namespace_key, 0) = coalesce(?, 0) AND coalesce(relation_key, 0) = coalesce(?, 0)
             AND coalesce(domain, '') = coalesce(?, '')",
        )
        .bind(keys.principal)
        .bind(&*grant.action)
        .bind(keys.tag)
        .bind(keys.schema)
        .bind(keys.table)
        .bind(grant.domain.map(Domain::as_str))
        .execute(&mut *edit)
        .await?;
        if removed.rows_affected() == 0 {
            return Ok(false);
        }
        edit.commit().await?;
        Ok(true)
    }

    /// The grants that `filter` wants, by principal, object and action.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn grants(&self, filter: &GrantFilter) -> Result<Vec<GrantRecord>> {
        let (tag, schema, table) = match &filter.object {
            Some(GrantObject::Tag(tag)) => (Some(tag.as_str()), None, None),
            Some(GrantObject::Schema(id)) => (None, Some(id.as_str()), None),
            Some(GrantObject::Table(id)) => (None, None, Some(id.as_str())),
            None => (None, None, None),
        };
        let rows: Vec<Row> = query_as(
            "SELECT g.key, p.name AS principal, p.kind, g.action, t.name AS tag, n.id AS schema_id,
                    n.name AS schema_name, r.id AS table_id, s.name AS table_schema, r.name AS table_name,
                    g.domain, g.cedar, g.created_by, g.created_at
             FROM access_grant g
             JOIN principal p ON p.key = g.principal_key
             LEFT JOIN tag t ON t.key = g.tag_key
             LEFT JOIN namespace n ON n.key = g.namespace_key
             LEFT JOIN relation r ON r.key = g.relation_key
             LEFT JOIN namespace s ON s.key = r.namespace_key
             WHERE (?1 IS NULL OR p.name = ?1) AND (?2 IS NULL OR t.name = ?2)
             AND (?3 IS NULL OR n.id = ?3) AND (?4 IS NULL OR r.id = ?4)
             ORDER BY p.name, t.name, n.name, s.name, r.name, g.action, g.domain",
        )
        .bind(filter.principal.as_deref())
        .bind(tag)
        .bind(schema)
        .bind(table)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter().map(Row::into_record).collect()
    }
}

async fn resolve(connection: &mut SqliteConnection, grant: &Grant) -> Result<Keys> {
    let (principal, _) = principals::find(connection, &grant.principal).await?;
    let mut keys = Keys { principal, tag: None, schema: None, table: None };
    match &grant.object {
        GrantObject::Tag(tag) => {
            keys.tag = tag_rows::tag_keys(connection, [tag]).await?.get(tag).copied();
        }
        GrantObject::Schema(id) => {
            keys.schema = query_scalar("SELECT key FROM namespace WHERE id = ?")
                .bind(id.as_str())
                .fetch_optional(connection)
                .await?;
        }
        GrantObject::Table(id) => {
            keys.table = query_scalar("SELECT key FROM relation WHERE id = ?")
                .bind(id.as_str())
                .fetch_optional(connection)
                .await?;
        }
    }
    if keys.tag.or(keys.schema).or(keys.table).is_none() {
        return Err(CatalogError::TableDropped);
    }
    Ok(keys)
}
