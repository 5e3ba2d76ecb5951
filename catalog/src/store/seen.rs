//! Listing what somebody may know of, without reading what they may not.
//!
//! What is answered here holds everything that grants and ownership make visible, and perhaps more: policies have the
//! last word, above. It is found from the grants, so that it costs what it answers and not what the catalog holds.

use std::sync::Arc;

use sqlx::query_as;

use super::{Catalog, RelationRow, Result, TableRecord, schemas, table_records::relation_query};
use crate::SchemaSnapshot;

/// Who looks.
#[derive(Debug, Clone)]
pub struct SeenBy {
    /// The principal and its groups, by name.
    pub holders: Vec<Arc<str>>,
    /// Whether all objects are answered.
    pub everything: bool,
}

/// Which tables are wanted: names as in SQL's `LIKE`, with `\` before a character that means itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct TablePattern<'a> {
    /// Of the schema.
    pub schema: Option<&'a str>,
    /// Of the table.
    pub table: Option<&'a str>,
}

impl TablePattern<'_> {
    /// Whether a schema's name is wanted.
    pub fn schema_matches(&self, name: &str) -> bool {
        self.schema.is_none_or(|pattern| like(pattern, name))
    }

    /// Whether a table's name is wanted.
    pub fn table_matches(&self, name: &str) -> bool {
        self.table.is_none_or(|pattern| like(pattern, name))
    }
}

impl SeenBy {
    fn holders(&self) -> String {
        serde_json::json!(self.holders).to_string()
    }
}

impl Catalog {
    /// The tables and views that `seen_by` may know of, and perhaps others, by schema and name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn tables_seen_by(&self, seen_by: &SeenBy, pattern: &TablePattern<'_>) -> Result<Vec<TableRecord>> {
        let rows: Vec<RelationRow> = if seen_by.everything {
            query_as(relation_query!(
                "WHERE (?1 IS NULL OR n.name LIKE ?1 ESCAPE '\\') AND (?2 IS NULL OR r.name LIKE ?2 ESCAPE '\\')
                 ORDER BY n.name, r.name"
            ))
        } else {
            query_as(relation_query!(
                "WHERE r.key IN (
                     SELECT key FROM relation WHERE owner IN (SELECT value FROM json_each(?3))
                     UNION SELECT g.relation_key FROM access_grant g
                     WHERE g.relation_key IS NOT NULL AND g.principal_key IN
                         (SELECT key FROM principal WHERE name IN (SELECT value FROM json_each(?3)))
                     UNION SELECT within.key FROM access_grant g JOIN relation within USING (namespace_key)
                     WHERE g.principal_key IN
                         (SELECT key FROM principal WHERE name IN (SELECT value FROM json_each(?3))))
                 AND (?1 IS NULL OR n.name LIKE ?1 ESCAPE '\\') AND (?2 IS NULL OR r.name LIKE ?2 ESCAPE '\\')
                 ORDER BY n.name, r.name"
            ))
        }
        .bind(pattern.schema)
        .bind(pattern.table)
        .bind(seen_by.holders())
        .fetch_all(self.readers())
        .await?;
        // SQLite's LIKE takes no notice of case; names do.
        rows.into_iter()
            .map(RelationRow::into_record)
            .filter(|record| {
                record.as_ref().map_or(true, |record| {
                    pattern.schema_matches(record.name.schema.as_str()) && pattern.table_matches(&record.name.table)
                })
            })
            .collect()
    }

    /// The schemas that `seen_by` may know of by what is granted on them, and perhaps others, by name.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn schemas_seen_by(&self, seen_by: &SeenBy, pattern: Option<&str>) -> Result<Vec<SchemaSnapshot>> {
        let rows: Vec<(String, String, String, String)> = query_as(
            "SELECT id, name, domain, owner FROM namespace
             WHERE (?1 OR key IN (
                 SELECT g.namespace_key FROM access_grant g WHERE g.namespace_key IS NOT NULL AND g.principal_key IN
                     (SELECT key FROM principal WHERE name IN (SELECT value FROM json_each(?2)))))
             ORDER BY name",
        )
        .bind(seen_by.everything)
        .bind(seen_by.holders())
        .fetch_all(self.readers())
        .await?;
        let schemas = rows.into_iter().map(schemas::snapshot).collect::<Result<Vec<_>>>()?;
        let wanted = TablePattern { schema: pattern, table: None };
        Ok(schemas.into_iter().filter(|schema| wanted.schema_matches(schema.name.as_str())).collect())
    }
}

/// SQL's `LIKE`, in time proportional to the product of both lengths.
fn like(pattern: &str, text: &str) -> bool {
    enum Piece {
        Any,
        One,
        Char(char),
    }
    let mut pieces = Vec::new();
    let mut chars = pattern.chars();
    while let Some(char) = chars.next() {
        pieces.push(match char {
            '%' => Piece::Any,
            '_' => Piece::One,
            '\\' => Piece::Char(chars.next().unwrap_or('\\')),
            other => Piece::Char(other),
        });
    }
    // reached[i]: the text so far can be made of the first i pieces.
    let mut reached = vec![false; pieces.len() + 1];
    reached[0] = true;
    let spread = |reached: &mut Vec<bool>| {
        for (index, piece) in pieces.iter().enumerate() {
            if matches!(piece, Piece::Any) && reached[index] {
                reached[index + 1] = true;
            }
        }
    };
    spread(&mut reached);
    for char in text.chars() {
        let mut next = vec![false; reached.len()];
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Any => next[index] |= reached[index],
                Piece::One => next[index + 1] |= reached[index],
                Piece::Char(wanted) => next[index + 1] |= reached[index] && *wanted == char,
            }
        }
        for (index, piece) in pieces.iter().enumerate() {
            if matches!(piece, Piece::Any) && reached[index] {
                next[index + 1] = true;
            }
        }
        spread(&mut next);
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match_as_in_sql() {
        for (pattern, text, matches) in [
            ("%", "", true),
            ("%", "anything", true),
            ("cr_", "crm", true),
            ("cr_", "cr", false),
            ("a%c", "abbc", true),
            ("a%c", "abb", false),
            ("a\\_b", "a_b", true),
            ("a\\_b", "axb", false),
            ("A", "a", false),
            ("", "", true),
            ("", "a", false),
            ("%a%a%a%", "aaa", true),
        ] {
            assert_eq!(like(pattern, text), matches, "{pattern} {text}");
        }
    }
}
