//! How tags lie in the store, and how a table's tags go from one state to another.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::json;
use sluice_model::{Flow, Origin, TableName, Tag, TagSource};
use sqlx::{SqliteConnection, SqliteExecutor, query, query_as, query_scalar};

use super::{Change, Result, now_ms};
use crate::{CatalogError, ObjectId, StoredTag, nearest::nearest};

/// Where on a table a tag stands: on a column, or on its rows.
pub(super) type Place = Option<Arc<str>>;

/// Every tag of one table, with its place.
pub(crate) type TagSet = BTreeSet<(Place, StoredTag)>;

/// The table whose tags are meant.
pub(super) struct Tagged<'a> {
    pub(super) key: i64,
    pub(super) id: &'a ObjectId,
    pub(super) name: &'a TableName,
}

/// The origin key that says: where the tag stands.
const HERE: i64 = 0;

/// The set made of tags given per column and for the rows.
pub(super) fn places<'a>(
    columns: impl IntoIterator<Item = (&'a Arc<str>, &'a [StoredTag])>,
    rows: &[StoredTag],
) -> TagSet {
    let columns = columns.into_iter().flat_map(|(name, tags)| tags.iter().map(|tag| (Some(name.clone()), tag.clone())));
    columns.chain(rows.iter().map(|tag| (None, tag.clone()))).collect()
}

type TagRow = (Option<String>, String, String, String, Option<String>, Option<String>, Option<String>);

/// Every tag of the table with the key `key`, which is called `name` now.
pub(crate) async fn read_tags(executor: impl SqliteExecutor<'_>, key: i64, name: &TableName) -> Result<TagSet> {
    let rows: Vec<TagRow> = query_as(
        "SELECT c.column_name, t.name, c.flow, c.source, o.schema_name, o.table_name, o.column_name
         FROM column_tag c JOIN tag t ON t.key = c.tag_key LEFT JOIN origin o ON o.key = c.origin_key
         WHERE c.relation_key = ?1
         UNION ALL
         SELECT NULL, t.name, 'row', r.source, o.schema_name, o.table_name, o.column_name
         FROM row_tag r JOIN tag t ON t.key = r.tag_key LEFT JOIN origin o ON o.key = r.origin_key
         WHERE r.relation_key = ?1",
    )
    .bind(key)
    .fetch_all(executor)
    .await?;
    let mut tags = TagSet::new();
    for (column, tag, flow, source, schema, table, origin_column) in rows {
        let malformed = || CatalogError::Malformed("tag");
        let column: Place = column.map(Arc::from);
        let origin = match (schema, table) {
            (Some(schema), Some(table)) => {
                Origin { table: TableName::new(schema, table), column: origin_column.map(Arc::from) }
            }
            _ => Origin { table: name.clone(), column: column.clone() },
        };
        let stored = StoredTag {
            tag: Tag::parse(&tag).map_err(|_| malformed())?,
            flow: Flow::parse(&flow).ok_or_else(malformed)?,
            source: TagSource::parse(&source).ok_or_else(malformed)?,
            origin,
        };
        tags.insert((column, stored));
    }
    Ok(tags)
}

/// Turns the table's tags from `old`, which they are, into `new`, and puts every difference on record.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    table: &Tagged<'_>,
    old: &TagSet,
    new: &TagSet,
    change: &Change<'_>,
) -> Result<()> {
    let removed: Vec<_> = old.difference(new).collect();
    let added: Vec<_> = new.difference(old).collect();
    if removed.is_empty() && added.is_empty() {
        return Ok(());
    }
    let keys = tag_keys(connection, removed.iter().chain(&added).map(|(_, stored)| &stored.tag)).await?;
    for (rows, write) in [(&removed, Write::DELETE), (&added, Write::INSERT)] {
        let (columns, own) = encode(connection, table.name, rows, &keys).await?;
        // One statement however many tags there are: a statement costs more than a row.
        for (encoded, statement) in [(columns, write.columns), (own, write.rows)] {
            if !encoded.is_empty() {
                let encoded = serde_json::Value::from(encoded).to_string();
                query(statement).bind(table.key).bind(encoded).execute(&mut *connection).await?;
            }
        }
    }
    record(connection, table.id, &removed, &added, change).await
}

/// The statements that remove or add what [`encode`] made.
struct Write {
    columns: &'static str,
    rows: &'static str,
}

impl Write {
    const DELETE: Self = Self {
        columns: "DELETE FROM column_tag WHERE relation_key = ?
             AND (column_name, tag_key, flow, source, origin_key) IN
                 (SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?))",
        rows: "DELETE FROM row_tag WHERE relation_key = ?
             AND (tag_key, source, origin_key) IN (SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))",
    };
    const INSERT: Self = Self {
        columns: "INSERT INTO column_tag (relation_key, column_name, tag_key, flow, source, origin_key)
             SELECT ?, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)",
        rows: "INSERT INTO row_tag (relation_key, tag_key, source, origin_key)
             SELECT ?, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?)",
    };
}

type Encoded = Vec<serde_json::Value>;

/// The rows of `column_tag` and of `row_tag` that `tags` are.
async fn encode(
    connection: &mut SqliteConnection,
    name: &TableName,
    tags: &[&(Place, StoredTag)],
    keys: &HashMap<Tag, i64>,
) -> Result<(Encoded, Encoded)> {
    let (mut columns, mut rows) = (Encoded::new(), Encoded::new());
    let mut origins = BTreeMap::new();
    for (place, stored) in tags {
        let here = stored.origin.table == *name && stored.origin.column == *place;
        let origin = match origins.get(&stored.origin) {
            _ if here => HERE,
            Some(known) => *known,
            None => {
                let key = origin_key(connection, &stored.origin).await?;
                origins.insert(&stored.origin, key);
                key
            }
        };
        let tag = keys.get(&stored.tag).ok_or(CatalogError::Malformed("tag"))?;
        match place {
            Some(column) => columns.push(json!([column, tag, stored.flow.as_str(), stored.source.as_str(), origin])),
            None => rows.push(json!([tag, stored.source.as_str(), origin])),
        }
    }
    Ok((columns, rows))
}

async fn origin_key(connection: &mut SqliteConnection, origin: &Origin) -> Result<i64> {
    let (schema, table, column) = (origin.table.schema.as_str(), &*origin.table.table, origin.column.as_deref());
    let known: Option<i64> = query_scalar(
        "SELECT key FROM origin WHERE schema_name = ?1 AND table_name = ?2
         AND coalesce(column_name, '') = coalesce(?3, '') AND (column_name IS NULL) = (?3 IS NULL)",
    )
    .bind(schema)
    .bind(table)
    .bind(column)
    .fetch_optional(&mut *connection)
    .await?;
    if let Some(key) = known {
        return Ok(key);
    }
    let inserted = query("INSERT INTO origin (schema_name, table_name, column_name) VALUES (?, ?, ?)")
        .bind(schema)
        .bind(table)
        .bind(column)
        .execute(connection)
        .await?;
    Ok(inserted.last_insert_rowid())
}

/// The keys of `tags`, each of which must have been declared.
pub(super) async fn tag_keys<'a>(
    connection: &mut SqliteConnection,
    tags: impl IntoIterator<Item = &'a Tag>,
) -> Result<HashMap<Tag, i64>> {
    let wanted: BTreeSet<&Tag> = tags.into_iter().collect();
    let mut keys = HashMap::with_capacity(wanted.len());
    for tag in wanted {
        let key: Option<i64> = query_scalar("SELECT key FROM tag WHERE name = ?")
            .bind(tag.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        match key {
            Some(key) => keys.insert(tag.clone(), key),
            None => return Err(missing(connection, tag).await?),
        };
    }
    Ok(keys)
}

/// The error for a tag that has not been declared, with the name that may have been meant.
pub(super) async fn missing(connection: &mut SqliteConnection, tag: &Tag) -> Result<CatalogError> {
    let known: Vec<String> = query_scalar("SELECT name FROM tag").fetch_all(connection).await?;
    let nearest = nearest(tag.as_str(), known.iter().map(String::as_str)).and_then(|name| Tag::parse(name).ok());
    Ok(CatalogError::TagMissing { tag: tag.clone(), nearest })
}

async fn record(
    connection: &mut SqliteConnection,
    id: &ObjectId,
    removed: &[&(Place, StoredTag)],
    added: &[&(Place, StoredTag)],
    change: &Change<'_>,
) -> Result<()> {
    let word = |set: bool, (place, stored): &(Place, StoredTag)| {
        json!([set, place, stored.tag.as_str(), stored.flow.as_str(), stored.source.as_str()])
    };
    let removed = removed.iter().map(|tag| word(false, tag));
    let changes: Encoded = removed.chain(added.iter().map(|tag| word(true, tag))).collect();
    query("INSERT INTO tag_change (at, by, why, relation_id, changes) VALUES (?, ?, ?, ?, ?)")
        .bind(now_ms())
        .bind(change.by)
        .bind(change.why)
        .bind(id.as_str())
        .bind(serde_json::Value::from(changes).to_string())
        .execute(connection)
        .await?;
    Ok(())
}
