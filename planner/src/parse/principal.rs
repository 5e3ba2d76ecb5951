//! `CREATE USER | GROUP | SERVICE`, `ALTER GROUP`.

use sluice_model::{Principal, PrincipalKind};

use super::{ParseError, Statement, cursor::Cursor};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    for kind in [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::Service] {
        if cursor.take(&["CREATE", kind.as_str()]) {
            let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
            let principal = Principal::new(kind, cursor.ident("a name")?);
            return Ok(Some(Statement::CreatePrincipal { principal, if_not_exists }));
        }
    }
    if cursor.take(&["ALTER", "GROUP"]) {
        let group = cursor.ident("a group's name")?;
        let add = if cursor.take(&["ADD"]) {
            true
        } else if cursor.take(&["DROP"]) || cursor.take(&["REMOVE"]) {
            false
        } else {
            return Err(cursor.expected("ADD or DROP"));
        };
        let member = cursor.principal()?;
        return Ok(Some(Statement::AlterGroup { group, add, member }));
    }
    Ok(None)
}
