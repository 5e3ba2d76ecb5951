//! Tags as they are stored and shown: in Delta column metadata, and in answers.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use sluice_catalog::{NewColumn, StoredTag, TableSnapshot, stored_column_metadata};
use sluice_model::{Flow, Origin, TableName, Tag, TagSource};
use sluice_planner::StoredLabels;

use crate::{EngineError, Session, load::Loaded};

/// The Delta metadata of each column: its tags, those set by hand included, and on the first the rows' tags.
pub(crate) fn column_metadata(
    labels: &StoredLabels,
    existing: Option<&TableSnapshot>,
) -> BTreeMap<String, BTreeMap<String, String>> {
    let set_by_hand = |column: &str| -> Vec<StoredTag> {
        existing
            .and_then(|table| table.columns.iter().find(|existing| *existing.name == *column))
            .map(|existing| by_hand(&existing.tags))
            .unwrap_or_default()
    };
    let rows: Vec<StoredTag> =
        labels.rows.iter().cloned().chain(existing.map(|table| by_hand(&table.row_tags)).unwrap_or_default()).collect();
    labels
        .columns
        .iter()
        .enumerate()
        .map(|(index, (column, tags))| {
            let tags: Vec<_> = tags.iter().cloned().chain(set_by_hand(column)).collect();
            let rows = if index == 0 { rows.as_slice() } else { &[] };
            (column.to_string(), stored_column_metadata(&tags, rows))
        })
        .collect()
}

fn by_hand(tags: &[StoredTag]) -> Vec<StoredTag> {
    tags.iter().filter(|tag| tag.source == TagSource::Set).cloned().collect()
}

/// That nobody has classified `column`, in words.
pub(crate) fn own_unclassified(table: &TableName, column: &Arc<str>) -> StoredTag {
    StoredTag {
        tag: Tag::unclassified(),
        flow: Flow::Direct,
        source: TagSource::Propagated,
        origin: Origin::column(table, Arc::clone(column)),
    }
}

/// The columns of a written table, for the catalog.
pub(crate) fn new_columns(labels: &StoredLabels, schema: &arrow::datatypes::Schema) -> Vec<NewColumn> {
    labels
        .columns
        .iter()
        .map(|(name, tags)| {
            let sql_type = schema.field_with_name(name).map(|field| field.data_type().to_string()).unwrap_or_default();
            NewColumn { name: Arc::clone(name), sql_type: sql_type.into(), tags: tags.clone() }
        })
        .collect()
}

/// The tags that `labels` have and `before` had not, as `column: tag`.
pub(crate) fn gained(labels: &StoredLabels, before: Option<&TableSnapshot>) -> Vec<String> {
    let mut gained = Vec::new();
    let had = |column: Option<&str>, tag: &StoredTag| {
        before.is_some_and(|table| {
            let tags = match column {
                Some(name) => table.columns.iter().find(|column| *column.name == *name).map(|column| &column.tags),
                None => Some(&table.row_tags),
            };
            tags.is_some_and(|tags| tags.iter().any(|old| old.tag == tag.tag))
        })
    };
    for (column, tags) in &labels.columns {
        for tag in tags.iter().filter(|tag| tag.tag != Tag::public() && !had(Some(column), tag)) {
            gained.push(format!("{column}: {}", tag.tag));
        }
    }
    for tag in labels.rows.iter().filter(|tag| tag.tag != Tag::public() && !had(None, tag)) {
        gained.push(format!("(rows): {}", tag.tag));
    }
    gained.sort();
    gained.dedup();
    gained
}

/// Shows origins to somebody who may not know of every table.
pub(crate) struct Origins<'a> {
    session: &'a Session,
    loaded: &'a Loaded,
    visible: HashMap<TableName, bool>,
}

impl Session {
    pub(crate) fn origins<'a>(&'a self, loaded: &'a Loaded) -> Origins<'a> {
        Origins { session: self, loaded, visible: HashMap::new() }
    }
}

impl Origins<'_> {
    /// The origin, or "withheld" where its table is not visible.
    pub(crate) async fn show(&mut self, origin: &Origin) -> Result<String, EngineError> {
        Ok(if self.is_visible(&origin.table).await? { origin.to_string() } else { "withheld".to_owned() })
    }

    /// The caller knows of `table`.
    pub(crate) fn know(&mut self, table: &TableName) {
        self.visible.insert(table.clone(), true);
    }

    pub(crate) async fn is_visible(&mut self, table: &TableName) -> Result<bool, EngineError> {
        if let Some(visible) = self.visible.get(table) {
            return Ok(*visible);
        }
        let visible = self.session.may_see(table, &self.loaded.subject, &self.loaded.authorizer).await?;
        self.visible.insert(table.clone(), visible);
        Ok(visible)
    }
}
