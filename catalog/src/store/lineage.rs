//! Lineage: which columns a stored column was computed from, or decided by.

use std::sync::Arc;

use serde_json::json;
use sluice_model::{ColumnName, TableName};
use sqlx::{query, query_as};

use super::{Catalog, Result, tables::held};
use crate::{CatalogError, ObjectId};

/// OpenLineage's two types of dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LineageKind {
    /// The value is computed from the input.
    Direct,
    /// The input decided which rows or groups contributed.
    Indirect,
}

impl LineageKind {
    /// The word used in answers and in the catalog.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "DIRECT",
            Self::Indirect => "INDIRECT",
        }
    }
}

/// One column of a written table and one input that it depends on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineageEdge {
    /// The written column; `None` for which rows there are.
    pub output: Option<Arc<str>>,
    /// The column that was read.
    pub input: ColumnName,
    /// How it depends on it.
    pub kind: LineageKind,
    /// OpenLineage's finer word: `IDENTITY`, `TRANSFORMATION`, `AGGREGATION`, `JOIN`, `FILTER`, …
    pub subtype: Arc<str>,
}

/// An edge with the statement that made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageRecord {
    /// The edge.
    pub edge: LineageEdge,
    /// The text of the statement that wrote the table last.
    pub statement: Arc<str>,
}

impl Catalog {
    /// Makes `edges` the lineage of the table `output`, which `statement` wrote.
    ///
    /// # Errors
    /// [`CatalogError::TableDropped`].
    pub async fn record_lineage(&self, output: &ObjectId, edges: &[LineageEdge], statement: &str) -> Result<()> {
        let mut edit = self.journal().await?;
        let key = held(&mut edit, output).await?.key;
        query("DELETE FROM lineage_edge WHERE relation_key = ?").bind(key).execute(&mut *edit).await?;
        query("INSERT OR REPLACE INTO lineage_statement (relation_key, statement) VALUES (?, ?)")
            .bind(key)
            .bind(statement)
            .execute(&mut *edit)
            .await?;
        let rows: Vec<_> = edges
            .iter()
            .map(|edge| {
                let input = &edge.input;
                let (schema, table) = (input.table.schema.as_str(), &*input.table.table);
                json!([edge.output, schema, table, input.column, edge.kind.as_str(), edge.subtype])
            })
            .collect();
        query(
            "INSERT INTO lineage_edge
                (relation_key, position, output_column, input_schema, input_table, input_column, kind, subtype)
             SELECT ?, key, value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
             FROM json_each(?)",
        )
        .bind(key)
        .bind(serde_json::Value::from(rows).to_string())
        .execute(&mut *edit)
        .await?;
        edit.commit().await
    }

    /// What a table's columns depend on; with `column`, what that column and the table's rows depend on.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn lineage_of(&self, table: &ObjectId, column: Option<&str>) -> Result<Vec<LineageRecord>> {
        type Row = (Option<String>, String, String, String, String, String, String);
        let rows: Vec<Row> = query_as(
            "SELECT e.output_column, e.input_schema, e.input_table, e.input_column, e.kind, e.subtype, s.statement
             FROM relation r
             JOIN lineage_statement s ON s.relation_key = r.key
             JOIN lineage_edge e ON e.relation_key = r.key
             WHERE r.id = ?1 AND (?2 IS NULL OR e.output_column IS NULL OR e.output_column = ?2)
             ORDER BY e.position",
        )
        .bind(table.as_str())
        .bind(column)
        .fetch_all(self.readers())
        .await?;
        rows.into_iter()
            .map(|(output, schema, table, column, kind, subtype, statement)| {
                let kind = [LineageKind::Direct, LineageKind::Indirect].into_iter().find(|k| k.as_str() == kind);
                let edge = LineageEdge {
                    output: output.map(Arc::from),
                    input: TableName::new(schema, table).column(column),
                    kind: kind.ok_or(CatalogError::Malformed("lineage"))?,
                    subtype: subtype.into(),
                };
                Ok(LineageRecord { edge, statement: statement.into() })
            })
            .collect()
    }
}
