//! Why a record does not pass: rules, the first that holds.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};

use serde::Deserialize;

use super::{files, glob, record};

/// How a record did not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// An error, where there should have been an answer.
    Refused,
    /// An answer, where there should have been an error.
    Accepted,
    /// Columns of other types, or another number of them.
    Types,
    /// Other rows.
    Rows,
    /// The same rows in another order than asked for.
    Order,
    /// It was not asked, since its rule says what would come.
    Unasked,
}

/// A record that did not pass.
pub(super) struct Failed<'a> {
    /// The file's name.
    pub(super) file: &'a str,
    pub(super) sql: &'a str,
    pub(super) outcome: Outcome,
    /// The server's text, if it refused; what was answered, if it answered.
    pub(super) answer: &'a str,
}

/// One reason. All that it names must hold; of the texts of one key, one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// What `expected.toml` calls it.
    name: String,
    /// One sentence for readers; the first rule of a name has it.
    #[serde(default)]
    why: String,
    /// Such statements are not sent, unless an error is expected: what they answer is known not to be what the file
    /// wants.
    #[serde(default)]
    unasked: bool,
    /// How the statement begins.
    #[serde(default)]
    statement: Vec<String>,
    /// What the statement contains.
    #[serde(default)]
    contains: Vec<String>,
    /// What the server's text contains.
    #[serde(default)]
    error: Vec<String>,
    /// How it did not pass.
    #[serde(default)]
    outcome: Vec<Outcome>,
    /// In which files.
    #[serde(default)]
    files: Vec<String>,
    /// How often it held.
    #[serde(skip)]
    held: AtomicUsize,
}

/// `reasons.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reasons {
    /// Types that tables do not store as declared.
    pub(super) not_stored: Vec<String>,
    /// Statements with rows of equal keys.
    ties: Vec<String>,
    /// Settings that change answers, with the value that does not.
    pub(super) settings: BTreeMap<String, String>,
    reason: Vec<Rule>,
}

impl Reasons {
    pub(super) fn load() -> Self {
        let text = std::fs::read_to_string(files::folder().join("reasons.toml")).unwrap();
        toml::from_str(&text).unwrap_or_else(|error| panic!("reasons.toml: {error}"))
    }

    /// The reason that a record did not pass.
    pub(super) fn of(&self, failed: &Failed<'_>) -> Option<&str> {
        let sql = record::plain(failed.sql);
        let rule = self.reason.iter().find(|rule| rule.holds(failed, &sql))?;
        rule.held.fetch_add(1, Ordering::Relaxed);
        Some(&rule.name)
    }

    /// Whether the statement need not be sent.
    pub(super) fn unasked(&self, sql: &str) -> bool {
        let sql = record::plain(sql);
        let mut rules = self.reason.iter().filter(|rule| rule.unasked);
        rules.any(|rule| rule.statement.iter().any(|start| sql.starts_with(start)))
    }

    /// Whether rows in another order are as good: the statement asks for none, or one that leaves it open.
    pub(super) fn any_order(&self, sql: &str) -> bool {
        let sql = record::plain(sql);
        !record::is_ordered(&sql) || self.ties.contains(&sql)
    }

    /// Names with sentences, in the order of the file; a name may have several rules, the first has the sentence.
    pub(super) fn sentences(&self) -> Vec<(&str, &str)> {
        let mut seen = BTreeSet::new();
        let rules = self.reason.iter().filter(|rule| seen.insert(&rule.name));
        rules.map(|rule| (rule.name.as_str(), rule.why.as_str())).collect()
    }

    /// Rules that held nowhere: what they excuse is mended, or gone.
    pub(super) fn unused(&self) -> Vec<String> {
        let idle = self.reason.iter().filter(|rule| rule.held.load(Ordering::Relaxed) == 0);
        idle.map(|rule| format!("reasons.toml: a rule of `{}` holds nowhere: {rule:?}", rule.name)).collect()
    }
}

impl Rule {
    fn holds(&self, failed: &Failed<'_>, sql: &str) -> bool {
        let one = |texts: &[String], holds: &dyn Fn(&str) -> bool| texts.is_empty() || texts.iter().any(|t| holds(t));
        one(&self.statement, &|start| sql.starts_with(start))
            && one(&self.contains, &|part| sql.contains(part))
            && one(&self.error, &|part| failed.outcome == Outcome::Refused && failed.answer.contains(part))
            && one(&self.files, &|pattern| glob::matches(pattern, failed.file))
            && (self.outcome.is_empty() || self.outcome.contains(&failed.outcome))
    }
}
