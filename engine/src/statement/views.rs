//! `CREATE VIEW`. Whoever makes a view owns it and must be able to read what it reads.

use std::{collections::HashMap, sync::Arc};

use sluice_catalog::{ColumnRecord, NewColumn, NewTable, TableKind, TableSource};
use sluice_model::TableName;
use sluice_planner::{
    authorize_definition,
    bind::{self, Parameters},
    label,
    parse::{Versions, parse_query},
};
use sluice_policy::Decisions;
use sqlparser::ast;

use crate::{EngineError, Outcome, Session};

pub(super) async fn create(
    session: &Session,
    name: &TableName,
    or_replace: bool,
    _query: &ast::Query,
    text: &Arc<str>,
) -> Result<Outcome, EngineError> {
    // What is kept is the text, so the text is what is checked.
    let (query, versions) = parse_query(text)?;
    let mut relations = sluice_planner::parse::view_relations(text);
    let itself = sluice_planner::parse::TableRef::Table(sluice_catalog::TableRequest {
        name: name.clone(),
        at: Default::default(),
    });
    if relations.contains(&itself) {
        return Err(EngineError::invalid(format!("view `{name}` would read itself"), "give it another name"));
    }
    relations.push(itself);
    let loaded = session.load(&relations, &HashMap::new()).await?;
    let schema = session.schema_for(&loaded, &name.schema, false).await?;
    let columns = columns(session, &loaded, &query, &versions, &schema, name)?;
    let catalog = session.engine().catalog();
    if let Some(existing) = loaded.table(name) {
        if existing.kind != TableKind::View || !or_replace {
            return Err(EngineError::invalid(
                format!("`{name}` already exists"),
                if existing.kind == TableKind::View {
                    "write CREATE OR REPLACE VIEW"
                } else {
                    "give the view another name"
                },
            ));
        }
        let standing = session.standing().await?;
        let record = session.visible_record(name, &standing).await?;
        session.require_ownership(&record, &standing).await?;
        if *record.owner != *session.subject().principal.name {
            return Err(EngineError::invalid(
                format!("view `{name}` belongs to `{}`, on whose behalf it reads", record.owner),
                "let its owner replace it, or drop it and make it anew",
            ));
        }
        let records: Vec<_> = columns
            .iter()
            .map(|column| ColumnRecord { name: Arc::clone(&column.name), sql_type: Arc::clone(&column.sql_type) })
            .collect();
        catalog.replace_view(&record.id, text, &records).await?;
        return Ok(Outcome::done(format!("replaced view {name}")));
    }
    let view = NewTable {
        name: name.clone(),
        owner: Arc::clone(&session.subject().principal.name),
        source: TableSource::View { query: Arc::clone(text) },
        columns,
        row_tags: Vec::new(),
    };
    catalog.create_table(&view).await?;
    Ok(Outcome::done(format!("created view {name}")))
}

/// The view's columns, once it is clear that it can be planned and that its maker may read what it reads.
fn columns(
    session: &Session,
    loaded: &crate::load::Loaded,
    query: &ast::Query,
    versions: &Versions,
    schema: &sluice_catalog::SchemaSnapshot,
    name: &TableName,
) -> Result<Vec<NewColumn>, EngineError> {
    let (locals, parameters) = (HashMap::new(), Parameters::default());
    let outside = session.outside(&locals, &parameters);
    let surroundings = loaded.surroundings(&outside);
    let mut decisions = Decisions::new(&loaded.authorizer, &loaded.subject);
    let bound = bind::bind(query, versions, &surroundings, &mut decisions)?;
    if bound.relations().iter().any(|relation| relation.table.name == *name) {
        return Err(EngineError::invalid(
            format!("view `{name}` would read itself, through another view"),
            "break the circle: let one of the views read tables",
        ));
    }
    authorize_definition(&bound, schema, name, &surroundings, &mut decisions)?;
    let labeled = label::label(bound)?;
    let fields = labeled.bound().plan().schema().fields();
    Ok(fields.iter().map(|field| NewColumn::untagged(field.name().as_str(), field.data_type().to_string())).collect())
}
