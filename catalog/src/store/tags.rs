//! Tags: which there are, and where they stand.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_model::{ColumnName, Flow, IndirectRule, Origin, SchemaName, TableName, Tag, TagSource};
use sqlx::{SqliteConnection, query, query_as, query_scalar};

use super::{
    Catalog, Result, now_ms,
    tables::held,
    tag_rows::{missing, read_tags},
};
use crate::{CatalogError, ColumnSnapshot, ObjectId, StoredTag};

/// Who changes something, and why.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// The name of the principal.
    pub by: &'a str,
    /// The reason, if one was given.
    pub why: Option<&'a str>,
}

impl<'a> Change<'a> {
    /// A change by `by` without a reason.
    pub fn by(by: &'a str) -> Self {
        Self { by, why: None }
    }
}

/// A declared tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagRecord {
    /// The tag.
    pub tag: Tag,
    /// What happens when it flows indirectly to somebody without `USE`.
    pub indirect: IndirectRule,
    /// What it means, in words.
    pub comment: Option<Arc<str>>,
    /// The principal that declared it, and may grant it.
    pub created_by: Arc<str>,
    /// When it was declared, in milliseconds since 1970 (UTC).
    pub created_at_ms: i64,
}

/// Every tag of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableTags {
    /// The columns on record, in order, each with its tags; then columns that went and still have some.
    pub columns: Vec<ColumnSnapshot>,
    /// The tags on the table's rows.
    pub rows: Vec<StoredTag>,
}

/// A change to the tags of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagChange {
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: i64,
    /// By whom.
    pub by: Arc<str>,
    /// Why, if a reason was given.
    pub why: Option<Arc<str>>,
    /// Whether the tag came, rather than went.
    pub set: bool,
    /// On which column; `None` for the table's rows.
    pub column: Option<Arc<str>>,
    /// The tag.
    pub tag: Tag,
    /// How it reaches the column.
    pub flow: Flow,
    /// Whether by hand or with the data.
    pub source: TagSource,
}

type Row = (String, String, Option<String>, String, i64);

impl TagRecord {
    fn from_row((name, indirect, comment, created_by, created_at_ms): Row) -> Result<Self> {
        Ok(Self {
            tag: Tag::parse(&name).map_err(|_| CatalogError::Malformed("tag"))?,
            indirect: IndirectRule::parse(&indirect).ok_or(CatalogError::Malformed("tag"))?,
            comment: comment.map(Arc::from),
            created_by: created_by.into(),
            created_at_ms,
        })
    }
}

impl Catalog {
    /// Declares a tag.
    ///
    /// # Errors
    /// [`CatalogError::TagExists`].
    pub async fn create_tag(&self, tag: &Tag, indirect: IndirectRule, comment: Option<&str>, by: &str) -> Result<()> {
        let mut edit = self.edit().await?;
        let inserted = query(
            "INSERT INTO tag (name, indirect, comment, created_by, created_at) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT DO NOTHING",
        )
        .bind(tag.as_str())
        .bind(indirect.as_str())
        .bind(comment)
        .bind(by)
        .bind(now_ms())
        .execute(&mut *edit)
        .await?;
        if inserted.rows_affected() == 0 {
            return Err(CatalogError::TagExists(tag.clone()));
        }
        edit.commit().await
    }

    /// Removes a tag that stands nowhere, with the grants on it. Takes time in proportion to the number of tagged
    /// columns, since no index is kept for so rare a question.
    ///
    /// # Errors
    /// [`CatalogError::TagMissing`], [`CatalogError::TagInUse`], [`CatalogError::TagBuiltIn`].
    pub async fn drop_tag(&self, tag: &Tag) -> Result<()> {
        if [Tag::PUBLIC, Tag::UNCLASSIFIED].contains(&tag.as_str()) {
            return Err(CatalogError::TagBuiltIn(tag.clone()));
        }
        let mut edit = self.edit().await?;
        let key: Option<i64> =
            query_scalar("SELECT key FROM tag WHERE name = ?").bind(tag.as_str()).fetch_optional(&mut *edit).await?;
        let Some(key) = key else { return Err(missing(&mut edit, tag).await?) };
        if let Some(place) = any_place(&mut edit, key).await? {
            return Err(CatalogError::TagInUse { tag: tag.clone(), place });
        }
        query("DELETE FROM tag WHERE key = ?").bind(key).execute(&mut *edit).await?;
        edit.commit().await
    }

    /// The declared tag `tag`, if there is one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tag(&self, tag: &Tag) -> Result<Option<TagRecord>> {
        let row: Option<Row> =
            query_as("SELECT name, indirect, comment, created_by, created_at FROM tag WHERE name = ?")
                .bind(tag.as_str())
                .fetch_optional(self.readers())
                .await?;
        row.map(TagRecord::from_row).transpose()
    }

    /// Every declared tag, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tags(&self) -> Result<Vec<TagRecord>> {
        let rows: Vec<Row> = query_as("SELECT name, indirect, comment, created_by, created_at FROM tag ORDER BY name")
            .fetch_all(self.readers())
            .await?;
        rows.into_iter().map(TagRecord::from_row).collect()
    }

    /// Every declared tag with its rule for indirect flows, as a [`crate::CatalogSnapshot`] has it, at least as new as
    /// `epoch`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tag_rules(&self, epoch: u64) -> Result<Arc<HashMap<Tag, IndirectRule>>> {
        if let Some((read_at, rules)) = &*self.inner.rules.lock()
            && *read_at >= epoch
        {
            return Ok(Arc::clone(rules));
        }
        // Read after the epoch was: should a change come between the two, the rules are newer than their epoch says
        // and are read again.
        let epoch = self.epoch().await?;
        let rules = self.tags().await?.into_iter().map(|record| (record.tag, record.indirect));
        let rules = Arc::new(rules.collect::<HashMap<_, _>>());
        *self.inner.rules.lock() = Some((epoch, Arc::clone(&rules)));
        Ok(rules)
    }

    /// Every tag that stands on a table and its columns.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`].
    pub async fn tags_on(&self, id: &ObjectId) -> Result<TableTags> {
        let mut reading = self.begin_read().await?;
        let row = held(&mut reading, id).await?;
        let columns: Vec<String> =
            query_scalar("SELECT name FROM relation_column WHERE relation_key = ? ORDER BY position")
                .bind(row.key)
                .fetch_all(&mut *reading)
                .await?;
        let mut placed: BTreeMap<Option<Arc<str>>, Vec<StoredTag>> = BTreeMap::new();
        for (place, stored) in read_tags(&mut *reading, row.key, &row.table_name()).await? {
            placed.entry(place).or_default().push(stored);
        }
        let rows = placed.remove(&None).unwrap_or_default();
        let mut snapshots: Vec<_> = columns
            .into_iter()
            .map(|name| {
                let name = Arc::<str>::from(name);
                let tags = placed.remove(&Some(name.clone())).unwrap_or_default();
                ColumnSnapshot { name, tags }
            })
            .collect();
        snapshots.extend(placed.into_iter().filter_map(|(name, tags)| Some(ColumnSnapshot { name: name?, tags })));
        Ok(TableTags { columns: snapshots, rows })
    }

    /// The columns, of all tables or of one schema's, that nobody has classified: those without a tag, and those
    /// into which unclassified data was written.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn unclassified(&self, schema: Option<&SchemaName>) -> Result<Vec<ColumnName>> {
        let rows: Vec<(String, String, String)> = query_as(
            "SELECT n.name, r.name, c.name
             FROM namespace n
             JOIN relation r ON r.namespace_key = n.key
             JOIN relation_column c ON c.relation_key = r.key
             WHERE r.kind <> 'view' AND (?1 IS NULL OR n.name = ?1)
             AND (NOT EXISTS (SELECT 1 FROM column_tag g WHERE g.relation_key = r.key AND g.column_name = c.name)
                  OR EXISTS (SELECT 1 FROM column_tag g JOIN tag t ON t.key = g.tag_key
                             WHERE g.relation_key = r.key AND g.column_name = c.name AND t.name = ?2))
             ORDER BY n.name, r.name, c.position",
        )
        .bind(schema.map(SchemaName::as_str))
        .bind(Tag::UNCLASSIFIED)
        .fetch_all(self.readers())
        .await?;
        Ok(rows.into_iter().map(|(schema, table, column)| TableName::new(schema, table).column(column)).collect())
    }

    /// Every change to the tags of a table, oldest first. It outlives the table.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tag_history(&self, id: &ObjectId) -> Result<Vec<TagChange>> {
        type HistoryRow = (i64, String, Option<String>, bool, Option<String>, String, String, String);
        let rows: Vec<HistoryRow> = query_as(
            "SELECT c.at, c.by, c.why, e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4
             FROM tag_change c, json_each(c.changes) e WHERE c.relation_id = ? ORDER BY c.key, e.key",
        )
        .bind(id.as_str())
        .fetch_all(self.readers())
        .await?;
        let malformed = || CatalogError::Malformed("change of a tag");
        rows.into_iter()
            .map(|(at_ms, by, why, set, column, tag, flow, source)| {
                Ok(TagChange {
                    at_ms,
                    by: by.into(),
                    why: why.map(Arc::from),
                    set,
                    column: column.map(Arc::from),
                    tag: Tag::parse(&tag).map_err(|_| malformed())?,
                    flow: Flow::parse(&flow).ok_or_else(malformed)?,
                    source: TagSource::parse(&source).ok_or_else(malformed)?,
                })
            })
            .collect()
    }
}

/// Some place where the tag with the key `key` stands.
async fn any_place(connection: &mut SqliteConnection, key: i64) -> Result<Option<Origin>> {
    let place: Option<(String, String, Option<String>)> = query_as(
        "SELECT n.name, r.name, u.column_name
         FROM (SELECT relation_key, column_name FROM column_tag WHERE tag_key = ?1
               UNION ALL SELECT relation_key, NULL FROM row_tag WHERE tag_key = ?1) u
         JOIN relation r ON r.key = u.relation_key JOIN namespace n ON n.key = r.namespace_key LIMIT 1",
    )
    .bind(key)
    .fetch_optional(connection)
    .await?;
    Ok(place
        .map(|(schema, table, column)| Origin { table: TableName::new(schema, table), column: column.map(Arc::from) }))
}
