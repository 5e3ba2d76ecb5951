//! What there is, as far as the caller may know of it: for clients that list schemas, tables and columns.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use sluice_catalog::{SeenBy, TableKind, TablePattern};
use sluice_model::{SchemaName, TableAction, TableName, quote_identifier};
use sluice_planner::parse::TEMPORARY;
use sluice_policy::SchemaResource;

use crate::{
    EngineError, ResultLabels, Session, query,
    statement::{Standing, resource},
};

/// Which tables are wanted; by default all.
#[derive(Debug, Clone, Default)]
pub struct ObjectFilter {
    /// Schemas whose name is like this, with `%` for any characters and `_` for one.
    pub schema: Option<String>,
    /// Tables whose name is like this.
    pub table: Option<String>,
    /// Tables of these kinds; empty for all.
    pub kinds: Vec<TableKind>,
}

/// A table that the caller may know of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VisibleTable {
    /// Its name.
    pub name: TableName,
    /// What kind of relation it is.
    pub kind: TableKind,
}

/// A schema that the caller may know of.
pub type VisibleSchema = SchemaName;

impl Session {
    /// The schemas that the caller may know of, or that hold a table that it may know of; by name.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn visible_schemas(&self, like: Option<&str>) -> Result<Vec<VisibleSchema>, EngineError> {
        let standing = self.standing().await?;
        let seen_by = self.seen_by(&standing).await?;
        let schemas = self.engine().catalog().schemas_seen_by(&seen_by, like).await?;
        let mut names: Vec<_> = schemas
            .into_iter()
            .filter(|schema| {
                let resource =
                    SchemaResource { id: schema.id.as_str(), domain: schema.domain, approved_pipeline: false };
                standing.decisions().schema(TableAction::See, &resource).is_allowed()
            })
            .map(|schema| schema.name)
            .collect();
        let filter = ObjectFilter { schema: like.map(ToOwned::to_owned), ..ObjectFilter::default() };
        names.extend(self.visible_tables(&filter).await?.into_iter().map(|table| table.name.schema));
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// The tables and views that the caller may know of; by schema and name.
    ///
    /// # Errors
    /// [`EngineError`] if the catalog cannot be read.
    pub async fn visible_tables(&self, filter: &ObjectFilter) -> Result<Vec<VisibleTable>, EngineError> {
        let standing = self.standing().await?;
        let seen_by = self.seen_by(&standing).await?;
        let pattern = TablePattern { schema: filter.schema.as_deref(), table: filter.table.as_deref() };
        let records = self.engine().catalog().tables_seen_by(&seen_by, &pattern).await?;
        let mut decisions = standing.decisions();
        let wanted = |kind: TableKind| filter.kinds.is_empty() || filter.kinds.contains(&kind);
        let mut tables: Vec<_> = records
            .iter()
            .filter(|record| wanted(record.source.kind()))
            .filter(|record| decisions.table(TableAction::See, &resource(record)).is_allowed())
            .map(|record| VisibleTable { name: record.name.clone(), kind: record.source.kind() })
            .collect();
        if wanted(TableKind::Temporary) && pattern.schema_matches(TEMPORARY) {
            let names = self.temporary().names().into_iter().filter(|name| pattern.table_matches(name));
            tables.extend(
                names.map(|name| VisibleTable { name: TableName::new(TEMPORARY, name), kind: TableKind::Temporary }),
            );
        }
        tables.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(tables)
    }

    /// The columns of a table or view, called by one to three parts, and what they depend on. Whoever may know of the
    /// table may know of its columns.
    ///
    /// # Errors
    /// [`EngineError`] when there is no such table or it is not visible.
    pub async fn columns(&self, name: &[String]) -> Result<(SchemaRef, ResultLabels), EngineError> {
        let name = name.iter().map(|part| quote_identifier(part)).collect::<Vec<_>>().join(".");
        let parsed = self.parse(&format!("SELECT * FROM {name}"))?;
        let parsed = parsed.first().ok_or_else(|| EngineError::Bug("a query is no statement".to_owned()))?;
        query::columns(self, parsed).await
    }

    /// Under which names grants and ownership may let the caller see something; everything is looked at where
    /// policies beyond those may.
    async fn seen_by(&self, standing: &Standing) -> Result<SeenBy, EngineError> {
        let subject = &standing.subject;
        let holders = subject.groups.iter().chain([&subject.principal.name]).map(Arc::clone).collect();
        let everything =
            standing.decisions().administer().is_allowed() || !self.engine().catalog().policies().await?.is_empty();
        Ok(SeenBy { holders, everything })
    }
}
