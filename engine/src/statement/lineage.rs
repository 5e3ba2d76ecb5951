//! `SHOW LINEAGE`.

use std::collections::HashMap;

use sluice_model::TableName;

use crate::{
    EngineError, Outcome, Session,
    answer::{Cell, answer},
};

/// The columns that one column is made of. An input whose table the caller may not know of is withheld. The text of the
/// statement is an administrator's to read, as in the audit log: it names tables and holds values that others may not see.
pub(super) async fn show(session: &Session, table: &TableName, column: &str) -> Result<Outcome, EngineError> {
    let standing = session.standing().await?;
    let record = session.visible_record(table, &standing).await?;
    let catalog = session.engine().catalog();
    if !catalog.columns(&record.id).await?.iter().any(|known| *known.name == *column) {
        return Err(EngineError::invalid(
            format!("table `{table}` has no column `{column}`"),
            format!("DESCRIBE {table} lists its columns"),
        ));
    }
    let is_admin = session.is_admin().await?;
    let loaded = session.load(&[], &HashMap::new()).await?;
    let mut origins = session.origins(&loaded);
    let mut rows = Vec::new();
    for record in catalog.lineage_of(&record.id, Some(column)).await? {
        let visible = origins.is_visible(&record.edge.input.table).await?;
        let input = if visible { record.edge.input.to_string() } else { "withheld".to_owned() };
        rows.push([
            Cell::from(table.column(column).to_string()),
            input.into(),
            record.edge.kind.as_str().into(),
            record.edge.subtype.to_string().into(),
            if is_admin { record.statement.to_string() } else { "withheld".to_owned() }.into(),
        ]);
    }
    answer(["output", "input", "type", "subtype", "statement"], &[], rows)
}
