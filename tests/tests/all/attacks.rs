//! Ways to get at what one may not see. Each was tried, and each must stay closed.

use crate::{
    process::Home,
    support::{ADMIN, TestHome},
};

/// Every statement here would show something of `race`, or read what is not in the catalog.
#[tokio::test(flavor = "multi_thread")]
async fn no_way_leads_to_a_column_without_a_grant() {
    let home = TestHome::new().await;
    for text in [
        "SELECT p FROM crm.people AS p",
        "SELECT struct(race) FROM crm.people",
        "SELECT named_struct('r', race)['r'] FROM crm.people",
        "SELECT array_agg(race) FROM crm.people",
        "SELECT string_agg(race, ',') FROM crm.people",
        "SELECT [race] FROM crm.people",
        "SELECT unnest([race, city]) FROM crm.people",
        "SELECT map(['k'], [race]) FROM crm.people",
        "SELECT coalesce(race, '') FROM crm.people",
        "SELECT nullif(race, 'A') FROM crm.people",
        "SELECT length(race) FROM crm.people",
        "SELECT race LIKE 'A%' FROM crm.people",
        "SELECT race = 'A' FROM crm.people",
        "SELECT race IN ('A') FROM crm.people",
        "SELECT 'A' IN (SELECT race FROM crm.people)",
        "SELECT 'A' = ANY (SELECT race FROM crm.people)",
        "SELECT EXISTS (SELECT 1 FROM crm.people WHERE race = 'A')",
        "SELECT (SELECT count(*) FROM crm.people WHERE race = 'A')",
        "SELECT city FROM crm.people HAVING max(race) > 'A'",
        "SELECT city FROM crm.people GROUP BY city HAVING max(race) > 'A'",
        "SELECT city FROM crm.people QUALIFY row_number() OVER (ORDER BY race) = 1",
        "SELECT first_value(city) OVER (ORDER BY race) FROM crm.people",
        "SELECT first_value(city ORDER BY race) FROM crm.people",
        "SELECT count(*) FILTER (WHERE race = 'A') FROM crm.people",
        "SELECT city FROM crm.people ORDER BY race LIMIT 1",
        "SELECT city FROM crm.people LIMIT (SELECT count(*) FROM crm.people WHERE race = 'A')",
        "SELECT DISTINCT ON (race) city FROM crm.people",
        "SELECT DISTINCT ON (city) city FROM crm.people ORDER BY city, race",
        "SELECT a.city FROM crm.people a LEFT JOIN crm.people b ON a.race = b.race",
        "SELECT a.city FROM crm.people a, crm.people b WHERE a.race = b.race",
        "SELECT a.city FROM crm.people a NATURAL JOIN (SELECT race FROM crm.people) b",
        "SELECT b.x FROM crm.people a, LATERAL (SELECT a.race AS x) b",
        "SELECT b.x FROM (VALUES (1)) v (i) LEFT JOIN LATERAL (SELECT race AS x FROM crm.people) b ON true",
        "WITH RECURSIVE t(x) AS (SELECT city FROM crm.people UNION ALL SELECT p.race FROM t JOIN crm.people p ON p.city = t.x WHERE length(t.x) > 3) SELECT x FROM t",
        "WITH c AS (SELECT race AS city FROM crm.people) SELECT city FROM c",
        "SELECT city FROM crm.people INTERSECT SELECT race FROM crm.people",
        "SELECT city, grouping(race) FROM crm.people GROUP BY ROLLUP (city, race)",
        "SELECT arrow_cast(race, 'Utf8') FROM crm.people",
        "SELECT try_cast(race AS INT) FROM crm.people",
        "SELECT 1/(length(race)-1) FROM crm.people",
        "SELECT city FROM crm.people WHERE CAST(race AS BIGINT) > 0",
        "SELECT city FROM crm.people WHERE 1/(length(race)-1) > 0",
        "SELECT sum(CASE WHEN race = 'A' THEN 1 END) FROM crm.people",
        "SELECT city || race FROM crm.people",
        "VALUES ((SELECT max(race) FROM crm.people))",
        "SELECT CASE WHEN EXISTS (SELECT 1 FROM crm.people WHERE race = 'B') THEN 1/0 ELSE 1 END",
        "SELECT (SELECT b.city FROM crm.people b WHERE b.race = a.race LIMIT 1) FROM crm.people a",
        "EXPLAIN SELECT race FROM crm.people",
    ] {
        match home.run("ana", text).await {
            Ok(rows) => panic!("{text} answered {rows:?}"),
            Err(error) => {
                let said = format!("{error} {:?}", error.hint());
                assert!(!said.contains("`B`") && !said.contains("Ada"), "{text}: {said}");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_text_reads_a_file_or_changes_a_setting() {
    let home = TestHome::new().await;
    let file = home.path().join("people.csv").display().to_string();
    for who in ["ana", ADMIN] {
        for text in [
            format!("SELECT * FROM '{file}'"),
            format!("SELECT * FROM \"{file}\""),
            format!("SELECT * FROM read_csv('{file}')"),
            format!("SELECT * FROM read_parquet('{file}')"),
            "SELECT * FROM generate_series(1, 3)".to_owned(),
            "SELECT * FROM parquet_metadata('x')".to_owned(),
            format!("COPY (SELECT 1) TO '{file}.out'"),
            format!("COPY crm.people TO '{file}.out'"),
            "SET datafusion.optimizer.skip_failed_rules = true".to_owned(),
            "SET datafusion.catalog.information_schema = true".to_owned(),
            "SELECT * FROM information_schema.tables".to_owned(),
            "SELECT * FROM information_schema.df_settings".to_owned(),
            "SHOW ALL".to_owned(),
            "SHOW datafusion.execution.batch_size".to_owned(),
            "PREPARE p AS SELECT 1".to_owned(),
            "EXECUTE p".to_owned(),
            "CREATE FUNCTION f() RETURNS INT RETURN 1".to_owned(),
            "BEGIN".to_owned(),
            "EXPLAIN ANALYZE SELECT city FROM crm.people".to_owned(),
            "EXPLAIN VERBOSE SELECT city FROM crm.people".to_owned(),
            "SELECT @@version".to_owned(),
            "SELECT @x".to_owned(),
        ] {
            assert!(home.run(who, &text).await.is_err(), "{who}: {text}");
        }
    }
    let text = format!("CREATE EXTERNAL TABLE lab.x STORED AS CSV LOCATION '{file}'");
    assert_eq!(home.denied("bot", &text).await, ["`bot` is not in the group `admins`"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_while_running_holds_no_value() {
    let home = TestHome::new().await;
    for text in [
        "SELECT CAST(name AS BIGINT) FROM crm.people",
        "SELECT name::DATE FROM crm.people",
        "SELECT to_timestamp(name) FROM crm.people",
        "SELECT 1 / (id - 2) FROM crm.people",
        "SELECT arrow_cast(name, 'Int32') FROM crm.people",
        "SELECT decode(name, 'hex') FROM crm.people",
        "SELECT to_date(name) FROM crm.people",
        "SELECT (SELECT name FROM crm.people)",
    ] {
        let error = home.run("rae", text).await.expect_err(text);
        let said = format!("{error} {error:?} {:?}", error.hint());
        for value in ["Ada", "Bo", "Cy", "Di"] {
            assert!(!said.contains(value), "{text}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn owning_a_table_does_not_lower_its_tags() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT race AS x FROM crm.people").await;
    assert_eq!(home.denied("bot", "SELECT x FROM lab.t").await, ["lab.t.x special.race READ"]);
    assert!(home.error("bot", "UNSET TAG ON COLUMN lab.t.x special.race").await.contains("CLASSIFY"));
    assert!(home.error("bot", "SET TAG ON COLUMN lab.t.x public").await.contains("CLASSIFY"));
    home.denied("bot", "GRANT READ ON TAG special TO SERVICE bot").await;
    home.denied("bot", "CREATE POLICY p AS CEDAR $$ permit (principal, action, resource); $$").await;
    home.denied("bot", "ALTER GROUP admins ADD SERVICE bot").await;
    home.denied("bot", "CREATE TAG mine").await;
    home.denied("bot", "CREATE USER friend").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn storing_does_not_launder() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.a AS SELECT race AS x, city FROM crm.people").await;
    home.ok("bot", "CREATE VIEW lab.b AS SELECT x AS y, city FROM lab.a").await;
    home.ok("bot", "CREATE TABLE lab.c AS SELECT y || '' AS z, city FROM lab.b").await;
    home.ok("bot", "CREATE TABLE lab.d (z VARCHAR); INSERT INTO lab.d SELECT z FROM lab.c").await;
    home.ok("bot", "CREATE TABLE lab.e AS SELECT CASE WHEN z = 'A' THEN 1 ELSE 0 END AS n FROM lab.d").await;
    home.ok("bot", "CREATE TABLE lab.f AS SELECT sum(n) AS n FROM lab.e").await;
    for text in [
        "SELECT x FROM lab.a",
        "SELECT y FROM lab.b",
        "SELECT z FROM lab.c",
        "SELECT z FROM lab.d",
        "SELECT n FROM lab.e",
        "SELECT n FROM lab.f",
    ] {
        let refused = home.denied("ana", text).await;
        assert!(refused.iter().any(|line| line.contains("special.race READ")), "{text}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_follow_the_very_next_statement_of_another_session() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT city AS x FROM crm.people").await;
    home.ok("ana", "SELECT x FROM lab.t").await;
    home.ok("bot", "CREATE OR REPLACE TABLE lab.t AS SELECT race AS x FROM crm.people").await;
    assert_eq!(home.denied("ana", "SELECT x FROM lab.t").await, ["lab.t.x special.race READ"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clause_that_would_be_passed_over_is_refused_by_name() {
    let home = TestHome::new().await;
    for (text, clause) in [
        ("SELECT city FROM crm.people PREWHERE race = 'A'", "PREWHERE"),
        ("SELECT city FROM crm.people CONNECT BY age > 30", "CONNECT BY"),
        ("SELECT city FROM crm.people TABLESAMPLE (50)", "TABLESAMPLE"),
        ("SELECT city FROM (SELECT city FROM crm.people) AS s TABLESAMPLE (50)", "TABLESAMPLE"),
        ("SELECT city, count(*) FROM crm.people GROUP BY city WITH TOTALS", "GROUP BY"),
        ("SELECT city FROM crm.people FOR UPDATE", "FOR UPDATE"),
        ("SELECT city FROM crm.people WITH (NOLOCK)", "hint"),
        ("SELECT city FROM crm.people SETTINGS x = 1", "SETTINGS"),
        ("SELECT city FROM crm.people FORMAT JSON", "FORMAT"),
        ("SELECT city FROM crm.people LIMIT 1 BY city", "LIMIT BY"),
        ("FROM crm.people", "FROM without SELECT"),
        ("SELECT 1 WHERE EXISTS (SELECT 1 FROM crm.people PREWHERE race = 'A')", "PREWHERE"),
        ("WITH w AS (SELECT 1 FROM crm.people PREWHERE race = 'A') SELECT * FROM w", "PREWHERE"),
    ] {
        let error = home.run("rae", text).await.unwrap_err().to_string();
        assert!(error.contains(clause), "{text}: {error}");
    }
}

/// An Arrow stream is written from buffers, and kernels leave in them what a row or a null hides.
#[test]
fn an_arrow_stream_holds_what_is_answered_and_nothing_else() {
    let home = Home::new();
    home.write("words.csv", "n,word\n1,a text for everybody\n2,a text for nobody\n");
    home.ok(&[
        "sql",
        "-c",
        "CREATE SCHEMA open; CREATE EXTERNAL TABLE open.words STORED AS CSV LOCATION 'words.csv'; \
         SET TAG ON COLUMNS open.words (n public, word public)",
    ]);
    for word in ["word", "arrow_cast(word, 'Utf8View')", "arrow_cast(word, 'Dictionary(Int32, Utf8)')"] {
        for text in [
            format!("SELECT {word} FROM open.words WHERE n = 1"),
            format!("SELECT CASE WHEN n = 1 THEN {word} END FROM open.words"),
            format!("SELECT [CASE WHEN n = 1 THEN {word} END] FROM open.words"),
            format!("SELECT nullif({word}, concat('a text for ', 'nobody')) AS word FROM open.words"),
        ] {
            let written = home.output(&["--format", "arrow", "sql", "-c", &text]);
            let written = String::from_utf8_lossy(&written.stdout).into_owned();
            assert!(written.contains("for everybody"), "{text}: {written}");
            assert!(!written.contains("for nobody"), "{text}: {written}");
        }
    }
}

/// What these answer is not computed from their arguments, so that no label says what it gives away.
#[tokio::test(flavor = "multi_thread")]
async fn no_function_looks_behind_the_values() {
    let home = TestHome::new().await;
    for call in ["input_file_name()", "file_row_index()", "arrow_field(city)", "arrow_metadata(city)"] {
        for text in
            [format!("SELECT {call} FROM crm.people"), format!("SELECT city FROM crm.people WHERE {call} IS NULL")]
        {
            let error = home.error("ana", &text).await;
            assert!(error.contains("Invalid function") || error.contains("no function"), "{text}: {error}");
        }
    }
}
