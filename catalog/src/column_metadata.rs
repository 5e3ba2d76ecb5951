//! Tags in a Delta table's own column metadata, so that they travel with the data and with each version of it.
//!
//! `sluice.tags` on a column is a JSON array of the column's tags; `sluice.row_tags`, on the first column, of the
//! tags on the table's rows.

use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use sluice_model::{Flow, Origin, Tag, TagSource};

use crate::StoredTag;

const TAGS: &str = "sluice.tags";
const ROW_TAGS: &str = "sluice.row_tags";

#[derive(Serialize, Deserialize)]
struct Written {
    tag: Tag,
    flow: String,
    source: String,
    origin: Origin,
}

/// The metadata of a column that carries `tags`, with `rows` on the table's rows.
pub fn stored_column_metadata(tags: &[StoredTag], rows: &[StoredTag]) -> BTreeMap<String, String> {
    [(TAGS, tags), (ROW_TAGS, rows)]
        .into_iter()
        .filter(|(_, tags)| !tags.is_empty())
        .filter_map(|(key, tags)| {
            let written: Vec<_> = tags
                .iter()
                .map(|tag| Written {
                    tag: tag.tag.clone(),
                    flow: tag.flow.as_str().to_owned(),
                    source: tag.source.as_str().to_owned(),
                    origin: tag.origin.clone(),
                })
                .collect();
            Some((key.to_owned(), serde_json::to_string(&written).ok()?))
        })
        .collect()
}

/// The column's tags and the rows' tags that `metadata` holds; `None` where it holds something malformed.
pub(crate) fn read_column_metadata(metadata: &HashMap<String, String>) -> Option<(Vec<StoredTag>, Vec<StoredTag>)> {
    let read = |key: &str| -> Option<Vec<StoredTag>> {
        let Some(text) = metadata.get(key) else { return Some(Vec::new()) };
        let written: Vec<Written> = serde_json::from_str(text).ok()?;
        written
            .into_iter()
            .map(|tag| {
                Some(StoredTag {
                    tag: tag.tag,
                    flow: Flow::parse(&tag.flow)?,
                    source: TagSource::parse(&tag.source)?,
                    origin: tag.origin,
                })
            })
            .collect()
    };
    Some((read(TAGS)?, read(ROW_TAGS)?))
}

#[cfg(test)]
mod tests {
    use sluice_model::TableName;

    use super::*;

    #[test]
    fn tags_survive_the_way_through_metadata() {
        let table = TableName::new("crm", "Größe \"x\"");
        let tag = |flow, source, origin| StoredTag { tag: Tag::parse("pii.email").unwrap(), flow, source, origin };
        let tags = vec![tag(Flow::Direct, TagSource::Set, Origin::column(&table, "e mail"))];
        let rows = vec![tag(Flow::Row, TagSource::Propagated, Origin::rows(&table))];
        let metadata = stored_column_metadata(&tags, &rows).into_iter().collect();
        assert_eq!(read_column_metadata(&metadata), Some((tags, rows)));
    }

    #[test]
    fn malformed_metadata_is_not_taken_for_no_tags() {
        let metadata = HashMap::from([(TAGS.to_owned(), "[{\"tag\": 1}]".to_owned())]);
        assert_eq!(read_column_metadata(&metadata), None);
        assert_eq!(read_column_metadata(&HashMap::new()), Some((Vec::new(), Vec::new())));
    }
}
