//! `INSERT`, `UPDATE`, `DELETE`, `MERGE`: the base language's own grammar, without its extras.

use sqlparser::{ast, parser::Parser};

use super::{
    ParseError, Statement, Write,
    cursor::{Cursor, fold_ident, fold_object_name},
};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if !["INSERT", "UPDATE", "DELETE", "MERGE"].iter().any(|word| cursor.at(word)) {
        return Ok(None);
    }
    let at = cursor.here();
    let refused = |cursor: &Cursor<'_>, what: &str| cursor.error_at(at, what);
    let write = match cursor.with(Parser::parse_statement)? {
        ast::Statement::Insert(insert) => insert_into(insert, cursor).map_err(|what| refused(cursor, &what))?,
        ast::Statement::Update(update) => {
            if update.from.is_some() || update.returning.is_some() || update.limit.is_some() {
                return Err(refused(cursor, "UPDATE takes SET and WHERE only; use MERGE to update from another table"));
            }
            Write::Update(Box::new(update))
        }
        ast::Statement::Delete(delete) => {
            if delete.using.is_some() || delete.returning.is_some() || delete.limit.is_some() {
                return Err(refused(cursor, "DELETE takes WHERE only; use WHERE … IN (SELECT …) or MERGE"));
            }
            Write::Delete(Box::new(delete))
        }
        ast::Statement::Merge(merge) => Write::Merge(Box::new(merge)),
        _ => return Err(refused(cursor, "expected INSERT, UPDATE, DELETE or MERGE")),
    };
    Ok(Some(Statement::Write(write)))
}

fn insert_into(insert: ast::Insert, cursor: &Cursor<'_>) -> Result<Write, String> {
    let ast::TableObject::TableName(name) = &insert.table else {
        return Err("INSERT writes into a table of the catalog, written schema.table".to_owned());
    };
    let table = cursor
        .resolved_table(&fold_object_name(name))
        .ok_or_else(|| "expected a table name of two parts, written schema.table".to_owned())?;
    if insert.on.is_some() || insert.returning.is_some() || insert.partitioned.is_some() || insert.or.is_some() {
        return Err("INSERT takes a table, columns and a query only".to_owned());
    }
    let columns = insert
        .columns
        .iter()
        .map(|column| match column.0.as_slice() {
            [ast::ObjectNamePart::Identifier(ident)] => Ok(fold_ident(ident).into()),
            _ => Err(format!("`{column}` is not a column name")),
        })
        .collect::<Result<_, _>>()?;
    let query = insert.source.ok_or("expected VALUES or a query after INSERT INTO")?;
    Ok(Write::Insert { table, columns, overwrite: insert.overwrite, query })
}
