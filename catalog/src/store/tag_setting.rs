//! Setting tags on columns and tables, by hand and as data arrives.

use std::{collections::HashSet, sync::Arc};

use sluice_model::{Flow, Origin, TableName, Tag, TagSource};
use sqlx::query_scalar;

use super::{
    Catalog, Change, NewColumn, RelationRow, Result,
    edit::Edit,
    tables::{held, write_columns},
    tag_rows::{self, Place, TagSet, Tagged, read_tags},
};
use crate::{CatalogError, ObjectId, StoredTag};

impl Catalog {
    /// Adds hand-set tags to columns, next to the tags that they have.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::ColumnMissing`], [`CatalogError::TagMissing`],
    /// [`CatalogError::UnclassifiedSet`]; then nothing was set.
    pub async fn set_column_tags(&self, id: &ObjectId, tags: &[(Arc<str>, Tag)], change: &Change<'_>) -> Result<()> {
        let places: Vec<_> = tags.iter().map(|(column, tag)| (Some(column.clone()), tag)).collect();
        self.set_by_hand(id, &places, change).await
    }

    /// Adds hand-set tags to a table's rows.
    ///
    /// # Errors
    /// As [`Self::set_column_tags`].
    pub async fn set_row_tags(&self, id: &ObjectId, tags: &[Tag], change: &Change<'_>) -> Result<()> {
        let places: Vec<_> = tags.iter().map(|tag| (None, tag)).collect();
        self.set_by_hand(id, &places, change).await
    }

    /// Removes hand-set tags from columns.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::TagNotSet`], and [`CatalogError::TagPropagated`] for a tag
    /// that arrived with the data; then nothing was removed.
    pub async fn unset_column_tags(&self, id: &ObjectId, tags: &[(Arc<str>, Tag)], change: &Change<'_>) -> Result<()> {
        let places: Vec<_> = tags.iter().map(|(column, tag)| (Some(column.clone()), tag)).collect();
        self.unset_by_hand(id, &places, change).await
    }

    /// Removes hand-set tags from a table's rows.
    ///
    /// # Errors
    /// As [`Self::unset_column_tags`].
    pub async fn unset_row_tags(&self, id: &ObjectId, tags: &[Tag], change: &Change<'_>) -> Result<()> {
        let places: Vec<_> = tags.iter().map(|tag| (None, tag)).collect();
        self.unset_by_hand(id, &places, change).await
    }

    /// Makes `columns` the table's columns and their tags, with `rows`, all of its propagated tags. What was set by
    /// hand stays. For a table that was written anew, once the new version is committed.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::TagMissing`], [`CatalogError::ColumnTwice`].
    pub async fn replace_propagated(
        &self,
        id: &ObjectId,
        columns: &[NewColumn],
        rows: &[StoredTag],
        change: &Change<'_>,
    ) -> Result<()> {
        let (mut edit, row, name) = self.edit_table(id).await?;
        write_columns(&mut edit, row.key, columns.iter().map(|column| (&*column.name, &*column.sql_type))).await?;
        let arriving = tag_rows::places(columns.iter().map(|column| (&column.name, column.tags.as_slice())), rows);
        let old = read_tags(&mut *edit, row.key, &name).await?;
        let kept = old.iter().filter(|(_, stored)| stored.source == TagSource::Set).cloned();
        let new = kept.chain(arriving).collect();
        finish(edit, row.key, id, &name, &old, &new, change).await
    }

    /// Adds propagated tags. Called before the data that they belong to is committed, so that a crash between the
    /// two leaves a column with a tag too many, never with one too few. A column that had none was unclassified by that
    /// alone, and stays so in words.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`], [`CatalogError::TagMissing`].
    pub async fn add_propagated(
        &self,
        id: &ObjectId,
        columns: &[(Arc<str>, Vec<StoredTag>)],
        rows: &[StoredTag],
        change: &Change<'_>,
    ) -> Result<()> {
        let (mut edit, row, name) = self.edit_table(id).await?;
        let arriving = tag_rows::places(columns.iter().map(|(column, tags)| (column, tags.as_slice())), rows);
        let old = read_tags(&mut *edit, row.key, &name).await?;
        let mut new: TagSet = old.union(&arriving).cloned().collect();
        for (column, _) in columns.iter().filter(|(_, tags)| !tags.is_empty()) {
            let place = Some(Arc::clone(column));
            if !old.iter().any(|(on, _)| *on == place) {
                new.insert((place, own_unclassified(&name, column)));
            }
        }
        finish(edit, row.key, id, &name, &old, &new, change).await
    }

    async fn set_by_hand(&self, id: &ObjectId, tags: &[(Place, &Tag)], change: &Change<'_>) -> Result<()> {
        let (mut edit, row, name) = self.edit_table(id).await?;
        let columns: Vec<String> = query_scalar("SELECT name FROM relation_column WHERE relation_key = ?")
            .bind(row.key)
            .fetch_all(&mut *edit)
            .await?;
        let columns: HashSet<&str> = columns.iter().map(String::as_str).collect();
        let old = read_tags(&mut *edit, row.key, &name).await?;
        let mut new = old.clone();
        for (place, tag) in tags {
            if tag.as_str() == Tag::UNCLASSIFIED {
                return Err(CatalogError::UnclassifiedSet);
            }
            if let Some(missing) = place.as_ref().filter(|column| !columns.contains(&***column)) {
                return Err(CatalogError::ColumnMissing(name.column(missing.clone())));
            }
            // Whoever classifies a column by hand says what the rows are that nobody had classified.
            new.retain(|(on, stored)| on != place || !is_own_unclassified(&name, place, stored));
            new.insert(by_hand(&name, place, tag));
        }
        finish(edit, row.key, id, &name, &old, &new, change).await
    }

    async fn unset_by_hand(&self, id: &ObjectId, tags: &[(Place, &Tag)], change: &Change<'_>) -> Result<()> {
        let (mut edit, row, name) = self.edit_table(id).await?;
        let old = read_tags(&mut *edit, row.key, &name).await?;
        let mut new = old.clone();
        for (place, tag) in tags {
            if new.remove(&by_hand(&name, place, tag)) {
                continue;
            }
            let here = Origin { table: name.clone(), column: place.clone() };
            let arrived = old.iter().find(|(on, stored)| on == place && stored.tag == **tag);
            return Err(match arrived {
                Some((_, stored)) if stored.source == TagSource::Propagated => {
                    CatalogError::TagPropagated { tag: (*tag).clone(), place: here }
                }
                _ => CatalogError::TagNotSet { tag: (*tag).clone(), place: here },
            });
        }
        finish(edit, row.key, id, &name, &old, &new, change).await
    }

    async fn edit_table(&self, id: &ObjectId) -> Result<(Edit, RelationRow, TableName)> {
        let mut edit = self.edit().await?;
        let row = held(&mut edit, id).await?;
        let name = row.table_name();
        Ok((edit, row, name))
    }
}

/// The tag `tag` as somebody sets it on `place` of the table `name`.
fn by_hand(name: &TableName, place: &Place, tag: &Tag) -> (Place, StoredTag) {
    let flow = if place.is_some() { Flow::Direct } else { Flow::Row };
    let origin = Origin { table: name.clone(), column: place.clone() };
    (place.clone(), StoredTag { tag: tag.clone(), flow, source: TagSource::Set, origin })
}

async fn finish(
    mut edit: Edit,
    key: i64,
    id: &ObjectId,
    name: &TableName,
    old: &TagSet,
    new: &TagSet,
    change: &Change<'_>,
) -> Result<()> {
    tag_rows::replace(&mut edit, &Tagged { key, id, name }, old, new, change).await?;
    edit.commit().await
}

/// That nobody has classified `column`, in words.
fn own_unclassified(table: &TableName, column: &Arc<str>) -> StoredTag {
    StoredTag {
        tag: Tag::unclassified(),
        flow: Flow::Direct,
        source: TagSource::Propagated,
        origin: Origin::column(table, Arc::clone(column)),
    }
}

/// Whether `stored` says that rows came into the column before anybody had classified it.
fn is_own_unclassified(table: &TableName, place: &Place, stored: &StoredTag) -> bool {
    stored.tag.as_str() == Tag::UNCLASSIFIED && stored.origin.table == *table && stored.origin.column == *place
}
