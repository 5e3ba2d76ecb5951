//! Queries that are planned once and run with other values: they find what they would find by themselves, and are decided
//! about as if they had been planned anew.

use std::{path::Path, sync::Arc};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use futures::StreamExt;
use sluice_catalog::{AuditFilter, AuditRecord};
use sluice_engine::{EngineError, Outcome, Prepared, Session, SessionOptions};
use sluice_planner::{bind::Parameters, parse::parse};

use Runs::{AtOnce, Kept, Planned};

use crate::support::{ADMIN, TestHome, lines_of};

const SETUP: &str = "
CREATE SCHEMA lab; CREATE TAG pii; CREATE USER ana;
GRANT SELECT ON SCHEMA lab TO USER root; GRANT READ ON TAG unclassified TO USER root;
GRANT READ ON TAG pii TO USER root;
CREATE TABLE lab.t AS SELECT * FROM (VALUES
    (1, 'one', 1.5, DATE '2024-01-01', true), (2, 'two', 2.5, DATE '2024-02-01', false),
    (3, 'three', NULL, DATE '2024-03-01', NULL), (4, NULL, 4.5, NULL, true)) AS v (id, word, weight, day, flag);
CREATE TABLE lab.big AS SELECT v AS id, CAST(v % 7 AS INT) AS seven, 'word ' || v AS word
    FROM (SELECT unnest(range(0, 200000)) AS v);
CREATE TABLE lab.parts AS SELECT 1 AS id, 'one' AS word; INSERT INTO lab.parts VALUES (3, 'three'); INSERT INTO lab.parts VALUES (4, 'x');
CREATE TABLE lab.long AS SELECT v AS id, repeat('long ', 1000) AS text FROM (SELECT unnest(range(0, 100)) AS v);
CREATE TABLE lab.empty AS SELECT v AS id, '' AS one, CAST(NULL AS TEXT) AS two FROM (SELECT unnest(range(0, 8000)) AS v);
CREATE TABLE lab.lists AS SELECT 1 AS id, make_array(1, 2) AS list; INSERT INTO lab.lists SELECT 3, make_array(3);
CREATE VIEW lab.plain AS SELECT id, word FROM lab.t;
CREATE VIEW lab.odd AS SELECT id, word FROM lab.t WHERE id % 2 = 1;
SET TAG ON COLUMNS lab.t (id public, word pii, weight public, day public, flag public);
SET TAG ON COLUMNS lab.parts (id public, word public); SET TAG ON COLUMNS lab.long (id public, text public);
SET TAG ON COLUMNS lab.empty (id public, one public, two public); SET TAG ON COLUMNS lab.lists (id public, list public);
SET TAG ON COLUMNS lab.big (id public, seven public, word public);
GRANT SELECT ON SCHEMA lab TO USER ana; GRANT READ ON TAG pii TO USER ana;
";

async fn home() -> TestHome {
    let home = TestHome::empty().await;
    home.ok(ADMIN, SETUP).await;
    home
}

async fn session(home: &TestHome, who: &str) -> Session {
    let options = SessionOptions { principal: Some(who.to_owned()), ..SessionOptions::default() };
    home.engine.session(options).await.unwrap()
}

fn prepared(text: &str) -> Prepared {
    Prepared::new(parse(text).unwrap().pop().unwrap())
}

/// Announces and runs `prepared` with `row`, as a client does.
async fn execute(session: &Session, prepared: &Prepared, row: &[ScalarValue]) -> Result<Vec<String>, EngineError> {
    let values = Parameters::bound(&prepared.parsed().parameters, vec![row.to_vec()]);
    let before = session.described_before(prepared, Some(&values)).await;
    let described = session.describe_prepared(prepared, Some(&values)).await;
    if let Some(before) = before {
        assert!(described.as_ref().is_ok_and(|now| Arc::ptr_eq(&before, now)), "{:?}", described.err());
    }
    let described = described?;
    let outcome = match session.at_once(prepared, &[row.to_vec()]).await {
        Some(execution) => execution.run().await,
        None => session.clone().run_rows(prepared, vec![row.to_vec()], Path::new(".")).await,
    };
    let outcome = outcome?;
    let Outcome::Rows { schema, .. } = &outcome else { panic!("no rows") };
    let types = |schema: &arrow::datatypes::Schema| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    assert_eq!(types(&described.schema), types(schema), "what was announced of {}", prepared.parsed().text);
    lines(outcome).await
}

/// The rows of `outcome`.
async fn lines(outcome: Outcome) -> Result<Vec<String>, EngineError> {
    let Outcome::Rows { mut rows, .. } = outcome else { panic!("no rows") };
    let mut lines = Vec::new();
    while let Some(batch) = rows.next().await {
        lines.extend(lines_of(&batch.map_err(EngineError::from_stream)?));
    }
    Ok(lines)
}

/// What was written down about the statements of `who`, the last one first.
async fn records(home: &TestHome, who: &str) -> Vec<AuditRecord> {
    let filter = AuditFilter { principal: Some(who.into()), limit: Some(100) };
    home.engine.catalog().audit(&filter).await.unwrap()
}

/// Whether the last statement of `who` was analyzed when it ran.
async fn was_planned(home: &TestHome, who: &str) -> bool {
    records(home, who).await[0].analysis_us > 0
}

/// How a query runs for the second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Runs {
    /// By its plan, within the call.
    AtOnce,
    /// By its plan.
    Kept,
    /// Planned with its values.
    Planned,
}

fn written(value: &ScalarValue) -> String {
    match value {
        ScalarValue::Utf8(Some(text)) => format!("'{}'", text.replace('\'', "''")),
        value if value.is_null() => "NULL".to_owned(),
        ScalarValue::Date32(_) => format!("DATE '{value}'"),
        value => value.to_string(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_finds_what_it_would_find_if_it_were_written_out() {
    let home = home().await;
    let session = session(&home, ADMIN).await;
    let int = |value: i64| ScalarValue::Int64(Some(value));
    let text = |value: &str| ScalarValue::Utf8(Some(value.to_owned()));
    let day = |value: &str| ScalarValue::try_from_string(value.to_owned(), &DataType::Date32).unwrap();
    let ints: Vec<Vec<ScalarValue>> = [1, 3, 9, -1].map(|value| vec![int(value)]).to_vec();
    let with_null = |mut rows: Vec<Vec<ScalarValue>>, null: ScalarValue| {
        rows.insert(1, vec![null]);
        rows
    };
    let among = |count: i64| -> String {
        let others: String = (2..count).map(|other| format!(", {other}")).collect();
        format!("SELECT id FROM lab.t WHERE id IN ($1{others})")
    };
    let (some, many) = (among(20), among(40));
    let constant = format!("SELECT id FROM lab.t WHERE id = $1 AND id IN (1, 2, 3) OR word = '{}'", "x".repeat(5000));
    // How it runs, its text, and the values of one run after the other.
    let cases: Vec<(Runs, &str, Vec<Vec<ScalarValue>>)> = vec![
        (Kept, "SELECT * FROM lab.t WHERE id = $1 ORDER BY id", ints.clone()),
        (
            Kept,
            "SELECT id, id AS again, word AS \"Word\" FROM lab.t WHERE NOT id = $1 ORDER BY id DESC LIMIT 2",
            ints.clone(),
        ),
        (Kept, "SELECT id FROM lab.t WHERE id >= $1 AND (flag OR flag IS NULL) ORDER BY id", ints.clone()),
        (Kept, "SELECT id, 7 AS seven FROM lab.t AS x WHERE x.id <> $1 OR x.word IS NULL ORDER BY x.id", ints.clone()),
        (
            Kept,
            "SELECT id FROM lab.t WHERE id IN ($1, $2, 2) ORDER BY id",
            vec![vec![int(1), int(4)], vec![int(9), int(3)]],
        ),
        (
            Kept,
            "SELECT id FROM lab.t WHERE id > $2 AND id < $1 ORDER BY id",
            vec![vec![int(4), int(1)], vec![int(1), int(4)]],
        ),
        (
            Kept,
            "SELECT id FROM lab.t WHERE id BETWEEN $1 AND $2 ORDER BY id",
            vec![vec![int(1), int(3)], vec![int(3), int(1)]],
        ),
        (AtOnce, "SELECT id FROM lab.t WHERE word = $1", vec![vec![text("two")], vec![text("it's")], vec![text("")]]),
        (
            Kept,
            "SELECT id FROM lab.t WHERE day > $1 ORDER BY id",
            vec![vec![day("2024-01-15")], vec![day("2024-02-15")]],
        ),
        (
            Kept,
            "SELECT id FROM lab.t WHERE flag = $1 ORDER BY id",
            [true, false].map(|is| vec![ScalarValue::from(is)]).to_vec(),
        ),
        (
            Kept,
            "SELECT word FROM lab.big WHERE id = $1",
            [0, 199_999, 200_000, 77].map(|value| vec![int(value)]).to_vec(),
        ),
        (
            Kept,
            "SELECT id FROM lab.big WHERE word = $1",
            vec![vec![text("word 5")], vec![text("word 150000")], vec![text("x")]],
        ),
        (AtOnce, "SELECT word FROM lab.plain WHERE id = $1", ints.clone()),
        (AtOnce, "SELECT id FROM lab.t WHERE id = 3", vec![vec![], vec![]]),
        (AtOnce, "SELECT word AS w, id, day FROM lab.t AS x WHERE NOT x.id = $1 LIMIT 5", ints.clone()),
        (AtOnce, "SELECT word FROM lab.parts WHERE id = $1", ints.clone()),
        (AtOnce, "SELECT id FROM lab.t WHERE id IN ($1, 2) LIMIT 1 OFFSET 1", ints.clone()),
        (AtOnce, some.as_str(), ints.clone()),
        // What takes its time: many conditions or rows, long values, or an answer that is longer than what it is made of.
        (Kept, many.as_str(), ints.clone()),
        (Kept, "SELECT id, 'long' AS long FROM lab.t WHERE id = $1", ints.clone()),
        (Kept, "SELECT id, word, id AS again FROM lab.t WHERE id = $1", ints.clone()),
        (Kept, "SELECT id FROM lab.long WHERE id = $1", ints.clone()),
        (Kept, "SELECT id FROM lab.empty WHERE id = $1", ints.clone()),
        (Kept, "SELECT id FROM lab.lists WHERE id = $1", ints.clone()),
        (Kept, constant.as_str(), ints.clone()),
        (Kept, "SELECT id FROM lab.t WHERE word = $1", vec![vec![text(&"x".repeat(10_000))]; 2]),
        // A null is left to the optimizer, and the next value is looked up again.
        (AtOnce, "SELECT id FROM lab.t WHERE id = $1 OR id = 2", with_null(ints.clone(), ScalarValue::Int64(None))),
        (
            Kept,
            "SELECT id FROM lab.t WHERE word IS DISTINCT FROM $1 ORDER BY id",
            with_null(vec![vec![text("two")], vec![text("one")]], ScalarValue::Utf8(None)),
        ),
        // Here a value may change more than the rows that are found, or what is compared is computed.
        (Planned, "SELECT id FROM lab.odd WHERE id = $1", ints.clone()),
        (Planned, "SELECT id + $1 AS more FROM lab.t ORDER BY id", ints.clone()),
        (Planned, "SELECT $1 AS it FROM lab.t WHERE id = 1", ints.clone()),
        (Planned, "SELECT id FROM lab.t WHERE id + 1 = $1", ints.clone()),
        (AtOnce, "SELECT id FROM lab.t WHERE id = CAST($1 AS BIGINT)", vec![vec![text("2")], vec![text("3")]]),
        (Planned, "SELECT count(*) AS n FROM lab.t WHERE id < $1", ints.clone()),
        (Planned, "SELECT id FROM lab.t WHERE id IN (SELECT id FROM lab.t WHERE id > $1) ORDER BY id", ints.clone()),
        (Planned, "SELECT id FROM lab.t WHERE id = $1 UNION ALL SELECT 0 ORDER BY id", ints.clone()),
        (Planned, "SELECT id FROM lab.t ORDER BY id LIMIT $1", [2, 0, 3].map(|value| vec![int(value)]).to_vec()),
        (Planned, "SELECT id FROM lab.t WHERE day < now() AND id = $1", ints.clone()),
        (
            Kept,
            "SELECT id FROM lab.t WHERE $1 ORDER BY id",
            [true, false].map(|is| vec![ScalarValue::from(is)]).to_vec(),
        ),
    ];
    for (runs, query, rows) in cases {
        let prepared = prepared(query);
        for (run, row) in rows.iter().enumerate() {
            let mut text = query.to_owned();
            for (position, value) in row.iter().enumerate() {
                text = text.replace(&format!("${}", position + 1), &written(value));
            }
            let has_null = row.iter().any(ScalarValue::is_null);
            let at_once = session.at_once(&prepared, std::slice::from_ref(row)).await.is_some();
            // What is read for the first time is not in memory yet.
            if run > 0 || runs != AtOnce {
                assert_eq!(at_once, runs == AtOnce && !has_null, "run {run} of {query} with {row:?}");
            }
            let found = execute(&session, &prepared, row).await.unwrap_or_else(|error| panic!("{query}: {error}"));
            let planned = was_planned(&home, ADMIN).await;
            assert_eq!(found, home.ok(ADMIN, &text).await, "run {run} of {query} with {row:?}");
            assert_eq!(planned, runs == Planned || has_null, "run {run} of {query} with {row:?}");
            let outcome = session.clone().run_rows(&prepared, vec![row.clone()], Path::new(".")).await.unwrap();
            assert_eq!(lines(outcome).await.unwrap(), found, "handed over, run {run} of {query} with {row:?}");
            assert_eq!(was_planned(&home, ADMIN).await, planned, "handed over, run {run} of {query} with {row:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_another_type_make_another_plan() {
    let home = home().await;
    let session = session(&home, ADMIN).await;
    let prepared = prepared("SELECT word FROM lab.t WHERE id = $1");
    for _ in 0..2 {
        for value in [
            ScalarValue::Int64(Some(2)),
            ScalarValue::Utf8(Some("2".to_owned())),
            ScalarValue::Float64(Some(2.0)),
            ScalarValue::Int8(Some(2)),
            ScalarValue::Null,
        ] {
            let expected: &[&str] = if value.is_null() { &[] } else { &["two"] };
            assert_eq!(
                execute(&session, &prepared, std::slice::from_ref(&value)).await.unwrap(),
                expected,
                "{value:?}"
            );
        }
    }
}

/// What is announced and what is run, with another value, after each change.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_is_decided_about_at_the_next_execution() {
    let home = home().await;
    home.ok(ADMIN, "CREATE SERVICE bot; GRANT SELECT, CREATE ON SCHEMA lab TO SERVICE bot").await;
    home.ok("bot", "CREATE VIEW lab.bots AS SELECT id, word FROM lab.t").await;
    let mut session = session(&home, "ana").await;
    let table = prepared("SELECT word FROM lab.t WHERE id = $1");
    let view = prepared("SELECT word FROM lab.bots WHERE id = $1");
    let row = [ScalarValue::Int64(Some(1))];
    for prepared in [&table, &view] {
        for _ in 0..2 {
            assert_eq!(execute(&session, prepared, &row).await.unwrap(), ["one"]);
        }
        assert!(!was_planned(&home, "ana").await);
    }
    for (change, back) in [
        ("REVOKE READ ON TAG pii FROM USER ana", "GRANT READ ON TAG pii TO USER ana"),
        ("REVOKE SELECT ON SCHEMA lab FROM USER ana", "GRANT SELECT ON SCHEMA lab TO USER ana"),
        ("CREATE TAG secret; SET TAG ON COLUMN lab.t.id secret", "UNSET TAG ON COLUMN lab.t.id secret"),
        (
            "CREATE POLICY p AS CEDAR $$forbid (principal, action == Action::\"READ\", resource == Tag::\"pii\");$$",
            "DROP POLICY p",
        ),
    ] {
        for prepared in [&table, &view] {
            assert!(session.at_once(prepared, &[row.to_vec()]).await.is_some(), "before {change}");
        }
        home.ok(ADMIN, change).await;
        for prepared in [&table, &view] {
            assert!(session.at_once(prepared, &[row.to_vec()]).await.is_none(), "{change}");
            let failed = session.run_rows(prepared, vec![row.to_vec()], Path::new(".")).await.map(|_| ()).unwrap_err();
            assert!(matches!(failed, EngineError::Plan(_)), "{change}: {failed}");
            let failed = execute(&session, prepared, &row).await.unwrap_err();
            assert!(matches!(failed, EngineError::Plan(_)), "{change}: {failed}");
        }
        home.ok(ADMIN, back).await;
        for prepared in [&table, &view] {
            assert_eq!(execute(&session, prepared, &row).await.unwrap(), ["one"], "{back}");
        }
    }
    home.ok(ADMIN, "REVOKE SELECT ON SCHEMA lab FROM SERVICE bot").await;
    assert!(session.run_rows(&view, vec![row.to_vec()], Path::new(".")).await.is_err());
    execute(&session, &view, &row).await.unwrap_err();
    assert_eq!(
        execute(&session, &table, &row).await.unwrap(),
        ["one"],
        "the owner of a view is asked about the view only"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_execution_leaves_the_same_record() {
    let home = home().await;
    let session = session(&home, "ana").await;
    let prepared = prepared("SELECT word FROM lab.t WHERE id = $1");
    for value in 1..=3 {
        execute(&session, &prepared, &[ScalarValue::Int64(Some(value))]).await.unwrap();
    }
    home.ok("ana", "SELECT word FROM lab.t WHERE id = 1").await;
    let records = records(&home, "ana").await;
    assert_eq!(records.len(), 4);
    for record in &records {
        assert_eq!((&record.detail, record.rows), (&records[0].detail, Some(1)));
        assert!(record.detail.to_string().contains("pii"), "{}", record.detail);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_written_down_is_not_answered() {
    let home = home().await;
    let session = session(&home, "ana").await;
    let prepared = prepared("SELECT word FROM lab.t WHERE id = $1");
    let row = vec![ScalarValue::Int64(Some(1))];
    for _ in 0..2 {
        assert_eq!(execute(&session, &prepared, &row).await.unwrap(), ["one"]);
    }
    let execution = session.at_once(&prepared, std::slice::from_ref(&row)).await.unwrap();
    let another = session.at_once(&prepared, &[row]).await.unwrap();
    let written = records(&home, "ana").await.len();
    assert!(execution.run().await.is_ok());
    assert_eq!(records(&home, "ana").await.len(), written + 1, "before anybody has asked for a row");
    // The journal opens the store again, which is not there.
    home.engine.catalog().close().await;
    let store = home.engine.catalog().path();
    std::fs::rename(store, store.with_extension("away")).unwrap();
    assert!(another.run().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_session_with_the_statement_is_somebody_else() {
    let home = home().await;
    home.ok(ADMIN, "CREATE USER eve; GRANT SELECT ON SCHEMA lab TO USER eve").await;
    let (ana, mut eve) = (session(&home, "ana").await, session(&home, "eve").await);
    let prepared = Arc::new(prepared("SELECT word FROM lab.t WHERE id = $1"));
    let row = [ScalarValue::Int64(Some(1))];
    for _ in 0..2 {
        assert_eq!(execute(&ana, &prepared, &row).await.unwrap(), ["one"]);
    }
    assert!(ana.at_once(&prepared, &[row.to_vec()]).await.is_some());
    assert!(eve.at_once(&prepared, &[row.to_vec()]).await.is_none());
    assert!(eve.run_rows(&prepared, vec![row.to_vec()], Path::new(".")).await.is_err());
    assert!(execute(&eve, &prepared, &row).await.is_err());
    assert_eq!(execute(&ana, &prepared, &row).await.unwrap(), ["one"]);
}
