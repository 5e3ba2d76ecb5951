//! Where in a text the thing stands that an error is about, so that a caret can point at it.
//!
//! Nothing is decided here: a text that cannot be cut into words is pointed at as a whole.

use std::ops::Range;

use sluice_model::TableName;
use sluice_planner::{ColumnOrRows, Denial, DenialKind};
use sqlparser::{
    dialect::GenericDialect,
    tokenizer::{Location, Token, Tokenizer, Word},
};

/// The byte at which a line and column stand, both from one, columns counted in characters; the end of the text for
/// places past it.
pub(super) fn offset(text: &str, line: u64, column: u64) -> usize {
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
pub(super) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rfind('\n').map_or(before, |newline| &before[newline + 1..]);
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

/// Where the statement at `statement` names what was refused: the column, tag or object itself, else the `*` that
/// stands for it, else the statement's first word.
pub(super) fn denied(denial: &Denial, text: &str, statement: &Range<usize>) -> Range<usize> {
    let tokens = tokens(text.get(statement.clone()).unwrap_or_default());
    let name = name(&denial.kind);
    let star = || matches!(denial.kind, DenialKind::Tag { .. }).then(|| star(&tokens)).flatten();
    let first = || tokens.first().map(|token| token.place.clone());
    let place = named(&tokens, &name).or_else(star).or_else(first).unwrap_or_default();
    statement.start + place.start..statement.start + place.end
}

/// Where the statement at `statement` first writes out `name`, whose parts are joined by periods.
pub(super) fn mentioned(name: &str, text: &str, statement: &Range<usize>) -> Option<Range<usize>> {
    let tokens = tokens(text.get(statement.clone()).unwrap_or_default());
    let place = named(&tokens, &names(name))?;
    Some(statement.start + place.start..statement.start + place.end)
}

/// The parts of the name of what was refused, as statements write it.
fn name(kind: &DenialKind) -> Vec<String> {
    let table = |table: &TableName| vec![table.schema.as_str().to_owned(), table.table.to_string()];
    match kind {
        DenialKind::Tag { column: ColumnOrRows::Column(column), .. } | DenialKind::Column { column, .. } => {
            vec![column.column.to_string()]
        }
        DenialKind::Tag { column: ColumnOrRows::Rows(name) | ColumnOrRows::Hidden(name), .. } => table(name),
        DenialKind::Object { object, .. } => names(object),
        DenialKind::Classify { tag } => names(tag.as_str()),
        DenialKind::Administer => Vec::new(),
    }
}

fn names(dotted: &str) -> Vec<String> {
    tokens(dotted)
        .into_iter()
        .filter_map(|token| match token.kind {
            Kind::Name(name) => Some(name),
            Kind::Period | Kind::Comma | Kind::Star | Kind::Other => None,
        })
        .collect()
}

/// The first place where `name` is written out, its parts joined by periods.
fn named(tokens: &[Placed], name: &[String]) -> Option<Range<usize>> {
    let wanted: Vec<_> = name.iter().flat_map(|part| [Kind::Period, Kind::Name(part.clone())]).skip(1).collect();
    let found = tokens
        .windows(wanted.len().max(1))
        .find(|window| !wanted.is_empty() && window.iter().map(|token| &token.kind).eq(&wanted))?;
    Some(found.first()?.place.start..found.last()?.place.end)
}

/// The first `*` that stands for columns and does not multiply or count.
fn star(tokens: &[Placed]) -> Option<Range<usize>> {
    let selects = |kind: &Kind| match kind {
        Kind::Period | Kind::Comma => true,
        Kind::Name(word) => ["select", "distinct", "all"].contains(&word.as_str()),
        Kind::Star | Kind::Other => false,
    };
    tokens
        .windows(2)
        .find(|pair| pair[1].kind == Kind::Star && selects(&pair[0].kind))
        .map(|pair| pair[1].place.clone())
}

struct Placed {
    place: Range<usize>,
    kind: Kind,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind {
    /// An identifier, folded to lower case unless it is quoted.
    Name(String),
    Period,
    Comma,
    /// A `*`.
    Star,
    Other,
}

fn tokens(text: &str) -> Vec<Placed> {
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, text).tokenize_with_location() else { return Vec::new() };
    let at = |location: Location| offset(text, location.line, location.column);
    tokens
        .into_iter()
        .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
        .map(|token| {
            let kind = match &token.token {
                Token::Word(word) => Kind::Name(folded(word)),
                Token::Period => Kind::Period,
                Token::Comma => Kind::Comma,
                Token::Mul => Kind::Star,
                _ => Kind::Other,
            };
            Placed { place: at(token.span.start)..at(token.span.end), kind }
        })
        .collect()
}

fn folded(word: &Word) -> String {
    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() }
}

#[cfg(test)]
mod tests {
    use sluice_model::{Flow, TableAction, TagAction};
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
        assert_eq!(pointed(&rows, "SELECT 1 FROM census.adult"), "SELECT 1 FROM [census.adult]");
        let object = denial(DenialKind::Object {
            object: "census.adult".into(),
            action: TableAction::Select,
            reason: ObjectReason::NotGranted,
        });
        assert_eq!(pointed(&object, "SELECT 1 FROM census.adult"), "SELECT 1 FROM [census.adult]");
    }

    #[test]
    fn a_tag_is_pointed_at_where_it_is_written_out() {
        let Ok(tag) = "pii.email".parse() else { panic!("a tag") };
        let denial = denial(DenialKind::Classify { tag });
        let text = "SET TAG ON COLUMN crm.users.email pii.email";
        assert_eq!(pointed(&denial, text), "SET TAG ON COLUMN crm.users.email [pii.email]");
    }

    #[test]
    fn a_name_is_found_where_all_of_it_stands() {
        let text = "SELECT t FROM s.u JOIN s.\"T\" JOIN S.t";
        let found = |name| mentioned(name, text, &(0..text.len())).map(|place| &text[place]);
        assert_eq!(
            [found("s.t"), found("s.\"T\""), found("s.x"), found("")],
            [Some("S.t"), Some("s.\"T\""), None, None]
        );
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
