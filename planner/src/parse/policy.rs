//! `CREATE POLICY … AS CEDAR`.

use super::{ParseError, Statement, cursor::Cursor};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if !cursor.take(&["CREATE", "POLICY"]) {
        return Ok(None);
    }
    let name = cursor.ident("a policy's name")?;
    cursor.expect("AS")?;
    cursor.expect("CEDAR")?;
    let cedar = cursor.dollar_string("a Cedar policy between $$ and $$")?;
    Ok(Some(Statement::CreatePolicy { name, cedar }))
}
