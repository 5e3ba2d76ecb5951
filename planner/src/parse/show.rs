//! `SHOW …`, `DESCRIBE …` and `EXPLAIN …`.

use std::sync::Arc;

use super::{Explain, ParseError, ShowStatement, Statement, cursor::Cursor, grant};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if cursor.take(&["EXPLAIN"]) {
        let governance = cursor.take(&["GOVERNANCE"]);
        if !cursor.is_query_start() {
            return Err(cursor.expected("GOVERNANCE, or a query"));
        }
        return Ok(Some(Statement::Explain(Explain { governance, query: cursor.query()? })));
    }
    if cursor.take(&["DESCRIBE"]) || cursor.take(&["DESC"]) {
        cursor.take(&["TABLE"]);
        return Ok(Some(Statement::Show(ShowStatement::Columns(cursor.table_name()?))));
    }
    if !cursor.take(&["SHOW"]) {
        return Ok(None);
    }
    show(cursor).map(|show| Some(Statement::Show(show)))
}

fn show(cursor: &mut Cursor<'_>) -> Result<ShowStatement, ParseError> {
    if cursor.take(&["TAGS"]) {
        if cursor.take(&["ON"]) {
            cursor.take(&["TABLE"]);
            return Ok(ShowStatement::TagsOn(cursor.table_name()?));
        }
        return Ok(ShowStatement::Tags);
    }
    if cursor.take(&["UNCLASSIFIED"]) {
        let schema = if cursor.take(&["IN"]) { Some(cursor.schema_name()?) } else { None };
        return Ok(ShowStatement::Unclassified(schema));
    }
    if cursor.take(&["LINEAGE"]) {
        cursor.expect("OF")?;
        let (table, column) = cursor.column_name()?;
        return Ok(ShowStatement::Lineage(table, column));
    }
    if cursor.take(&["GRANTS"]) {
        let object = if cursor.take(&["ON"]) { Some(grant::object(cursor)?) } else { None };
        let principal = if cursor.take(&["TO"]) { Some(cursor.principal()?) } else { None };
        return Ok(ShowStatement::Grants(object, principal));
    }
    if cursor.take(&["AUDIT"]) {
        return Ok(ShowStatement::Audit(whose(cursor)?));
    }
    if cursor.take(&["TOKENS"]) {
        return Ok(ShowStatement::Tokens(whose(cursor)?));
    }
    if cursor.take(&["SCHEMAS"]) {
        return Ok(ShowStatement::Schemas);
    }
    if cursor.take(&["TABLES"]) {
        let schema = if cursor.take(&["IN"]) || cursor.take(&["FROM"]) { Some(cursor.schema_name()?) } else { None };
        return Ok(ShowStatement::Tables(schema));
    }
    if cursor.take(&["COLUMNS"]) {
        if !cursor.take(&["FROM"]) {
            cursor.expect("IN")?;
        }
        return Ok(ShowStatement::Columns(cursor.table_name()?));
    }
    if cursor.take(&["PRINCIPALS"]) {
        return Ok(ShowStatement::Principals);
    }
    if cursor.take(&["POLICIES"]) {
        return Ok(ShowStatement::Policies);
    }
    if cursor.take(&["HISTORY"]) {
        cursor.expect("OF")?;
        return Ok(ShowStatement::History(cursor.table_name()?));
    }
    Err(cursor.expected(
        "AUDIT, COLUMNS, GRANTS, HISTORY, LINEAGE, POLICIES, PRINCIPALS, SCHEMAS, TABLES, TAGS, TOKENS or \
         UNCLASSIFIED",
    ))
}

/// `[FOR [USER | SERVICE] name]`.
fn whose(cursor: &mut Cursor<'_>) -> Result<Option<Arc<str>>, ParseError> {
    if !cursor.take(&["FOR"]) {
        return Ok(None);
    }
    for kind in ["USER", "SERVICE"] {
        cursor.take(&[kind]);
    }
    cursor.ident("a principal's name").map(Some)
}
