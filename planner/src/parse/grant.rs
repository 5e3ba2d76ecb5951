//! `GRANT`, `REVOKE` and `APPROVE TABLE`.

use sluice_model::{TableAction, TagAction};

use super::{GrantAction, GrantObject, GrantStatement, ParseError, Statement, cursor::Cursor, statement::domain};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if cursor.take(&["APPROVE", "TABLE"]) {
        let table = cursor.table_name()?;
        for_experiment(cursor)?;
        return Ok(Some(Statement::ApproveTable { table, approve: true }));
    }
    if cursor.take(&["REVOKE", "APPROVAL"]) {
        cursor.expect("ON")?;
        cursor.expect("TABLE")?;
        let table = cursor.table_name()?;
        for_experiment(cursor)?;
        return Ok(Some(Statement::ApproveTable { table, approve: false }));
    }
    let grant = if cursor.take(&["GRANT"]) {
        true
    } else if cursor.take(&["REVOKE"]) {
        false
    } else {
        return Ok(None);
    };
    let at = cursor.here();
    let actions = cursor.list(action)?;
    cursor.expect("ON")?;
    let object = object(cursor)?;
    let on_tag = matches!(object, GrantObject::Tag(_));
    if let Some(action) = actions.iter().find(|action| matches!(action, GrantAction::Tag(_)) != on_tag) {
        let fitting = if on_tag { "READ, USE, PROCESS, OFFLOAD, CLASSIFY" } else { "SELECT, INSERT, MODIFY, CREATE" };
        let message = format!("{} does not apply to this object: expected one of {fitting}", action.as_str());
        return Err(cursor.error_at(at, &message));
    }
    cursor.expect(if grant { "TO" } else { "FROM" })?;
    let principal = cursor.principal()?;
    let domain = if cursor.take(&["IN", "DOMAIN"]) { Some(domain(cursor)?) } else { None };
    Ok(Some(Statement::Grant(GrantStatement { grant, actions, object, principal, domain })))
}

fn for_experiment(cursor: &mut Cursor<'_>) -> Result<(), ParseError> {
    cursor.expect("FOR")?;
    cursor.expect("EXPERIMENT")
}

fn action(cursor: &mut Cursor<'_>) -> Result<GrantAction, ParseError> {
    let at = cursor.here();
    let word = cursor.ident("an action")?;
    TagAction::parse(&word)
        .map(GrantAction::Tag)
        .or_else(|| TableAction::parse_grantable(&word).map(GrantAction::Table))
        .ok_or_else(|| {
            let message = format!(
                "`{word}` cannot be granted: expected SELECT, INSERT, MODIFY or CREATE on a table or schema, or READ, \
                 USE, PROCESS, OFFLOAD or CLASSIFY on a tag"
            );
            cursor.error_at(at, &message)
        })
}

/// `TAG t`, `SCHEMA s` or `TABLE t`; a bare `schema.table` is a table, as in other databases.
pub(super) fn object(cursor: &mut Cursor<'_>) -> Result<GrantObject, ParseError> {
    if cursor.take(&["TAG"]) {
        return Ok(GrantObject::Tag(cursor.tag()?));
    }
    if cursor.take(&["SCHEMA"]) {
        return Ok(GrantObject::Schema(cursor.schema_name()?));
    }
    if !cursor.take(&["TABLE"]) {
        cursor.take(&["VIEW"]);
    }
    Ok(GrantObject::Table(cursor.table_name()?))
}
