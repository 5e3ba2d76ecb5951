//! What is not as the file wants it, because a record before did not pass.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    reasons::{Outcome, Reasons},
    record,
};

/// Tables, views and prepared statements by name, each with the reason of the record that did not pass, and the
/// settings that were asked for in vain.
pub(super) struct Tainted<'a> {
    reasons: &'a Reasons,
    names: BTreeMap<String, String>,
    settings: BTreeSet<String>,
}

/// Tables of types that are not stored as declared.
const TYPES: &str = "types";
const SETTINGS: &str = "settings";

impl<'a> Tainted<'a> {
    /// Nothing yet.
    pub(super) fn new(reasons: &'a Reasons) -> Self {
        Self { reasons, names: BTreeMap::new(), settings: BTreeSet::new() }
    }

    /// Why what the statement stands on is not as the file wants it.
    pub(super) fn reason(&self, sql: &str, outcome: Outcome) -> Option<&str> {
        let text = record::plain(sql);
        let named = words(&text).filter_map(|word| self.names.get(word)).find(|reason| {
            // A table of other types is there and can be read: to refuse that has another reason.
            reason.as_str() != TYPES || outcome != Outcome::Refused || self.missing(&text)
        });
        named.map(String::as_str).or_else(|| (!self.settings.is_empty()).then_some(SETTINGS))
    }

    /// Whether the text names a table that could not be made at all.
    fn missing(&self, text: &str) -> bool {
        words(text).any(|word| self.names.contains_key(&format!("{word} missing")))
    }

    /// A record that did not pass: what it was to make or change is not as the file wants it.
    pub(super) fn failed(&mut self, sql: &str, reason: &str) {
        let text = record::plain(sql);
        self.set(&text);
        if let Some(target) = target(&text) {
            let root = reason.strip_prefix("after ").unwrap_or(reason);
            if text.starts_with("create") {
                self.names.insert(format!("{target} missing"), String::new());
            }
            self.names.entry(target).or_insert_with(|| root.to_owned());
        }
    }

    /// A record that passed: what it made is as wrong as what it was made from, and as right.
    pub(super) fn passed(&mut self, sql: &str) {
        let text = record::plain(sql);
        let Some(target) = target(&text) else { return };
        if text.starts_with("create") || text.starts_with("drop") {
            self.names.remove(&target);
            self.names.remove(&format!("{target} missing"));
        }
        if text.starts_with("drop") {
            return;
        }
        let from = words(&text).find_map(|word| self.names.get(word)).cloned();
        let other_types =
            text.starts_with("create") && self.reasons.not_stored.iter().any(|of_type| text.contains(of_type.as_str()));
        let root = from
            .or_else(|| other_types.then(|| TYPES.to_owned()))
            .or_else(|| (!self.settings.is_empty()).then(|| SETTINGS.to_owned()));
        if let Some(root) = root {
            self.names.insert(target, root);
        }
    }

    /// A setting that was asked for in vain, or is wanted back as it is.
    fn set(&mut self, text: &str) {
        let Some(rest) = text.strip_prefix("set ").or_else(|| text.strip_prefix("reset ")) else { return };
        let rest = match rest.strip_prefix("time zone").or_else(|| rest.strip_prefix("timezone")) {
            Some(zone) => format!("datafusion.execution.time_zone{zone}"),
            None => rest.to_owned(),
        };
        let Some(name) = rest.split([' ', '=']).next() else { return };
        let Some(unchanged) = self.reasons.settings.get(name) else { return };
        let value = rest[name.len()..].trim_matches([' ', '=', '\'', '"']);
        let value = value.strip_prefix("to ").unwrap_or(value).trim_matches([' ', '\'', '"']);
        if value.is_empty() || value == unchanged {
            self.settings.remove(name);
        } else {
            self.settings.insert(name.to_owned());
        }
    }
}

/// What the statement makes or changes.
pub(super) fn target(plain: &str) -> Option<String> {
    const BEFORE: [&str; 24] = [
        "create",
        "or",
        "replace",
        "unbounded",
        "external",
        "temp",
        "temporary",
        "table",
        "view",
        "function",
        "if",
        "not",
        "exists",
        "insert",
        "into",
        "overwrite",
        "update",
        "delete",
        "from",
        "truncate",
        "drop",
        "merge",
        "alter",
        "prepare",
    ];
    const STATEMENTS: [&str; 9] =
        ["create", "insert", "update", "delete", "truncate", "drop", "merge", "alter", "prepare"];
    // `SELECT … INTO name` makes a table as well.
    if plain.starts_with("select ") {
        let (_, after) = plain.split_once(" into ")?;
        return words(after).next().map(str::to_owned);
    }
    let first = plain.split(' ').next()?;
    if !STATEMENTS.contains(&first) {
        return None;
    }
    let name = plain.split(' ').find(|word| !BEFORE.contains(word))?;
    let name = name.split(['(', ';']).next()?;
    words(name).last().map(str::to_owned)
}

/// Names and keywords, without quotes.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !(character.is_alphanumeric() || character == '_')).filter(|word| !word.is_empty())
}

#[test]
fn what_stands_on_a_failed_record_is_known() {
    let reasons = Reasons::load();
    let mut tainted = Tainted::new(&reasons);
    let read = |tainted: &Tainted<'_>, table: &str| {
        tainted.reason(&format!("SELECT a FROM {table}"), Outcome::Rows).map(str::to_owned)
    };
    tainted.failed("CREATE EXTERNAL TABLE IF NOT EXISTS s.\"T\" (a INT) STORED AS CSV LOCATION 'x'", "columns");
    assert_eq!(read(&tainted, "t").as_deref(), Some("columns"));
    assert_eq!(read(&tainted, "tt"), None);
    tainted.passed("CREATE TABLE u AS SELECT * FROM t");
    assert_eq!(read(&tainted, "u").as_deref(), Some("columns"));
    tainted.failed("INSERT INTO v VALUES (1)", "after columns");
    assert_eq!(read(&tainted, "v").as_deref(), Some("columns"));
    tainted.passed("DROP TABLE t");
    tainted.passed("CREATE TABLE t AS VALUES (1)");
    assert_eq!(read(&tainted, "t"), None);
    tainted.passed("CREATE TABLE w (a INT UNSIGNED)");
    assert_eq!(read(&tainted, "w").as_deref(), Some("types"));
    assert_eq!(tainted.reason("SELECT a FROM w", Outcome::Refused), None);
}

#[test]
fn a_setting_counts_until_it_is_back() {
    let reasons = Reasons::load();
    let mut tainted = Tainted::new(&reasons);
    tainted.failed("SET datafusion.sql_parser.dialect = 'DuckDB';", "settings");
    assert_eq!(tainted.reason("SELECT 1", Outcome::Rows), Some("settings"));
    tainted.failed("set datafusion.sql_parser.dialect to 'generic'", "settings");
    tainted.failed("SET TIME ZONE = '+08:00'", "settings");
    tainted.failed("RESET datafusion.execution.time_zone", "settings");
    tainted.failed("SET datafusion.execution.batch_size = 1", "settings");
    assert_eq!(tainted.reason("SELECT 1", Outcome::Rows), None);
}
