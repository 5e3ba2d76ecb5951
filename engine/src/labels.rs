//! What a result's columns and rows depend on, as far as whoever reads it may know.

use std::sync::Arc;

use datafusion::common::{DFSchema, TableReference};
use sluice_model::{Flow, TableName, Tag};
use sluice_planner::{Dependencies, Dependency, bind::Relation};

use crate::{EngineError, Session, load::Loaded, stored_tags::Origins};

/// A tag that a column, or the rows, of a result depend on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelEntry {
    /// The tag.
    pub tag: Tag,
    /// How it flows.
    pub flow: Flow,
    /// Where it first came from, `schema.table.column`; "withheld" where the reader may not know of that table.
    pub origin: Arc<str>,
}

/// The labels of a result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResultLabels {
    /// For each column, in order. Empty for answers that are no query's.
    pub columns: Vec<Vec<LabelEntry>>,
    /// What decided which rows there are.
    pub rows: Vec<LabelEntry>,
    /// For each column, the table that it is a column of, where it is one as it stands.
    pub tables: Vec<Option<TableName>>,
}

impl Session {
    /// `dependencies` of a statement over `relations`, as the caller may see them.
    pub(crate) async fn shown_labels(
        &self,
        loaded: &Loaded,
        dependencies: Dependencies,
        relations: &[Relation],
        schema: &DFSchema,
    ) -> Result<ResultLabels, EngineError> {
        let mut origins = self.origins(loaded);
        // What the statement itself names, its author knows.
        for relation in relations.iter().filter(|relation| relation.via.is_empty()) {
            origins.know(&relation.table.name);
        }
        let mut labels = ResultLabels::default();
        for column in dependencies.columns {
            labels.columns.push(entries(&mut origins, column).await?);
        }
        labels.rows = entries(&mut origins, dependencies.rows).await?;
        labels.tables = schema.iter().map(|(qualifier, _)| qualifier.and_then(table)).collect();
        Ok(labels)
    }
}

/// The table that a column is said to be of; an alias says nothing about that.
fn table(qualifier: &TableReference) -> Option<TableName> {
    Some(TableName::new(qualifier.schema()?, qualifier.table()))
}

async fn entries(origins: &mut Origins<'_>, dependencies: Vec<Dependency>) -> Result<Vec<LabelEntry>, EngineError> {
    let mut entries = Vec::with_capacity(dependencies.len());
    for Dependency { element, flow } in dependencies {
        let origin = origins.show(&element.origin).await?.into();
        entries.push(LabelEntry { tag: element.tag, flow, origin });
    }
    Ok(entries)
}
