//! Views: names for queries, read on behalf of their owners, released to their readers.

use std::sync::Arc;

use arrow::{
    array::{ArrayRef, DictionaryArray, Int32Array, Int64Array, RecordBatch},
    datatypes::Int32Type,
};
use datafusion::parquet::arrow::ArrowWriter;

use crate::support::{ADMIN, TestHome};

async fn home() -> TestHome {
    let home = TestHome::new().await;
    home.ok(
        "bot",
        "CREATE VIEW lab.v AS SELECT city, upper(race) AS r FROM crm.people WHERE age > 30;
         CREATE VIEW lab.w AS SELECT r, count(*) AS n FROM lab.v GROUP BY r",
    )
    .await;
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_flow_through_views_over_views() {
    let home = home().await;
    assert_eq!(home.ok("ana", "SELECT city FROM lab.v ORDER BY city").await, ["Kiel", "Rome", "Rome"]);
    assert_eq!(home.denied("ana", "SELECT r FROM lab.v").await, ["crm.people.race special.race READ"]);
    assert_eq!(home.denied("ana", "SELECT n FROM lab.w").await, ["crm.people.race special.race USE"]);
    assert_eq!(home.ok("uma", "SELECT n FROM lab.w").await.len(), 3);
    assert_eq!(home.ok("rae", "SELECT r, n FROM lab.w ORDER BY r NULLS LAST").await, ["A|1", "B|1", "|1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_needs_nothing_on_what_lies_behind_a_view_but_its_tags() {
    let home = home().await;
    home.ok(ADMIN, "GRANT SELECT ON TABLE lab.v TO USER eve; GRANT USE ON TAG personal TO USER eve").await;
    assert_eq!(home.ok("eve", "SELECT city FROM lab.v ORDER BY city").await, ["Kiel", "Rome", "Rome"]);
    assert_eq!(
        home.error("eve", "SELECT city FROM crm.people").await,
        "table `crm.people` does not exist or is not visible"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_behind_a_view_does_not_name_what_may_not_be_known() {
    let home = home().await;
    home.ok(ADMIN, "GRANT SELECT ON TABLE lab.v TO USER eve").await;
    for text in ["SELECT r FROM lab.v", "EXPLAIN SELECT r FROM lab.v", "SELECT nothing FROM lab.v"] {
        let error = home.run("eve", text).await.unwrap_err();
        let said = format!("{error} {:?} {:?}", error.denials(), error.hint());
        assert!(!said.contains("crm") && !said.contains("people") && !said.contains("age >"), "{text}: {said}");
    }
    let why = home.ok("eve", "EXPLAIN GOVERNANCE SELECT r FROM lab.v").await;
    assert!(why.iter().all(|row| !row.contains("crm")), "{why:#?}");
    home.ok(ADMIN, "GRANT USE ON TAG personal TO USER eve").await;
    let plan = home.ok("eve", "EXPLAIN SELECT city FROM lab.v").await;
    assert!(
        plan.iter().any(|line| line.contains("View: lab.v")) && plan.iter().all(|line| !line.contains("crm")),
        "{plan:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_stops_answering_when_its_owner_loses_what_it_reads() {
    let home = home().await;
    home.ok(ADMIN, "REVOKE SELECT ON SCHEMA crm FROM SERVICE bot").await;
    assert_eq!(
        home.denied("ana", "SELECT city FROM lab.v").await,
        ["the owner of view `lab.v` has no SELECT on what it reads"]
    );
    assert_eq!(
        home.denied("rae", "SELECT n FROM lab.w").await,
        ["the owner of view `lab.w` has no SELECT on what it reads"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_view_over_what_it_may_not_read() {
    let home = TestHome::new().await;
    home.ok(ADMIN, "GRANT CREATE ON SCHEMA lab TO USER eve").await;
    assert_eq!(
        home.error("eve", "CREATE VIEW lab.v AS SELECT * FROM crm.people").await,
        "table `crm.people` does not exist or is not visible"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_cannot_come_to_read_itself() {
    let home = home().await;
    assert!(home.error("bot", "CREATE OR REPLACE VIEW lab.v AS SELECT r AS city, r FROM lab.w").await.contains("lab."));
    home.ok("ana", "SELECT city FROM lab.v").await;
}

/// A home whose admin may read what nobody classified, with rows of nested values.
async fn nested() -> TestHome {
    let home = TestHome::empty().await;
    home.ok(
        ADMIN,
        "CREATE SCHEMA lab; GRANT SELECT ON SCHEMA lab TO USER root; GRANT READ ON TAG unclassified TO USER root;
         CREATE TABLE lab.rows AS SELECT n, [n, -n] AS pair, [[n, -n]] AS pairs, [[n], [-n]] AS singles,
           named_struct('name', concat('hidden-', n)) AS who, map(['k'], [n * 100]) AS m
         FROM (VALUES (1), (2), (3), (4), (5)) AS v (n)",
    )
    .await;
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_skipped_rows_stay_hidden_when_lists_are_cast_to_a_fixed_length() {
    let home = nested().await;
    home.ok(ADMIN, "CREATE VIEW lab.last AS SELECT n, pair, pairs FROM (SELECT * FROM lab.rows ORDER BY n OFFSET 3)")
        .await;
    let fixed = "FixedSizeList(2, Int64)";
    for (text, answer) in [
        (format!("SELECT arrow_cast(pair, '{fixed}') FROM lab.last"), ["[4, -4]", "[5, -5]"]),
        (format!("SELECT arrow_try_cast(pair, '{fixed}') FROM lab.last"), ["[4, -4]", "[5, -5]"]),
        (format!("SELECT arrow_cast(pairs, 'List({fixed})') FROM lab.last"), ["[[4, -4]]", "[[5, -5]]"]),
        (format!("SELECT arrow_cast([pair], 'List({fixed})') FROM lab.last"), ["[[4, -4]]", "[[5, -5]]"]),
        (format!("SELECT arrow_cast(pair, '{fixed}') FROM lab.last WHERE n > 3 ORDER BY n"), ["[4, -4]", "[5, -5]"]),
        (format!("SELECT max(arrow_cast(pair, '{fixed}')[1]) FROM lab.last GROUP BY n ORDER BY n"), ["4", "5"]),
        (
            format!("SELECT arrow_cast(pair, '{fixed}') AS p FROM lab.last GROUP BY p ORDER BY p"),
            ["[4, -4]", "[5, -5]"],
        ),
        (
            format!(
                "SELECT arrow_cast((SELECT pairs FROM lab.last ORDER BY n LIMIT 1 OFFSET 1), 'List({fixed})') FROM lab.last"
            ),
            ["[[5, -5]]", "[[5, -5]]"],
        ),
    ] {
        assert_eq!(home.ok(ADMIN, &text).await, answer, "{text}");
    }
    let sets =
        format!("SELECT arrow_cast(pair, '{fixed}') AS p, count(*) FROM lab.last GROUP BY ROLLUP (p) ORDER BY p");
    assert_eq!(home.ok(ADMIN, &sets).await, ["[4, -4]|1", "[5, -5]|1", "|2"]);
    let counted =
        "SELECT max(array_length(c)) FROM (SELECT arrow_cast([count(*)], 'List(Int32)') AS c FROM lab.last GROUP BY n)";
    assert_eq!(home.ok(ADMIN, counted).await, ["1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_view_masks_stays_masked_in_nested_values() {
    let home = nested().await;
    home.ok(
        ADMIN,
        "CREATE VIEW lab.masked AS SELECT n, CASE WHEN n < 2 THEN pair END AS pair, CASE WHEN n < 2 THEN singles END AS singles,
           CASE WHEN n < 2 THEN who END AS who, nullif(who, CASE WHEN n >= 2 THEN who END) AS also,
           CASE WHEN n < 2 THEN m END AS m, CASE WHEN n < 2 THEN named_struct('who', who) END AS deep
         FROM lab.rows WHERE n < 4",
    )
    .await;
    for (expression, answer) in [
        ("who['name']", ["hidden-1", "", ""]),
        ("also['name']", ["hidden-1", "", ""]),
        ("deep['who']['name']", ["hidden-1", "", ""]),
        ("coalesce(who['name'], 'none')", ["hidden-1", "none", "none"]),
        ("m['k']", ["100", "", ""]),
        ("map_extract(m, 'k')", ["[100]", "[]", "[]"]),
        ("map_values(m)", ["[100]", "", ""]),
        ("pair[1]", ["1", "", ""]),
        ("array_to_string(pair, ',')", ["1,-1", "", ""]),
        ("flatten(singles)", ["[1, -1]", "", ""]),
    ] {
        let text = format!("SELECT {expression} FROM lab.masked ORDER BY n");
        assert_eq!(home.ok(ADMIN, &text).await, answer, "{text}");
    }
    // What these make of a null list is theirs; what was in it is not.
    for expression in [
        "array_append(pair, 0)",
        "array_prepend(0, pair)",
        "array_concat(pair, pair)",
        "array_repeat(arrow_cast(pair, 'List(Int64)'), 2)",
        "[pair]",
    ] {
        let text = format!("SELECT {expression} FROM lab.masked ORDER BY n");
        let rows = home.ok(ADMIN, &text).await;
        assert!(rows[1..].iter().all(|row| !row.contains(['2', '3'])), "{text}: {rows:?}");
    }
    for text in
        ["SELECT n, unnest(who) FROM lab.masked ORDER BY n", "SELECT n, unnest(deep) FROM lab.masked ORDER BY n"]
    {
        let rows = home.ok(ADMIN, text).await;
        assert!(rows[1..].iter().all(|row| !row.contains("hidden")), "{text}: {rows:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_explains_what_is_behind_a_view_to_who_may_not_know_it() {
    let home = home().await;
    home.ok(ADMIN, "GRANT SELECT ON SCHEMA lab TO USER eve; GRANT USE ON TAG personal TO USER eve").await;
    // However short the name that it is called by.
    for text in [
        "EXPLAIN SELECT city FROM lab.v",
        "USE lab; EXPLAIN SELECT city FROM v",
        "USE lab; EXPLAIN SELECT x.city FROM v AS x",
    ] {
        let plan = home.ok("eve", text).await;
        assert!(plan.iter().any(|line| line.contains("View: lab.v")), "{text}: {plan:#?}");
        assert!(plan.iter().all(|line| !line.contains("crm") && !line.contains("age")), "{text}: {plan:#?}");
    }
    let recursive = "WITH RECURSIVE w AS (SELECT 'a' AS c, 1 AS n UNION ALL SELECT v.r, w.n + 1 FROM w CROSS JOIN lab.v AS v \
        WHERE w.n < 2) SELECT c FROM w";
    for text in ["SELECT r FROM lab.v", "SELECT n FROM lab.w", "USE lab; SELECT r FROM v", recursive] {
        let error = home.run("eve", text).await.unwrap_err();
        let said = format!("{error} {:?} {:?}", error.denials(), error.hint());
        assert!(
            ["crm", "people", "age", "column race", "over race"].iter().all(|word| !said.contains(word)),
            "{text}: {said}"
        );
        let last = text.rsplit("; ").next().unwrap();
        let why = home.ok("eve", &text.replace(last, &format!("EXPLAIN GOVERNANCE {last}"))).await;
        assert!(why.iter().all(|row| !row.contains("crm") && !row.contains("over race")), "{text}: {why:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_condition_of_a_reader_looks_at_rows_that_a_view_leaves_out() {
    let home = TestHome::empty().await;
    home.ok(
        ADMIN,
        "CREATE SCHEMA hr; CREATE SCHEMA lab; CREATE USER eve;
         GRANT SELECT ON SCHEMA hr TO USER root; GRANT SELECT ON SCHEMA lab TO USER eve;
         CREATE TABLE hr.pay AS SELECT id, salary, region, day FROM (VALUES
           (1, 10, 'EU', '2026-01-01'), (2, 20, 'EU', 'x'), (3, 30, 'EU', '2026-01-03'), (7, 777, 'US', 'hidden')) AS v (id, salary, region, day);
         SET TAG ON COLUMNS hr.pay (id public, salary public, region public, day public);
         CREATE VIEW lab.eu AS SELECT id, salary, day FROM hr.pay WHERE region = 'EU';
         CREATE VIEW lab.joined AS SELECT p.id, p.salary, p.day FROM hr.pay p JOIN (VALUES ('EU')) AS r (name) ON p.region = r.name;
         CREATE VIEW lab.first AS SELECT id, salary, day FROM (SELECT * FROM hr.pay ORDER BY id LIMIT 3);
         CREATE VIEW lab.sums AS SELECT id, sum(salary) AS salary, max(day) AS day FROM hr.pay GROUP BY id HAVING max(region) = 'EU';
         CREATE VIEW lab.short AS SELECT id, salary, day FROM lab.eu;
         CREATE VIEW lab.computed AS SELECT id, salary / (777 - salary) AS r, CAST(day AS DATE) AS day FROM hr.pay
           WHERE region = 'EU' AND id <> 2;
         CREATE VIEW lab.subquery AS SELECT v.id, (SELECT max(p.salary) FROM hr.pay p WHERE p.id = v.id) AS salary
           FROM (VALUES (1), (2), (3)) AS v (id)",
    )
    .await;
    // What a view computes, it computes for its own rows, whatever is asked of it.
    for condition in
        ["r = 0", "r < 5", "r IS NOT NULL", "r IN (0, 1)", "day >= DATE '2026-01-01'", "day IS NOT NULL", "id > 0"]
    {
        let text = format!("SELECT count(*) FROM lab.computed WHERE {condition}");
        assert_eq!(home.ok("eve", &text).await, ["2"], "{text}");
    }
    for text in [
        "SELECT count(*) FROM lab.subquery WHERE 1 / (salary - 777) < 5",
        "SELECT count(*) FROM lab.subquery a JOIN lab.subquery b ON a.id = b.id AND 1 / (b.salary - 777) < 5",
    ] {
        assert_eq!(home.ok("eve", text).await, ["3"], "{text}");
    }
    for view in ["eu", "joined", "first", "sums", "short"] {
        for fails in [
            "1 / (CASE WHEN id = 7 AND salary >= 500 THEN 0 ELSE 1 END) = 1",
            "1 / (salary - 777) < 5",
            "id > 0 AND 1 / (salary - 777) < 5",
            "CAST(CASE WHEN day = 'hidden' THEN day ELSE '1' END AS INT) = 1",
            "id IN (SELECT max(1 / (salary - 777)) FROM lab.eu) OR true",
        ] {
            let text = format!("SELECT count(*) FROM lab.{view} AS v WHERE {fails}");
            assert_eq!(home.ok("eve", &text).await, ["3"], "{text}");
        }
        for (condition, count) in [
            ("id = 2", "1"),
            ("id = 7", "0"),
            ("salary IN (10, 777)", "1"),
            ("NOT id = 1 AND salary IS NOT NULL", "2"),
            ("id = 2 AND length(day) = 1", "1"),
            ("id = 1 OR salary = 777", "1"),
        ] {
            let text = format!("SELECT count(*) FROM lab.{view} WHERE {condition}");
            assert_eq!(home.ok("eve", &text).await, [count], "{text}");
        }
        for (ordinary, rows) in [
            ("LEFT JOIN lab.{view} b ON a.id = b.id AND a.id = 2", "3"),
            ("RIGHT JOIN lab.{view} b ON a.id = b.id AND b.id = 2", "3"),
            ("JOIN lab.{view} b USING (id) WHERE a.id = 2 OR b.salary = 10", "2"),
            ("LEFT JOIN lab.{view} b ON a.id = b.id LEFT JOIN lab.{view} c ON b.id = c.id AND b.id = 2", "3"),
        ] {
            let text = format!("SELECT count(*) FROM lab.{view} a {ordinary}").replace("{view}", view);
            assert_eq!(home.ok("eve", &text).await, [rows], "{text}");
        }
        let joined = format!(
            "SELECT a.id FROM lab.{view} a JOIN lab.{view} b ON a.id = b.id AND 1 / (b.salary - 777) < 5 ORDER BY 1 LIMIT 2"
        );
        assert_eq!(home.ok("eve", &joined).await, ["1", "2"], "{joined}");
        let correlated = format!(
            "SELECT (SELECT max(b.salary) FROM lab.{view} b WHERE b.id = a.id) FROM lab.{view} a ORDER BY a.id"
        );
        assert_eq!(home.ok("eve", &correlated).await, ["10", "20", "30"], "{correlated}");
    }
}

/// Rows whose texts and numbers stand in dictionaries, as other programs write them.
fn write_dictionaries(path: &std::path::Path) {
    let days: DictionaryArray<Int32Type> = ["2026-01-01", "2026-01-02", "2026-01-03", "hidden"].into_iter().collect();
    let keys = Int32Array::from(vec![0, 1, 2, 3]);
    let numbers = DictionaryArray::new(keys, Arc::new(Int64Array::from(vec![10, 20, 30, 777])));
    let rows = RecordBatch::try_from_iter([
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3, 7])) as ArrayRef),
        ("day", Arc::new(days)),
        ("n", Arc::new(numbers)),
    ])
    .unwrap();
    let mut writer = ArrowWriter::try_new(std::fs::File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(&rows).unwrap();
    writer.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cast_of_a_dictionary_does_not_fail_because_of_rows_that_are_not_shown() {
    let home = TestHome::empty().await;
    write_dictionaries(&home.path().join("coded.parquet"));
    home.ok(
        ADMIN,
        "CREATE SCHEMA hr; CREATE SCHEMA lab; CREATE USER eve;
         GRANT SELECT ON SCHEMA hr TO USER root; GRANT SELECT ON SCHEMA lab TO USER eve;
         CREATE EXTERNAL TABLE hr.coded STORED AS PARQUET LOCATION 'coded.parquet';
         SET TAG ON COLUMNS hr.coded (id public, day public, n public);
         CREATE VIEW lab.filtered AS SELECT id, day, n FROM hr.coded WHERE id < 7;
         CREATE VIEW lab.masked AS SELECT id, CASE WHEN id < 7 THEN day END AS day, CASE WHEN id < 7 THEN n END AS n
           FROM hr.coded;
         CREATE VIEW lab.first AS SELECT id, day, n FROM hr.coded ORDER BY id LIMIT 3",
    )
    .await;
    assert_eq!(home.ok("eve", "SELECT arrow_typeof(day) FROM lab.filtered LIMIT 1").await, ["Dictionary(Int32, Utf8)"]);
    for view in ["filtered", "masked", "first"] {
        for shown in [
            "count(CAST(day AS DATE))",
            "count(CAST(n AS TINYINT))",
            "count(arrow_cast(day, 'Dictionary(Int32, Date32)'))",
        ] {
            let text = format!("SELECT {shown} FROM lab.{view}");
            assert_eq!(home.ok("eve", &text).await, ["3"], "{text}");
        }
        let text = format!("SELECT count(*) FROM lab.{view} WHERE day > DATE '2026-01-01'");
        assert_eq!(home.ok("eve", &text).await, ["2"], "{text}");
    }
}
