//! What can be told from a record's text.

use datafusion_sqllogictest::DFColumnType;
use sqllogictest::{Location, QueryExpect, Record, StatementExpect};

/// The statement of a record that has one, and where it stands.
pub(super) fn statement(record: &Record<DFColumnType>) -> Option<(&str, &Location)> {
    match record {
        Record::Statement { sql, loc, .. } | Record::Query { sql, loc, .. } | Record::Let { sql, loc, .. } => {
            Some((sql, loc))
        }
        _ => None,
    }
}

/// Whether the record holds for every database and wants an answer, not an error.
pub(super) fn wants_an_answer(record: &Record<DFColumnType>) -> bool {
    match record {
        Record::Statement { conditions, expected, .. } => {
            conditions.is_empty() && !matches!(expected, StatementExpect::Error(_))
        }
        Record::Query { conditions, expected, .. } => {
            conditions.is_empty() && !matches!(expected, QueryExpect::Error(_))
        }
        _ => false,
    }
}

/// The text in lower case, on one line, without comments and the final semicolon.
pub(super) fn plain(sql: &str) -> String {
    let lines = sql.lines().map(|line| line.split_once("--").map_or(line, |(code, _)| code));
    let text = lines.collect::<Vec<_>>().join(" ").to_lowercase();
    let words: Vec<_> = text.trim().trim_end_matches(';').split_whitespace().collect();
    words.join(" ")
}

/// Whether the statement makes or drops something, which answers no rows.
pub(super) fn defines(sql: &str) -> bool {
    let text = plain(sql);
    ["create ", "drop ", "alter "].iter().any(|start| text.starts_with(start))
}

/// Whether the rows of the statement come in an order that it asks for: an `ORDER BY` outside of all parentheses.
pub(super) fn is_ordered(plain: &str) -> bool {
    let (mut depth, mut outside) = (0_usize, String::new());
    for character in plain.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            other if depth == 0 => outside.push(other),
            _ => {}
        }
    }
    outside.contains("order by")
}

/// The time zone that the statement sets, `None` within for the default; `None` if it is about something else.
pub(super) fn time_zone(sql: &str) -> Option<Option<String>> {
    const SETTING: &str = "datafusion.execution.time_zone";
    let text = plain(sql);
    if text == format!("reset {SETTING}") {
        return Some(None);
    }
    let names = ["set time zone", "set timezone", &format!("set {SETTING}")];
    names.iter().any(|name| text.starts_with(name)).then_some(())?;
    // The value in its own case: `Europe/Berlin`.
    let value = sql.trim().trim_end_matches(';').trim_end();
    let value = value.rsplit([' ', '=']).next()?.trim_matches(['\'', '"']);
    Some(Some(value.to_owned()))
}

#[test]
fn a_record_is_told_by_its_text() {
    assert_eq!(plain("-- why\nSELECT  a -- b\nFROM t;\n"), "select a from t");
    assert!(is_ordered("select a from (select 1) order by a limit 1"));
    assert!(!is_ordered("select array_agg(a order by b) from t"));
    assert_eq!(time_zone("SET TIME ZONE = 'Europe/Berlin';"), Some(Some("Europe/Berlin".to_owned())));
    assert_eq!(time_zone("RESET datafusion.execution.time_zone"), Some(None));
    assert_eq!(time_zone("SELECT 1"), None);
}
