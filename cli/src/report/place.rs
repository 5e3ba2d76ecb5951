//! Where in a text the thing stands that an error is about, so that a caret can point at it.
//!
//! Nothing is decided here: a text that cannot be cut into words is pointed at as a whole.

use std::ops::Range;

use sluice_planner::{ColumnOrRows, Denial, DenialKind};
use sqlparser::{
    dialect::GenericDialect,
    tokenizer::{Token, Tokenizer, Word},
};

/// The byte at which a line and column stand, both from one, columns counted in characters; the end of the text for
/// places past it.
pub(crate) fn offset(text: &str, line: u64, column: u64) -> usize {
    let before = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let start = match before.checked_sub(1) {
        None => Some(0),
        Some(newline) => text.match_indices('\n').nth(newline).map(|(at, _)| at + 1),
    };
    let Some(start) = start else { return text.len() };
    let column = usize::try_from(column.saturating_sub(1)).unwrap_or(usize::MAX);
    text[start..].char_indices().nth(column).map_or(text.len(), |(byte, _)| start + byte)
}

/// The line and column at which a byte stands, both from one, columns counted in characters.
pub(crate) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rfind('\n').map_or(before, |newline| &before[newline + 1..]);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Where the statement at `statement` names what was refused: the column or object itself, else the `*` that stands
/// for it, else the statement's first word.
pub(crate) fn denied(denial: &Denial, text: &str, statement: &Range<usize>) -> Range<usize> {
    let tokens = tokens(text.get(statement.clone()).unwrap_or_default());
    let name = name(&denial.kind);
    let named = name.and_then(|name| tokens.iter().find(|token| token.is(&name)));
    let star =
        || matches!(denial.kind, DenialKind::Tag { .. }).then(|| tokens.iter().find(|token| token.star)).flatten();
    let place = named.or_else(star).or(tokens.first()).map_or(0..0, |token| token.place.clone());
    statement.start + place.start..statement.start + place.end
}

/// The last part of the name of what was refused, as it would be stored.
fn name(kind: &DenialKind) -> Option<String> {
    match kind {
        DenialKind::Tag { column: ColumnOrRows::Column(column), .. } | DenialKind::Column { column, .. } => {
            Some(column.column.to_string())
        }
        DenialKind::Tag { column: ColumnOrRows::Rows(table) | ColumnOrRows::Hidden(table), .. } => {
            Some(table.table.to_string())
        }
        DenialKind::Object { object, .. } => tokens(object).into_iter().rev().find_map(|token| token.name),
        DenialKind::Administer => None,
    }
}

struct Placed {
    place: Range<usize>,
    /// The identifier, folded to lower case unless it is quoted.
    name: Option<String>,
    /// Whether this is a `*` that stands for columns.
    star: bool,
}

impl Placed {
    fn is(&self, name: &str) -> bool {
        self.name.as_deref() == Some(name)
    }
}

fn tokens(text: &str) -> Vec<Placed> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location() else { return Vec::new() };
    let mut selects = false;
    tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
        .map(|token| {
            let at = |location: sqlparser::tokenizer::Location| offset(text, location.line, location.column);
            let star = token.token == Token::Mul && selects;
            selects = match &token.token {
                Token::Comma | Token::Period => true,
                Token::Word(word) => ["select", "distinct", "all"].contains(&folded(word).as_str()),
                _ => false,
            };
            let name = match &token.token {
                Token::Word(word) => Some(folded(word)),
                _ => None,
            };
            Placed { place: at(token.span.start)..at(token.span.end), name, star }
        })
        .collect()
}

fn folded(word: &Word) -> String {
    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use sluice_model::{Flow, TableAction, TableName, TagAction};
    use sluice_planner::ObjectReason;

    use super::*;

    fn denial(kind: DenialKind) -> Denial {
        Denial { kind, principal: "ana".into(), path: Vec::new(), hint: None, policies: Vec::new() }
    }

    fn tag(column: ColumnOrRows) -> Denial {
        let Ok(tag) = "special_category.race".parse() else { panic!("a tag") };
        denial(DenialKind::Tag { column, tag, action: TagAction::Read, flow: Flow::Direct, output: None })
    }

    fn race() -> Denial {
        tag(ColumnOrRows::Column(TableName::new("census", "adult").column("race")))
    }

    /// The text with the place that is pointed at in brackets.
    fn pointed(denial: &Denial, text: &str) -> String {
        let place = denied(denial, text, &(0..text.len()));
        format!("{}[{}]{}", &text[..place.start], &text[place.clone()], &text[place.end..])
    }

    #[test]
    fn a_column_is_pointed_at_where_it_is_first_named() {
        assert_eq!(
            pointed(&race(), "SELECT 'race', a.RACE FROM census.adult a"),
            "SELECT 'race', a.[RACE] FROM census.adult a"
        );
        assert_eq!(pointed(&race(), "SELECT 1 -- race\nORDER BY race"), "SELECT 1 -- race\nORDER BY [race]");
    }

    #[test]
    fn a_quoted_name_is_compared_as_it_is_written() {
        assert_eq!(pointed(&race(), r#"SELECT "Race", "race""#), r#"SELECT "Race", ["race"]"#);
    }

    #[test]
    fn a_column_that_is_not_named_is_pointed_at_in_its_star() {
        assert_eq!(pointed(&race(), "SELECT count(*), 2 * 3, a.* FROM t a"), "SELECT count(*), 2 * 3, a.[*] FROM t a");
        assert_eq!(pointed(&race(), "SELECT * FROM t"), "SELECT [*] FROM t");
    }

    #[test]
    fn what_is_not_named_at_all_is_pointed_at_in_the_first_word() {
        assert_eq!(pointed(&race(), "TABLE census.adult"), "[TABLE] census.adult");
        assert_eq!(pointed(&denial(DenialKind::Administer), "CREATE USER bob"), "[CREATE] USER bob");
    }

    #[test]
    fn rows_and_objects_are_pointed_at_in_the_name_of_the_table() {
        let rows = tag(ColumnOrRows::Rows(TableName::new("census", "adult")));
        assert_eq!(pointed(&rows, "SELECT 1 FROM census.adult"), "SELECT 1 FROM census.[adult]");
        let object = denial(DenialKind::Object {
            object: "census.adult".into(),
            action: TableAction::Select,
            reason: ObjectReason::NotGranted,
        });
        assert_eq!(pointed(&object, "SELECT 1 FROM census.adult"), "SELECT 1 FROM census.[adult]");
    }

    #[test]
    fn only_the_statement_itself_is_searched() {
        let text = "SELECT race; SELECT race";
        assert_eq!(denied(&race(), text, &(13..24)), 20..24);
    }

    #[test]
    fn places_are_counted_in_characters() {
        let text = "select 'größe',\n  ü x";
        let x = text.len() - 1;
        assert_eq!((offset(text, 2, 5), line_column(text, x)), (x, (2, 5)));
        assert_eq!(offset(text, 9, 1), text.len());
    }
}
