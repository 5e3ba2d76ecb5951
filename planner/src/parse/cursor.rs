//! Reading one statement's tokens, with errors that say where and what was expected.

use std::sync::Arc;

use sluice_model::{ErrorClass, Principal, PrincipalKind, SchemaName, TableName, Tag};
use sqlparser::{
    ast::{Expr, Ident, ObjectName, Query},
    dialect::GenericDialect,
    parser::{Parser, ParserError},
    tokenizer::{Token, TokenWithSpan},
};

use super::{
    SourceSpan, SourceText,
    names::{CATALOG, Names},
    versions::Versions,
};

/// The dialect of the base language: DataFusion's own default.
static DIALECT: GenericDialect = GenericDialect {};

/// Why a text is not a statement, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ParseError {
    /// What was expected and what was found.
    pub message: String,
    /// The place in the text that was given to the parser.
    pub span: SourceSpan,
    /// What would help, where that is known.
    pub hint: Option<String>,
}

impl ParseError {
    /// Whose move it is: always the caller's.
    pub fn class(&self) -> ErrorClass {
        ErrorClass::Caller
    }
}

/// A reader over the tokens of one statement.
pub(super) struct Cursor<'a> {
    source: &'a SourceText,
    parser: Parser<'static>,
    span: SourceSpan,
    versions: Versions,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(
        source: &'a SourceText,
        mut tokens: Vec<TokenWithSpan>,
        span: SourceSpan,
        names: Arc<Names>,
    ) -> Self {
        let versions = Versions::take_from(&mut tokens, names);
        let parser = Parser::new(&DIALECT).with_tokens_with_locations(tokens);
        Self { source, parser, span, versions }
    }

    pub(super) fn into_versions(self) -> Versions {
        self.versions
    }

    /// Whether a query can start here.
    pub(super) fn is_query_start(&self) -> bool {
        self.parser.peek_token_ref().token == Token::LParen
            || ["SELECT", "WITH", "VALUES", "TABLE", "FROM"].iter().any(|word| self.at(word))
    }

    /// Whether the next token is the unquoted `word`, in any case.
    pub(super) fn at(&self, word: &str) -> bool {
        is_word(&self.parser.peek_token_ref().token, word)
    }

    /// Whether the next tokens are `words`.
    pub(super) fn at_all(&self, words: &[&str]) -> bool {
        let ahead = self.parser.peek_tokens_ref::<6>();
        words.len() <= ahead.len() && words.iter().zip(ahead).all(|(word, token)| is_word(&token.token, word))
    }

    /// Takes `words` if they all stand next.
    pub(super) fn take(&mut self, words: &[&str]) -> bool {
        let there = self.at_all(words);
        if there {
            for _ in words {
                self.parser.next_token();
            }
        }
        there
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), ParseError> {
        if self.take(&[word]) { Ok(()) } else { Err(self.expected(word)) }
    }

    pub(super) fn next_is(&self, token: &Token) -> bool {
        self.parser.peek_token_ref().token == *token
    }

    pub(super) fn take_token(&mut self, token: &Token) -> bool {
        self.parser.consume_token(token)
    }

    pub(super) fn expect_token(&mut self, token: &Token) -> Result<(), ParseError> {
        if self.take_token(token) { Ok(()) } else { Err(self.expected(&format!("`{token}`"))) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.parser.peek_token_ref().token == Token::EOF
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), ParseError> {
        if self.is_at_end() { Ok(()) } else { Err(self.expected("the end of the statement, or `;`")) }
    }

    /// An identifier, folded to lower case unless it is quoted.
    pub(super) fn ident(&mut self, what: &str) -> Result<Arc<str>, ParseError> {
        match &self.parser.peek_token_ref().token {
            Token::Word(word) => {
                let folded = fold(&word.value, word.quote_style.is_some());
                self.parser.next_token();
                Ok(folded.into())
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A dotted name of one or more identifiers.
    fn dotted(&mut self, what: &str) -> Result<Vec<Arc<str>>, ParseError> {
        let mut parts = vec![self.ident(what)?];
        while self.take_token(&Token::Period) {
            parts.push(self.ident(what)?);
        }
        Ok(parts)
    }

    pub(super) fn table_name(&mut self) -> Result<TableName, ParseError> {
        let at = self.here();
        let parts = self.dotted("a table name, written schema.table")?;
        self.resolved_table(&parts)
            .ok_or_else(|| self.error_at(at, "expected a table name of two parts, written schema.table"))
    }

    /// The table that a dotted name stands for.
    pub(super) fn resolved_table<S: AsRef<str>>(&self, parts: &[S]) -> Option<TableName> {
        self.versions.names().table(parts)
    }

    /// Writes the short names of a query out. Answers its text, where there were any.
    pub(super) fn written_out(&self, query: &mut Query) -> Result<Option<String>, ParseError> {
        if !self.versions.names().write_out(query) {
            return Ok(None);
        }
        if self.versions.is_pinning() {
            return Err(self.error_at(self.span, "a view that reads a version names its tables as schema.table"));
        }
        Ok(Some(query.to_string()))
    }

    /// `schema.table.column`.
    pub(super) fn column_name(&mut self) -> Result<(TableName, Arc<str>), ParseError> {
        let at = self.here();
        let mut parts = self.dotted("a column name, written schema.table.column")?;
        let column = parts.pop();
        match (column, self.resolved_table(&parts)) {
            (Some(column), Some(table)) => Ok((table, column)),
            _ => Err(self.error_at(at, "expected a column name of three parts, written schema.table.column")),
        }
    }

    pub(super) fn schema_name(&mut self) -> Result<SchemaName, ParseError> {
        let at = self.here();
        let parts = self.dotted("a schema name")?;
        match parts.as_slice() {
            [schema] => Ok(SchemaName::new(Arc::clone(schema))),
            [catalog, schema] if **catalog == *CATALOG => Ok(SchemaName::new(Arc::clone(schema))),
            _ => Err(self.error_at(at, "expected a schema name of one part")),
        }
    }

    pub(super) fn tag(&mut self) -> Result<Tag, ParseError> {
        let at = self.here();
        let parts = self.dotted("a tag, such as pii.email")?;
        Tag::parse(&parts.join(".")).map_err(|error| self.error_at(at, &error.to_string()))
    }

    /// `USER alice`, `GROUP analysts`, `SERVICE bot`.
    pub(super) fn principal(&mut self) -> Result<Principal, ParseError> {
        let kind = self.principal_kind()?;
        Ok(Principal::new(kind, self.ident("a principal's name")?))
    }

    pub(super) fn principal_kind(&mut self) -> Result<PrincipalKind, ParseError> {
        for kind in [PrincipalKind::User, PrincipalKind::Group, PrincipalKind::Service] {
            if self.take(&[kind.as_str()]) {
                return Ok(kind);
            }
        }
        Err(self.expected("USER, GROUP or SERVICE"))
    }

    pub(super) fn string(&mut self, what: &str) -> Result<String, ParseError> {
        match self.parser.peek_token_ref().token.clone() {
            Token::SingleQuotedString(text) => {
                self.parser.next_token();
                Ok(text)
            }
            _ => Err(self.expected(what)),
        }
    }

    /// A text between dollar signs: `$$ … $$`.
    pub(super) fn dollar_string(&mut self, what: &str) -> Result<String, ParseError> {
        match self.parser.peek_token_ref().token.clone() {
            Token::DollarQuotedString(text) => {
                self.parser.next_token();
                Ok(text.value)
            }
            _ => Err(self.expected(what)),
        }
    }

    pub(super) fn number(&mut self, what: &str) -> Result<u64, ParseError> {
        if let Token::Number(digits, _) = &self.parser.peek_token_ref().token
            && let Ok(number) = digits.parse()
        {
            self.parser.next_token();
            return Ok(number);
        }
        Err(self.expected(what))
    }

    /// `item, item, …`
    pub(super) fn list<T>(
        &mut self,
        mut item: impl FnMut(&mut Self) -> Result<T, ParseError>,
    ) -> Result<Vec<T>, ParseError> {
        let mut items = vec![item(self)?];
        while self.take_token(&Token::Comma) {
            items.push(item(self)?);
        }
        Ok(items)
    }

    pub(super) fn query(&mut self) -> Result<Box<Query>, ParseError> {
        self.with(Parser::parse_query)
    }

    pub(super) fn expr(&mut self) -> Result<Expr, ParseError> {
        self.with(Parser::parse_expr)
    }

    /// Reads with the SQL parser, which knows the base language.
    pub(super) fn with<T>(
        &mut self,
        read: impl FnOnce(&mut Parser<'static>) -> Result<T, ParserError>,
    ) -> Result<T, ParseError> {
        read(&mut self.parser).map_err(|error| self.base_error(&error))
    }

    /// The source text between the token that stands next now and the last one that `read` takes.
    pub(super) fn text_of<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, ParseError>,
    ) -> Result<(T, String), ParseError> {
        let start = self.here().start;
        let value = read(self)?;
        let end = self.source.offset(self.parser.get_current_token().span.end);
        Ok((value, self.source.slice(SourceSpan { start, end }).to_owned()))
    }

    /// The place of the next token.
    pub(super) fn here(&self) -> SourceSpan {
        let next = self.parser.peek_token_ref();
        if next.token == Token::EOF {
            return SourceSpan { start: self.span.end, end: self.span.end };
        }
        self.source.span(next.span.start, next.span.end)
    }

    pub(super) fn expected(&self, what: &str) -> ParseError {
        let found = &self.parser.peek_token_ref().token;
        let found = if *found == Token::EOF { "the end".to_owned() } else { format!("`{found}`") };
        self.error_at(self.here(), &format!("expected {what}, found {found}"))
    }

    pub(super) fn error_at(&self, span: SourceSpan, message: &str) -> ParseError {
        ParseError { message: message.to_owned(), span, hint: None }
    }

    /// The base parser puts the place into its message; this takes it out again.
    fn base_error(&self, error: &ParserError) -> ParseError {
        let (ParserError::ParserError(message) | ParserError::TokenizerError(message)) = error else {
            return self.error_at(self.span, "the statement is nested too deeply");
        };
        let (message, place) = message.rsplit_once(" at Line: ").map_or((message.as_str(), None), |(text, place)| {
            let numbers = place.split_once(", Column: ").map(|(line, column)| (line.parse(), column.parse()));
            (text, numbers)
        });
        let message = message.replacen("Expected: ", "expected ", 1).replacen(", found: EOF", ", found the end", 1);
        let message = message.replacen(", found: ", ", found ", 1);
        match place {
            Some((Ok(line), Ok(column))) => {
                let start = self.source.offset(sqlparser::tokenizer::Location { line, column });
                let end = self.parser.peek_token_ref().span.end;
                let end = self.source.offset(end).max(start);
                let end = if end - start > 200 { start } else { end };
                self.error_at(SourceSpan { start, end }, &message)
            }
            _ => self.error_at(self.here(), &message),
        }
    }
}

fn is_word(token: &Token, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word))
}

/// The resolved spelling of an identifier.
pub(super) fn fold(value: &str, quoted: bool) -> String {
    if quoted { value.to_owned() } else { value.to_ascii_lowercase() }
}

/// The resolved spelling of a parsed identifier.
pub(crate) fn fold_ident(ident: &Ident) -> String {
    fold(&ident.value, ident.quote_style.is_some())
}

/// The resolved spellings of a parsed dotted name; empty when a part is not an identifier.
pub(crate) fn fold_object_name(name: &ObjectName) -> Vec<String> {
    name.0.iter().map(|part| part.as_ident().map(fold_ident)).collect::<Option<_>>().unwrap_or_default()
}
