//! Text to [`Statement`]s: the only place that reads SQL.
//!
//! A text is cut into tokens once, split at semicolons, and every piece goes to the family that its first words
//! name. What no family claims is an error that lists what could have stood there; nothing is passed on unread.

mod catalog;
mod credential;
mod cursor;
mod depth;
mod dml;
mod expectation;
mod grant;
mod names;
mod pipeline;
mod placeholders;
mod policy;
mod principal;
mod secret;
mod show;
mod source;
mod statement;
mod tag;
mod versions;

pub use credential::Password;
pub use cursor::ParseError;
pub use expectation::{Expectation, OnViolation};
pub use names::{CATALOG, Names, TEMPORARY};
pub use pipeline::{ParameterDecl, PipelineFile, PipelineHeader, Schedule, StageKind, StageStatement, parse_pipeline};
pub use secret::conceal;
pub use source::{SourceSpan, SourceText};
pub use statement::{
    Column, ColumnTags, CreateExternal, CreateTable, DropKind, Explain, FileFormat, GrantAction, GrantObject,
    GrantStatement, Parsed, SetVariable, ShowStatement, Statement, TagTarget, Write,
};
pub use versions::{TableRef, Versions};

use std::sync::Arc;

use cursor::Cursor;
pub(crate) use cursor::{fold_ident, fold_object_name};
use sqlparser::tokenizer::{Token, TokenWithSpan};

/// Reads every statement of `text`, in order.
///
/// # Errors
/// [`ParseError`] at the first place that is not understood, saying what was expected there.
pub fn parse(text: &str) -> Result<Vec<Parsed>, ParseError> {
    parse_among(text, &Names::none())
}

/// Reads every statement of `text`, in order, in a session where short names stand for what `names` says.
///
/// # Errors
/// [`ParseError`] at the first place that is not understood, saying what was expected there.
pub fn parse_among(text: &str, names: &Arc<Names>) -> Result<Vec<Parsed>, ParseError> {
    let source = SourceText::new(text);
    let mut names = Arc::clone(names);
    split(&source)?
        .into_iter()
        .map(|(tokens, span)| {
            let parameters = placeholders::names(&tokens).map_err(|token| misplaced(&source, &token))?;
            let count = tokens.iter().filter(|token| !matches!(token.token, Token::Whitespace(_))).count();
            let mut cursor = Cursor::new(&source, tokens, span, Arc::clone(&names));
            let statement = statement(&mut cursor)?;
            cursor.end()?;
            // What follows in the same text is read as it will be run.
            if let Statement::Set(SetVariable::Schema(schema)) = &statement {
                names = Arc::new(Names { schema: schema.clone(), ..names.as_ref().clone() });
            }
            let (text, versions) = (secret::redact(source.slice(span)).into(), cursor.into_versions());
            Ok(Parsed { statement, text, span, versions, parameters, tokens: count })
        })
        .collect()
}

/// Reads the text of one query, such as a view's.
///
/// # Errors
/// [`ParseError`] when the text is not one query.
pub fn parse_query(text: &str) -> Result<(Box<sqlparser::ast::Query>, Versions), ParseError> {
    let source = SourceText::new(text);
    let (tokens, span) = split(&source)?.into_iter().next().unwrap_or_default();
    let mut cursor = Cursor::new(&source, tokens, span, Names::none());
    let query = cursor.query()?;
    cursor.end()?;
    Ok((query, cursor.into_versions()))
}

/// The relations that a view's stored query names; none where it is not a query any more.
pub fn view_relations(text: &str) -> Vec<TableRef> {
    parse_query(text).map(|(query, versions)| versions.relations_in(&query)).unwrap_or_default()
}

/// A family of statements: `None` where the statement is not one of its own.
type Family = fn(&mut Cursor<'_>) -> Result<Option<Statement>, ParseError>;

/// One statement, by its first words.
fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    if cursor.is_query_start() {
        return Ok(Statement::Query(cursor.query()?));
    }
    let families: [Family; 9] = [
        tag::parse,
        principal::parse,
        credential::parse,
        grant::parse,
        policy::parse,
        catalog::parse,
        dml::parse,
        show::parse,
        statement::parse_set,
    ];
    for family in families {
        if let Some(statement) = family(cursor)? {
            return Ok(statement);
        }
    }
    Err(cursor.expected(
        "a statement: SELECT, WITH, VALUES, EXPLAIN, CREATE, ALTER, DROP, INSERT, UPDATE, DELETE, MERGE, SET, UNSET, \
         USE, APPROVE, GRANT, REVOKE, SHOW or DESCRIBE",
    ))
}

/// The tokens of each statement, without the semicolons, and the place where it stands. Empty ones are left out.
fn split(source: &SourceText) -> Result<Vec<(Vec<TokenWithSpan>, SourceSpan)>, ParseError> {
    let mut statements = Vec::new();
    let mut current: Vec<TokenWithSpan> = Vec::new();
    for token in source.tokens()? {
        match token.token {
            Token::Whitespace(_) => {}
            Token::SemiColon => statements.push(std::mem::take(&mut current)),
            Token::EOF => break,
            _ => current.push(token),
        }
    }
    statements.push(current);
    for tokens in &mut statements {
        if let Some(token) = depth::too_deep(tokens) {
            return Err(ParseError {
                message: "the statement is nested too deeply".to_owned(),
                span: source.span(token.span.start, token.span.end),
                hint: Some("use IN, VALUES or a table in place of long chains of operators".to_owned()),
            });
        }
        placeholders::number(tokens).map_err(|token| misplaced(source, &token))?;
    }
    Ok(statements
        .into_iter()
        .filter_map(|tokens| {
            let span = source.span(tokens.first()?.span.start, tokens.last()?.span.end);
            Some((tokens, span))
        })
        .collect())
}

fn misplaced(source: &SourceText, token: &TokenWithSpan) -> ParseError {
    ParseError {
        message: format!("`{}` does not go with the other parameters here", token.token),
        span: source.span(token.span.start, token.span.end),
        hint: Some("write all parameters of a statement in one way: `?`, `$1`, `$2`, …, or `$name`".to_owned()),
    }
}
