//! One file, record by record.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use datafusion_sqllogictest::{df_value_validator, value_normalizer};
use sqllogictest::{Record, RecordOutput, Runner, TestError, TestErrorKind, parse_file, strict_column_validator};

use super::{
    client::Client,
    expected::Tally,
    files::TestFile,
    parts,
    reasons::{Failed, Outcome, Reasons},
    record,
    server::Server,
    tainted::Tainted,
};

/// What a file's records answered.
pub(super) struct FileRun {
    pub(super) name: String,
    pub(super) passed: usize,
    pub(super) not_passed: Vec<NotPassed>,
    pub(super) took: Duration,
}

/// A record that did not pass.
pub(super) struct NotPassed {
    /// The file's name and the line.
    pub(super) place: String,
    pub(super) sql: String,
    pub(super) outcome: Outcome,
    pub(super) answer: String,
    pub(super) expected: String,
    pub(super) reason: Option<String>,
}

impl FileRun {
    pub(super) fn tally(&self) -> Tally {
        let mut not_passed = BTreeMap::new();
        for record in &self.not_passed {
            let reason = record.reason.clone().unwrap_or_else(|| "unexplained".to_owned());
            *not_passed.entry(reason).or_default() += 1;
        }
        Tally { passed: self.passed, not_passed }
    }

    /// Records that no reason explains.
    pub(super) fn unexplained(&self) -> Vec<String> {
        let records = self.not_passed.iter().filter(|record| record.reason.is_none());
        records.map(|record| format!("no reason: {record}")).collect()
    }
}

impl std::fmt::Display for NotPassed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} {:?}\n{}", self.place, self.outcome, self.sql.trim())?;
        if !self.expected.is_empty() {
            writeln!(f, "---- expected\n{}", self.expected.trim_end())?;
        }
        writeln!(f, "---- found\n{}", self.answer.trim_end())
    }
}

/// Runs the file in a schema and a session of its own.
pub(super) async fn file(server: &Server, reasons: &Reasons, file: &TestFile) -> FileRun {
    let started = Instant::now();
    let schema = format!("slt_{}", file.name.trim_end_matches(".slt").replace('/', "_"));
    let mut runner = Runner::new(|| Client::connect(server, &schema));
    runner.with_column_validator(strict_column_validator);
    runner.with_normalizer(value_normalizer);
    runner.with_validator(df_value_validator);

    let mut run = FileRun { name: file.name.clone(), passed: 0, not_passed: Vec::new(), took: Duration::ZERO };
    let mut tainted = Tainted::new(reasons);
    let records = parse_file(&file.path).unwrap_or_else(|error| panic!("{}: {error}", file.name));
    for parsed in parts::without_idle_tables(records, &file.path.to_string_lossy()) {
        if matches!(parsed, Record::Halt { .. }) {
            break;
        }
        let Some((sql, location)) = record::statement(&parsed) else {
            runner.run_async(parsed).await.unwrap_or_else(|error| panic!("{}: {error}", file.name));
            continue;
        };
        let (sql, line) = (sql.to_owned(), location.line());
        let part = location.file().rsplit('/').next().unwrap_or_default().to_owned();
        let failure = if record::wants_an_answer(&parsed) && reasons.unasked(&sql) {
            Some((Outcome::Unasked, String::new(), String::new()))
        } else {
            match runner.run_async(parsed).await {
                // Not for this database, says the file.
                Ok(RecordOutput::Nothing) => continue,
                Ok(_) => None,
                Err(error) => failure(reasons, &sql, &error),
            }
        };
        let Some((outcome, expected, answer)) = failure else {
            tainted.passed(&sql);
            run.passed += 1;
            continue;
        };
        let failed = Failed { file: &file.name, sql: &sql, outcome, answer: &answer };
        let reason = reasons.of(&failed).map(str::to_owned);
        let reason = reason.or_else(|| tainted.reason(&sql, outcome).map(|root| format!("after {root}")));
        tainted.failed(&sql, reason.as_deref().unwrap_or("unexplained"));
        let place = if file.name.ends_with(&part) {
            format!("{}:{line}", file.name)
        } else {
            format!("{} ({part}:{line})", file.name)
        };
        run.not_passed.push(NotPassed { place, sql, outcome, answer, expected, reason });
    }
    run.took = started.elapsed();
    run
}

/// How the record did not pass, what it expected, and what it was answered; `None` if it did pass by our measure.
fn failure(reasons: &Reasons, sql: &str, error: &TestError) -> Option<(Outcome, String, String)> {
    match error.kind() {
        // An error was expected and came: its text is ours.
        TestErrorKind::ErrorMismatch { .. } => None,
        TestErrorKind::Ok { .. } => Some((Outcome::Accepted, "an error".to_owned(), String::new())),
        TestErrorKind::QueryResultColumnsMismatch { expected, actual, .. } => Some((Outcome::Types, expected, actual)),
        TestErrorKind::QueryResultMismatch { expected, actual, .. } => {
            let sorted = |text: &str| {
                let mut lines: Vec<_> = text.lines().map(|line| line.trim_end().to_owned()).collect();
                lines.sort();
                lines
            };
            let same = sorted(&expected) == sorted(&actual);
            if same && reasons.any_order(sql) {
                return None;
            }
            Some((if same { Outcome::Order } else { Outcome::Rows }, expected, actual))
        }
        TestErrorKind::StatementResultMismatch { expected, actual, .. } => {
            Some((Outcome::Rows, expected.to_string(), actual))
        }
        TestErrorKind::Fail { err, .. } => Some((Outcome::Refused, String::new(), err.to_string())),
        other => Some((Outcome::Refused, String::new(), other.to_string())),
    }
}
