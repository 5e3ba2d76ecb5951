//! `CREATE TAG`, `SET TAG`, `UNSET TAG`.

use std::sync::Arc;

use sluice_model::{IndirectRule, Tag};
use sqlparser::tokenizer::Token;

use super::{ColumnTags, ParseError, Statement, TagTarget, cursor::Cursor};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if cursor.take(&["CREATE", "TAG"]) {
        return create(cursor).map(Some);
    }
    let set = if cursor.take(&["SET", "TAG"]) {
        true
    } else if cursor.take(&["UNSET", "TAG"]) {
        false
    } else {
        return Ok(None);
    };
    cursor.expect("ON")?;
    let target = target(cursor)?;
    Ok(Some(Statement::SetTag { set, target }))
}

fn create(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let tag = cursor.tag()?;
    let (mut indirect, mut comment) = (IndirectRule::default(), None);
    loop {
        if cursor.take(&["INDIRECT"]) {
            let at = cursor.here();
            let word = cursor.ident("DENY, AUDIT or IGNORE")?;
            indirect = IndirectRule::parse(&word)
                .ok_or_else(|| cursor.error_at(at, &format!("expected DENY, AUDIT or IGNORE, found `{word}`")))?;
        } else if cursor.take(&["COMMENT"]) {
            comment = Some(cursor.string("a comment in single quotes")?);
        } else {
            return Ok(Statement::CreateTag { tag, indirect, comment });
        }
    }
}

fn target(cursor: &mut Cursor<'_>) -> Result<TagTarget, ParseError> {
    if cursor.take(&["COLUMNS"]) {
        let table = cursor.table_name()?;
        cursor.expect_token(&Token::LParen)?;
        let columns = cursor.list(|cursor| {
            let column = cursor.ident("a column name")?;
            let mut tags = vec![cursor.tag()?];
            while !matches_list_end(cursor) {
                tags.push(cursor.tag()?);
            }
            Ok(ColumnTags { column, tags })
        })?;
        cursor.expect_token(&Token::RParen)?;
        return Ok(TagTarget::Columns(table, columns));
    }
    if cursor.take(&["COLUMN"]) {
        let (table, column): (_, Arc<str>) = cursor.column_name()?;
        let tags = tags(cursor)?;
        return Ok(TagTarget::Columns(table, vec![ColumnTags { column, tags }]));
    }
    if cursor.take(&["TABLE"]) {
        let table = cursor.table_name()?;
        return Ok(TagTarget::Rows(table, tags(cursor)?));
    }
    Err(cursor.expected("COLUMN, COLUMNS or TABLE"))
}

fn tags(cursor: &mut Cursor<'_>) -> Result<Vec<Tag>, ParseError> {
    cursor.list(Cursor::tag)
}

fn matches_list_end(cursor: &mut Cursor<'_>) -> bool {
    cursor.next_is(&Token::Comma) || cursor.next_is(&Token::RParen)
}
