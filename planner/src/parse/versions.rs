//! Which tables a statement names, and at which version.
//!
//! The base parser's dialect does not read `VERSION AS OF`. The words are unambiguous, so they are taken out of
//! the tokens before parsing: `crm.t VERSION AS OF 3` becomes `crm."t VERSION AS OF 3" AS t`, and this file
//! remembers what the new name stands for.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use sluice_catalog::{TableRequest, TableVersion};
use sluice_model::TableName;
use sqlparser::{
    ast::{Visit, visit_relations},
    keywords::{Keyword, RESERVED_FOR_TABLE_ALIAS},
    tokenizer::{Token, TokenWithSpan, Word},
};

use super::{
    cursor::{fold, fold_object_name},
    names::Names,
};

/// The pinned names of one statement, by the spelling that stands for them, and what its short names stand for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions {
    pinned: HashMap<String, (String, TableVersion)>,
    names: Arc<Names>,
}

/// What a name in a `FROM` clause refers to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TableRef {
    /// `name`: a view that belongs to the running pipeline, or a `WITH` query.
    Local(String),
    /// `schema.name`, perhaps at a version.
    Table(TableRequest),
    /// A name of more than two parts. No such object exists.
    TooLong(String),
}

impl Versions {
    /// Takes every `VERSION AS OF n` and `TIMESTAMP AS OF 't'` that follows a table name out of `tokens`.
    pub(super) fn take_from(tokens: &mut Vec<TokenWithSpan>, names: Arc<Names>) -> Self {
        let mut versions = Self::among(names);
        let mut at = 1;
        while at + 3 < tokens.len() {
            if let Some(version) = version_clause(&tokens[at..at + 4])
                && let Token::Word(table) = &tokens[at - 1].token
            {
                let table = fold(&table.value, table.quote_style.is_some());
                let pinned = format!("{table} {}", describe(version));
                let span = tokens[at - 1].span;
                tokens[at - 1].token = quoted(&pinned);
                let alias = match tokens.get(at + 4).map(|next| &next.token) {
                    Some(Token::Word(next)) => {
                        next.keyword == Keyword::AS
                            || next.keyword == Keyword::NoKeyword
                            || !RESERVED_FOR_TABLE_ALIAS.contains(&next.keyword)
                    }
                    _ => false,
                };
                let replacement = if alias {
                    Vec::new()
                } else {
                    let word = Token::make_keyword("AS");
                    vec![TokenWithSpan::new(word, span), TokenWithSpan::new(quoted(&table), span)]
                };
                tokens.splice(at..at + 4, replacement);
                versions.pinned.insert(pinned, (table, version));
            }
            at += 1;
        }
        versions
    }

    /// No versions, in a session where short names stand for what `names` says.
    pub fn among(names: Arc<Names>) -> Self {
        Self { pinned: HashMap::new(), names }
    }

    /// What the dotted name made of `parts` refers to.
    pub fn resolve(&self, parts: &[String]) -> TableRef {
        match self.names.resolve(parts) {
            TableRef::Table(TableRequest { name, at }) => TableRef::Table(match self.pinned.get(&*name.table) {
                Some((table, at)) => TableRequest { name: TableName { table: table.as_str().into(), ..name }, at: *at },
                None => TableRequest { name, at },
            }),
            other @ (TableRef::Local(_) | TableRef::TooLong(_)) => other,
        }
    }

    /// Every relation that `query` names, `WITH` queries included.
    pub fn relations_of(&self, query: &sqlparser::ast::Query) -> Vec<TableRef> {
        self.relations_in(query)
    }

    /// What short names stand for.
    pub(super) fn names(&self) -> &Arc<Names> {
        &self.names
    }

    /// Whether the statement reads a table at a version.
    pub(super) fn is_pinning(&self) -> bool {
        !self.pinned.is_empty()
    }

    /// Every name that `node` reads or writes, `WITH` queries included, in the order of first mention.
    pub(crate) fn relations_in<N: Visit>(&self, node: &N) -> Vec<TableRef> {
        let mut found = Vec::new();
        let flow = visit_relations(node, |name| {
            let relation = self.resolve(&fold_object_name(name));
            if !found.contains(&relation) {
                found.push(relation);
            }
            ControlFlow::<()>::Continue(())
        });
        debug_assert_eq!(flow, ControlFlow::Continue(()));
        found
    }
}

fn version_clause(tokens: &[TokenWithSpan]) -> Option<TableVersion> {
    let word = |index: usize| match &tokens[index].token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_ascii_uppercase()),
        _ => None,
    };
    if word(1)? != "AS" || word(2)? != "OF" {
        return None;
    }
    match (word(0)?.as_str(), &tokens[3].token) {
        ("VERSION", Token::Number(digits, _)) => digits.parse().ok().map(TableVersion::Number),
        ("TIMESTAMP", Token::SingleQuotedString(text)) => timestamp_ms(text).map(TableVersion::TimestampMs),
        _ => None,
    }
}

/// `2026-01-31`, `2026-01-31 12:00:00` (UTC) or RFC 3339.
pub(super) fn timestamp_ms(text: &str) -> Option<i64> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.timestamp_millis());
    }
    let instant = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"]
        .into_iter()
        .find_map(|format| NaiveDateTime::parse_from_str(text, format).ok())
        .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    Some(instant.and_utc().timestamp_millis())
}

fn describe(version: TableVersion) -> String {
    match version {
        TableVersion::Latest => String::new(),
        TableVersion::Number(number) => format!("VERSION AS OF {number}"),
        TableVersion::TimestampMs(ms) => format!("TIMESTAMP AS OF {ms}"),
    }
}

fn quoted(value: &str) -> Token {
    Token::Word(Word { value: value.to_owned(), quote_style: Some('"'), keyword: Keyword::NoKeyword })
}
