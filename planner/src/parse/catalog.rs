//! Schemas, tables and views: `CREATE`, `ALTER`, `DROP`.

use std::sync::Arc;

use sluice_model::{Domain, PrincipalKind};
use sqlparser::{parser::Parser, tokenizer::Token};

use super::{
    Column, CreateExternal, CreateTable, DropKind, FileFormat, ParseError, Statement, Write, credential,
    cursor::Cursor, statement::domain,
};

pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Statement>, ParseError> {
    if cursor.take(&["CREATE", "SCHEMA"]) {
        let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
        let name = cursor.schema_name()?;
        let domain = if cursor.take(&["DOMAIN"]) { domain(cursor)? } else { Domain::default() };
        return Ok(Some(Statement::CreateSchema { name, domain, if_not_exists }));
    }
    if cursor.take(&["CREATE", "EXTERNAL", "TABLE"]) {
        return external(cursor).map(|create| Some(Statement::CreateExternalTable(create)));
    }
    for (words, or_replace) in [(&["CREATE", "TABLE"][..], false), (&["CREATE", "OR", "REPLACE", "TABLE"], true)] {
        if cursor.take(words) {
            return table(cursor, or_replace).map(|create| Some(Statement::Write(Write::CreateTable(create))));
        }
    }
    for (words, or_replace) in [(&["CREATE", "VIEW"][..], false), (&["CREATE", "OR", "REPLACE", "VIEW"], true)] {
        if cursor.take(words) {
            let name = cursor.table_name()?;
            cursor.expect("AS")?;
            let (mut query, text) = cursor.text_of(Cursor::query)?;
            let text = cursor.written_out(&mut query)?.unwrap_or(text);
            return Ok(Some(Statement::CreateView { name, or_replace, query, text: text.into() }));
        }
    }
    if cursor.take(&["ALTER", "TABLE"]) {
        let from = cursor.table_name()?;
        cursor.expect("RENAME")?;
        cursor.expect("TO")?;
        let to = cursor.ident("the table's new name, without its schema")?;
        return Ok(Some(Statement::RenameTable { from, to }));
    }
    if cursor.take(&["DROP"]) {
        return drop_object(cursor).map(Some);
    }
    Ok(None)
}

fn external(cursor: &mut Cursor<'_>) -> Result<CreateExternal, ParseError> {
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.table_name()?;
    if cursor.next_is(&Token::LParen) {
        return Err(cursor.expected("STORED AS: an external table takes its columns from its files"));
    }
    cursor.expect("STORED")?;
    cursor.expect("AS")?;
    let format = if cursor.take(&["PARQUET"]) {
        FileFormat::Parquet
    } else if cursor.take(&["CSV"]) {
        FileFormat::Csv
    } else if cursor.take(&["JSON"]) || cursor.take(&["NDJSON"]) {
        FileFormat::Json
    } else if cursor.take(&["DELTA"]) || cursor.take(&["DELTATABLE"]) {
        FileFormat::Delta
    } else {
        return Err(cursor.expected("PARQUET, CSV, JSON or DELTA"));
    };
    cursor.expect("LOCATION")?;
    let location = cursor.string("a path or URL in single quotes")?;
    let mut options = Vec::new();
    if cursor.take(&["OPTIONS"]) {
        cursor.expect_token(&Token::LParen)?;
        options = cursor.list(|cursor| {
            let name = match cursor.string("an option's name") {
                Ok(name) => name,
                Err(_) => cursor.ident("an option's name")?.to_string(),
            };
            cursor.take_token(&Token::Eq);
            Ok((name, cursor.string("the option's value in single quotes")?))
        })?;
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(CreateExternal { name, if_not_exists, format, location, options })
}

fn table(cursor: &mut Cursor<'_>, or_replace: bool) -> Result<CreateTable, ParseError> {
    if or_replace && cursor.at_all(&["IF", "NOT", "EXISTS"]) {
        return Err(
            cursor.error_at(cursor.here(), "OR REPLACE and IF NOT EXISTS contradict each other: write one of them")
        );
    }
    let if_not_exists = cursor.take(&["IF", "NOT", "EXISTS"]);
    let name = cursor.table_name()?;
    if cursor.take(&["AS"]) {
        let query = Some(cursor.query()?);
        return Ok(CreateTable { name, or_replace, if_not_exists, columns: Vec::new(), query });
    }
    if !cursor.take_token(&Token::LParen) {
        return Err(cursor.expected("AS and a query, or the columns in parentheses"));
    }
    let columns = cursor.list(column)?;
    cursor.expect_token(&Token::RParen)?;
    let query = if cursor.take(&["AS"]) { Some(cursor.query()?) } else { None };
    Ok(CreateTable { name, or_replace, if_not_exists, columns, query })
}

fn column(cursor: &mut Cursor<'_>) -> Result<Column, ParseError> {
    let name: Arc<str> = cursor.ident("a column name")?;
    let data_type = cursor.with(Parser::parse_data_type)?;
    let nullable = !cursor.take(&["NOT", "NULL"]);
    if nullable {
        cursor.take(&["NULL"]);
    }
    Ok(Column { name, data_type, nullable })
}

fn drop_object(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let at = cursor.here();
    let kind = cursor.ident("SCHEMA, TABLE, VIEW, TAG, USER, GROUP, SERVICE, POLICY or TOKEN")?;
    let if_exists = cursor.take(&["IF", "EXISTS"]);
    let object = match &*kind {
        "schema" => DropKind::Schema(cursor.schema_name()?),
        "table" => DropKind::Table(cursor.table_name()?),
        "view" => DropKind::View(cursor.table_name()?),
        "tag" => DropKind::Tag(cursor.tag()?),
        "policy" => DropKind::Policy(cursor.ident("a policy's name")?),
        "token" => DropKind::Token(credential::token_id(cursor)?),
        other => match PrincipalKind::parse(other) {
            Some(kind) => DropKind::Principal(kind, cursor.ident("a name")?),
            None => {
                let message = format!(
                    "expected SCHEMA, TABLE, VIEW, TAG, USER, GROUP, SERVICE, POLICY or TOKEN after DROP, found \
                     `{other}`"
                );
                return Err(cursor.error_at(at, &message));
            }
        },
    };
    let cascade = matches!(object, DropKind::Schema(_)) && cursor.take(&["CASCADE"]);
    Ok(Statement::Drop { object, if_exists, cascade })
}
