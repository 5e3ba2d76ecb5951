//! Queries that are planned once and run with other values: they find what they would find by themselves, and are decided
//! about as if they had been planned anew.

use std::{path::Path, sync::Arc};

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use futures::StreamExt;
use sluice_catalog::{AuditFilter, AuditRecord};
use sluice_engine::{EngineError, Outcome, Prepared, Session, SessionOptions};
use sluice_planner::{bind::Parameters, parse::parse};

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
CREATE VIEW lab.plain AS SELECT id, word FROM lab.t;
CREATE VIEW lab.odd AS SELECT id, word FROM lab.t WHERE id % 2 = 1;
SET TAG ON COLUMNS lab.t (id public, word pii, weight public, day public, flag public);
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
async fn execute(session: &mut Session, prepared: &Prepared, row: &[ScalarValue]) -> Result<Vec<String>, EngineError> {
    let values = Parameters::bound(&prepared.parsed().parameters, vec![row.to_vec()]);
    let before = session.described_before(prepared, Some(&values)).await;
    let described = session.describe_prepared(prepared, Some(&values)).await;
    if let Some(before) = before {
        assert!(described.as_ref().is_ok_and(|now| Arc::ptr_eq(&before, now)), "{:?}", described.err());
    }
    let described = described?;
    let Outcome::Rows { schema, mut rows } = session.run_rows(prepared, vec![row.to_vec()], Path::new(".")).await?
    else {
        panic!("no rows");
    };
    let types = |schema: &arrow::datatypes::Schema| -> Vec<(String, DataType)> {
        schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect()
    };
    assert_eq!(types(&described.schema), types(&schema), "what was announced of {}", prepared.parsed().text);
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
    let mut session = session(&home, ADMIN).await;
    let int = |value: i64| ScalarValue::Int64(Some(value));
    let text = |value: &str| ScalarValue::Utf8(Some(value.to_owned()));
    let day = |value: &str| ScalarValue::try_from_string(value.to_owned(), &DataType::Date32).unwrap();
    let ints: Vec<Vec<ScalarValue>> = [1, 3, 9, -1].map(|value| vec![int(value)]).to_vec();
    let with_null = |mut rows: Vec<Vec<ScalarValue>>, null: ScalarValue| {
        rows.insert(1, vec![null]);
        rows
    };
    // Whether it is a lookup, its text, and the values of one run after the other.
    let cases: Vec<(bool, &str, Vec<Vec<ScalarValue>>)> = vec![
        (true, "SELECT * FROM lab.t WHERE id = $1 ORDER BY id", ints.clone()),
        (
            true,
            "SELECT id, id AS again, word AS \"Word\" FROM lab.t WHERE NOT id = $1 ORDER BY id DESC LIMIT 2",
            ints.clone(),
        ),
        (true, "SELECT id FROM lab.t WHERE id >= $1 AND (flag OR flag IS NULL) ORDER BY id", ints.clone()),
        (true, "SELECT id, 7 AS seven FROM lab.t AS x WHERE x.id <> $1 OR x.word IS NULL ORDER BY x.id", ints.clone()),
        (
            true,
            "SELECT id FROM lab.t WHERE id IN ($1, $2, 2) ORDER BY id",
            vec![vec![int(1), int(4)], vec![int(9), int(3)]],
        ),
        (
            true,
            "SELECT id FROM lab.t WHERE id > $2 AND id < $1 ORDER BY id",
            vec![vec![int(4), int(1)], vec![int(1), int(4)]],
        ),
        (
            true,
            "SELECT id FROM lab.t WHERE id BETWEEN $1 AND $2 ORDER BY id",
            vec![vec![int(1), int(3)], vec![int(3), int(1)]],
        ),
        (true, "SELECT id FROM lab.t WHERE word = $1", vec![vec![text("two")], vec![text("it's")], vec![text("")]]),
        (
            true,
            "SELECT id FROM lab.t WHERE day > $1 ORDER BY id",
            vec![vec![day("2024-01-15")], vec![day("2024-02-15")]],
        ),
        (
            true,
            "SELECT id FROM lab.t WHERE flag = $1 ORDER BY id",
            [true, false].map(|is| vec![ScalarValue::from(is)]).to_vec(),
        ),
        (
            true,
            "SELECT word FROM lab.big WHERE id = $1",
            [0, 199_999, 200_000, 77].map(|value| vec![int(value)]).to_vec(),
        ),
        (
            true,
            "SELECT id FROM lab.big WHERE word = $1",
            vec![vec![text("word 5")], vec![text("word 150000")], vec![text("x")]],
        ),
        (true, "SELECT word FROM lab.plain WHERE id = $1", ints.clone()),
        (true, "SELECT id FROM lab.t WHERE id = 3", vec![vec![], vec![]]),
        // A null is left to the optimizer, and the next value is looked up again.
        (true, "SELECT id FROM lab.t WHERE id = $1 OR id = 2", with_null(ints.clone(), ScalarValue::Int64(None))),
        (
            true,
            "SELECT id FROM lab.t WHERE word IS DISTINCT FROM $1 ORDER BY id",
            with_null(vec![vec![text("two")], vec![text("one")]], ScalarValue::Utf8(None)),
        ),
        // Here a value may change more than the rows that are found, or what is compared is computed.
        (false, "SELECT id FROM lab.odd WHERE id = $1", ints.clone()),
        (false, "SELECT id + $1 AS more FROM lab.t ORDER BY id", ints.clone()),
        (false, "SELECT $1 AS it FROM lab.t WHERE id = 1", ints.clone()),
        (false, "SELECT id FROM lab.t WHERE id + 1 = $1", ints.clone()),
        (true, "SELECT id FROM lab.t WHERE id = CAST($1 AS BIGINT)", vec![vec![text("2")], vec![text("3")]]),
        (false, "SELECT count(*) AS n FROM lab.t WHERE id < $1", ints.clone()),
        (false, "SELECT id FROM lab.t WHERE id IN (SELECT id FROM lab.t WHERE id > $1) ORDER BY id", ints.clone()),
        (false, "SELECT id FROM lab.t WHERE id = $1 UNION ALL SELECT 0 ORDER BY id", ints.clone()),
        (false, "SELECT id FROM lab.t ORDER BY id LIMIT $1", [2, 0, 3].map(|value| vec![int(value)]).to_vec()),
        (false, "SELECT id FROM lab.t WHERE day < now() AND id = $1", ints.clone()),
        (
            true,
            "SELECT id FROM lab.t WHERE $1 ORDER BY id",
            [true, false].map(|is| vec![ScalarValue::from(is)]).to_vec(),
        ),
    ];
    for (is_lookup, query, rows) in cases {
        let prepared = prepared(query);
        for (run, row) in rows.iter().enumerate() {
            let mut text = query.to_owned();
            for (position, value) in row.iter().enumerate() {
                text = text.replace(&format!("${}", position + 1), &written(value));
            }
            let found = execute(&mut session, &prepared, row).await.unwrap_or_else(|error| panic!("{query}: {error}"));
            let planned = was_planned(&home, ADMIN).await;
            assert_eq!(found, home.ok(ADMIN, &text).await, "run {run} of {query} with {row:?}");
            let has_null = row.iter().any(ScalarValue::is_null);
            assert_eq!(planned, !is_lookup || has_null, "run {run} of {query} with {row:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_of_another_type_make_another_plan() {
    let home = home().await;
    let mut session = session(&home, ADMIN).await;
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
                execute(&mut session, &prepared, std::slice::from_ref(&value)).await.unwrap(),
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
            assert_eq!(execute(&mut session, prepared, &row).await.unwrap(), ["one"]);
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
        home.ok(ADMIN, change).await;
        for prepared in [&table, &view] {
            let failed = session.run_rows(prepared, vec![row.to_vec()], Path::new(".")).await.map(|_| ()).unwrap_err();
            assert!(matches!(failed, EngineError::Plan(_)), "{change}: {failed}");
            let failed = execute(&mut session, prepared, &row).await.unwrap_err();
            assert!(matches!(failed, EngineError::Plan(_)), "{change}: {failed}");
        }
        home.ok(ADMIN, back).await;
        for prepared in [&table, &view] {
            assert_eq!(execute(&mut session, prepared, &row).await.unwrap(), ["one"], "{back}");
        }
    }
    home.ok(ADMIN, "REVOKE SELECT ON SCHEMA lab FROM SERVICE bot").await;
    assert!(session.run_rows(&view, vec![row.to_vec()], Path::new(".")).await.is_err());
    execute(&mut session, &view, &row).await.unwrap_err();
    assert_eq!(
        execute(&mut session, &table, &row).await.unwrap(),
        ["one"],
        "the owner of a view is asked about the view only"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_execution_leaves_the_same_record() {
    let home = home().await;
    let mut session = session(&home, "ana").await;
    let prepared = prepared("SELECT word FROM lab.t WHERE id = $1");
    for value in 1..=3 {
        execute(&mut session, &prepared, &[ScalarValue::Int64(Some(value))]).await.unwrap();
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
async fn another_session_with_the_statement_is_somebody_else() {
    let home = home().await;
    home.ok(ADMIN, "CREATE USER eve; GRANT SELECT ON SCHEMA lab TO USER eve").await;
    let (mut ana, mut eve) = (session(&home, "ana").await, session(&home, "eve").await);
    let prepared = Arc::new(prepared("SELECT word FROM lab.t WHERE id = $1"));
    let row = [ScalarValue::Int64(Some(1))];
    assert_eq!(execute(&mut ana, &prepared, &row).await.unwrap(), ["one"]);
    assert!(eve.run_rows(&prepared, vec![row.to_vec()], Path::new(".")).await.is_err());
    assert!(execute(&mut eve, &prepared, &row).await.is_err());
    assert_eq!(execute(&mut ana, &prepared, &row).await.unwrap(), ["one"]);
}
