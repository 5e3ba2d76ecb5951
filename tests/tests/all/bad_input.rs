//! What goes wrong outside: each is an error with a cause and a remedy, and nothing is lost.

use std::{fs, process::Command};

use crate::process::{Home, datasets, stderr};

const SMALL: &str = "CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS x; INSERT INTO s.t VALUES (2);";

fn pipeline(home: &Home, name: &str, stages: &str) -> String {
    home.write(name, &format!("PIPELINE p.q (parameters (n INT DEFAULT 1, day DATE)); {stages}"))
}

#[test]
fn wrong_sql_says_what_was_expected_and_where() {
    let home = Home::new();
    for (text, wanted) in [
        ("SELEC 1", "expected a statement"),
        ("SELECT 1 +", "expected"),
        ("SET TAG ON COLUMN a.b x", "schema.table.column"),
        ("GRANT READ ON TABLE a.b TO USER c", "READ does not apply"),
        ("CREATE TAG pii-x", "expected"),
        ("CREATE EXTERNAL TABLE a.b STORED AS XML LOCATION 'x'", "PARQUET, CSV, JSON or DELTA"),
        ("SHOW NOTHING", "LINEAGE"),
        ("SELECT 'open", "Unterminated"),
        ("CREATE OR REPLACE TABLE IF NOT EXISTS a.b AS SELECT 1 AS x", "contradict each other"),
        ("SELECT 1 IN (SELECT 1)", "as joins"),
        ("SELECT unnest([1, 2]) FROM (VALUES (1)) AS v (n) ORDER BY n", "reaches selected columns alone"),
    ] {
        let said = home.fails(1, &["sql", "-c", text]);
        assert!(said.contains(wanted), "{text}: {said}");
        let json = home.fails(1, &["--format", "json", "sql", "-c", text]);
        let error: serde_json::Value = serde_json::from_str(json.trim()).unwrap_or_else(|_| panic!("{json}"));
        assert_eq!(error["code"], "INVALID", "{text}");
    }
}

#[test]
fn a_wrong_pipeline_runs_nothing() {
    let home = Home::new();
    home.ok(&["sql", "-c", SMALL]);
    let mv = "CREATE OR REFRESH MATERIALIZED VIEW";
    for (name, stages, wanted) in [
        ("cycle", format!("{mv} s.a AS SELECT * FROM s.b; {mv} s.b AS SELECT * FROM s.a"), "s.a"),
        ("twice", format!("{mv} s.a AS SELECT 1 AS x; {mv} s.a AS SELECT 2 AS x"), "twice"),
        ("unknown", format!("{mv} s.a AS SELECT * FROM s.nothing"), "s.nothing"),
        ("column", format!("{mv} s.a AS SELECT y FROM s.t"), "`y`"),
        ("parameter", format!("{mv} s.a AS SELECT $m AS x"), "$m"),
        ("later", "USE MODULE a.b AS c".to_owned(), "not supported"),
        ("empty", String::new(), "no stages"),
    ] {
        let file = pipeline(&home, name, &stages);
        let said = home.fails(1, &["run", &file, "-p", "day=2026-01-31"]);
        assert!(said.contains(wanted), "{name}: {said}");
        let tables = home.ok(&["--format", "csv", "sql", "-c", "SHOW TABLES IN s"]);
        assert_eq!(tables.lines().count(), 2, "{name}: {tables}");
    }
    let file = pipeline(&home, "good", &format!("{mv} s.a AS SELECT $n AS n, $day AS day"));
    for (args, wanted) in [
        (&[][..], "day"),
        (&["-p", "day=soon"], "day"),
        (&["-p", "day=2026-01-31", "-p", "n=many"], "many"),
        (&["-p", "day=2026-01-31", "-p", "m=1"], "m"),
    ] {
        let said = home.fails(1, &[&["run", &file][..], args].concat());
        assert!(said.contains(wanted), "{args:?}: {said}");
    }
    home.ok(&["run", &file, "-p", "day=2026-01-31", "-p", "n=7"]);
    home.ok(&["sql", "-c", "GRANT READ ON TAG unclassified TO USER root"]);
    assert_eq!(home.ok(&["--format", "csv", "sql", "-c", "SELECT * FROM s.a"]), "n,day\n7,2026-01-31\n");
}

#[test]
fn an_expectation_that_fails_the_update_leaves_the_table_as_it_was() {
    let home = Home::new();
    home.ok(&["sql", "-c", SMALL]);
    let stage = "CREATE OR REFRESH MATERIALIZED VIEW s.a (CONSTRAINT small EXPECT (x < $n) ON VIOLATION FAIL UPDATE) \
                 AS SELECT 5 AS x";
    let file = pipeline(&home, "p.sql", stage);
    home.ok(&["run", &file, "-p", "n=6", "-p", "day=2026-01-31"]);
    let said = home.fails(1, &["run", &file, "-p", "n=5", "-p", "day=2026-01-31"]);
    assert!(said.contains("small"), "{said}");
    assert_eq!(home.ok(&["--format", "csv", "sql", "-c", "SELECT * FROM s.a"]), "x\n5\n");
    let history = home.ok(&["--format", "csv", "sql", "-c", "SHOW HISTORY OF s.a"]);
    assert_eq!(history.lines().count(), 2, "{history}");
}

#[test]
fn damaged_files_are_named_by_their_table() {
    let home = Home::census();
    let copy = home.dir.path().join("broken.parquet");
    let mut bytes = fs::read(datasets().join("census/adult.parquet")).unwrap();
    fs::write(&copy, &bytes).unwrap();
    home.ok(&[
        "sql",
        "-c",
        "CREATE EXTERNAL TABLE census.broken STORED AS PARQUET LOCATION 'broken.parquet';
         SET TAG ON COLUMNS census.broken (education public, age public);
         APPROVE TABLE census.broken FOR EXPERIMENT",
    ]);
    home.ok(&["sql", "-c", "SELECT max(education) FROM census.broken"]);
    // The footer at the end stays as it is: the file looks sound until its pages are read.
    let middle = bytes.len() / 2;
    let pages = bytes.len() * 9 / 10;
    bytes[4..pages].fill(0xAB);
    fs::write(&copy, &bytes).unwrap();
    let said = home.fails(1, &["sql", "-c", "SELECT education, count(*) FROM census.broken GROUP BY education"]);
    assert!(said.contains("census.broken"), "{said}");
    bytes.truncate(middle);
    fs::write(&copy, &bytes).unwrap();
    let said = home.fails(1, &["sql", "-c", "SELECT max(education) FROM census.broken"]);
    assert!(said.contains("census.broken"), "{said}");
    fs::remove_file(&copy).unwrap();
    let said = home.fails(1, &["sql", "-c", "SELECT max(education) FROM census.broken"]);
    assert!(said.contains("census.broken"), "{said}");
}

#[test]
fn a_missing_log_entry_is_said_to_be_missing() {
    let home = Home::new();
    home.ok(&["sql", "-c", &format!("{SMALL} INSERT INTO s.t VALUES (3); INSERT INTO s.t VALUES (4)")]);
    let table = fs::read_dir(home.path().join("warehouse")).unwrap().next().unwrap().unwrap().path();
    fs::remove_file(table.join("_delta_log/00000000000000000001.json")).unwrap();
    let said = home.fails(1, &["sql", "-c", "SELECT * FROM s.t"]);
    assert!(said.contains("s.t") && said.contains('1'), "{said}");
}

#[test]
fn a_column_that_appears_is_unclassified_and_one_that_vanishes_is_told() {
    let home = Home::new();
    home.write("f.csv", "a,b\n1,2\n");
    home.ok(&[
        "sql",
        "-c",
        "CREATE SCHEMA s; CREATE EXTERNAL TABLE s.f STORED AS CSV LOCATION 'f.csv'; CREATE TAG x;
         SET TAG ON COLUMNS s.f (a public, b x)",
    ]);
    home.write("f.csv", "a,new\n1,2\n");
    let said = home.fails(3, &["sql", "-c", "SELECT new FROM s.f"]);
    assert!(said.contains("unclassified"), "{said}");
    let said = home.fails(1, &["sql", "-c", "SELECT b FROM s.f"]);
    assert!(said.contains('b'), "{said}");
    assert_eq!(home.ok(&["--format", "csv", "sql", "-c", "SELECT a FROM s.f"]), "a\n1\n");
    let tags = home.ok(&["--format", "csv", "sql", "-c", "SHOW TAGS ON TABLE s.f"]);
    assert!(tags.contains("new,unclassified,"), "{tags}");
}

#[test]
fn a_home_made_by_a_newer_version_is_refused() {
    let home = Home::new();
    let done = Command::new("python3")
        .arg("-c")
        .arg(
            "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); \
             c.execute(\"UPDATE meta SET format = 9999, made_by = '99.0.0'\"); c.commit()",
        )
        .arg(home.path().join("catalog.db"))
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", stderr(&done));
    let said = home.fails(1, &["sql", "-c", "SELECT 1"]);
    assert!(said.contains("99.0.0"), "{said}");
}

#[test]
fn what_is_not_a_home_is_said_not_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let output =
        crate::process::sluice().arg("--home").arg(dir.path()).args(["sql", "-c", "SELECT 1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("sluice init"), "{}", stderr(&output));
    let home = Home::new();
    let said = home.fails(1, &["init", home.path().to_str().unwrap()]);
    assert!(said.contains("already"), "{said}");
}

/// A limit on file sizes stands in for a full disk: writes fail in the same places, with the process's own error.
#[test]
fn a_disk_that_takes_no_more_fails_the_write_and_keeps_the_table() {
    let home = Home::census();
    home.ok(&["sql", "-c", "GRANT READ ON TAG personal TO USER root; GRANT READ ON TAG special_category TO USER root"]);
    home.ok(&["sql", "-c", "CREATE TABLE income.t AS SELECT 1 AS x"]);
    let sluice = crate::process::sluice();
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(sluice.get_program())
        .arg("--home")
        .arg(home.path())
        .args(["sql", "-c"])
        .arg("CREATE OR REPLACE TABLE income.t AS SELECT a.age + b.age + row_number() OVER () AS x FROM census.adult a CROSS JOIN (SELECT age FROM census.adult LIMIT 20) b")
        .env("USER", "root")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(home.ok(&["--format", "csv", "sql", "-c", "SELECT x FROM income.t"]), "x\n1\n");
}

/// Root may write anywhere, so the home is used by somebody else, where this test can arrange it.
#[test]
fn a_read_only_home_answers_nothing_unrecorded_and_says_why() {
    let home = Home::new();
    let catalog = home.path().join("catalog.db");
    home.ok(&["sql", "-c", SMALL]);
    let (Ok(true), Some(user)) = (is_root(), unprivileged()) else { return };
    let run = format!("chmod -R a+rX,go-w '{0}' && chmod a+rx '{0}'/..", home.path().display());
    assert!(Command::new("sh").args(["-c", &run]).status().unwrap().success());
    let sluice = crate::process::sluice();
    let binary = home.dir.path().join("sluice");
    fs::copy(sluice.get_program(), &binary).unwrap();
    let command = format!("'{}' --home '{}' --as root sql -c 'SELECT 1'", binary.display(), home.path().display());
    let refused = || {
        let output = Command::new("su").args(["-s", "/bin/sh", &user, "-c", &command]).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
        stderr(&output)
    };
    let said = refused();
    assert!(said.contains("the home is read-only: its catalog"), "{said}");

    // A home that was copied from under a writer, without the index of its log.
    let writer = "import os, sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('PRAGMA wal_autocheckpoint = 0'); \
                  c.execute('UPDATE meta SET epoch = epoch + 1'); c.commit(); os.remove(sys.argv[1] + '-shm'); os._exit(0)";
    assert!(Command::new("python3").args(["-c", writer]).arg(&catalog).status().unwrap().success());
    let said = refused();
    assert!(said.contains("catalog.db-wal") && said.contains("sluice runs"), "{said}");
    home.ok(&["runs"]);
    let said = refused();
    assert!(said.contains("the home is read-only: its catalog"), "{said}");
}

#[test]
fn a_command_leaves_the_catalog_as_a_single_file() {
    let home = Home::new();
    let whole = |after: &str| {
        let left = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().starts_with("catalog.db-")).collect();
        assert!(left.is_empty(), "{after}: {left:?}");
    };
    whole("init");
    home.ok(&["sql", "-c", SMALL]);
    whole("sql");
    home.fails(1, &["sql", "-c", "SELECT nothing_of_the_kind"]);
    whole("a statement that fails");
    home.ok(&["runs"]);
    whole("runs");
}

fn is_root() -> std::io::Result<bool> {
    Ok(String::from_utf8_lossy(&Command::new("id").arg("-u").output()?.stdout).trim() == "0")
}

fn unprivileged() -> Option<String> {
    let users = fs::read_to_string("/etc/passwd").ok()?;
    users.lines().any(|line| line.starts_with("nobody:")).then(|| "nobody".to_owned())
}

#[test]
fn a_short_text_does_not_take_all_memory() {
    let home = Home::new();
    for text in [
        "SELECT rtrim(repeat('x', 2000000000))",
        "SELECT length(repeat(s, 1000000000)) FROM (VALUES ('a'), ('b')) AS v (s)",
        "SELECT length(repeat('x', n)) FROM (VALUES (9223372036854775807)) AS v (n)",
        "SELECT length(lpad('x', 2000000000))",
        "SELECT length(rpad('x', 2000000000, 'yz'))",
        "SELECT cardinality(array_repeat(1, 1000000000))",
        "SELECT cardinality(range(10000000000))",
        "SELECT cardinality(range(-5000000000000000000, 5000000000000000000))",
        "SELECT cardinality(generate_series(10000000000, 0, -1))",
        "SELECT cardinality(array_repeat(range(0, 30000), 30000))",
        "SELECT cardinality(array_repeat(repeat('x', 30000), 30000))",
        "SELECT cardinality(array_resize([''], 30000, repeat('x', 30000)))",
        "SELECT cardinality(range(TIMESTAMP '2000-01-01', TIMESTAMP '2020-01-01', INTERVAL '1 microsecond'))",
        "SELECT cardinality(generate_series(TIMESTAMP '2020-01-01', TIMESTAMP '2000-01-01', INTERVAL '-1 second'))",
    ] {
        let said = home.fails(1, &["sql", "-c", text]);
        assert!(said.contains("would make more than 256 MiB at once"), "{text}: {said}");
    }
    let few = "SELECT length(repeat('ab', 3)), lpad('x', 3, 'y'), cardinality(range(0, 10, 3)), array_repeat(1, 2)";
    assert!(home.ok(&["--format", "csv", "sql", "-c", few]).contains("6,yyx,4"));
    let few = "SELECT cardinality(range(DATE '2000-01-01', DATE '2020-01-01', INTERVAL '1 month')), \
               cardinality(array_repeat([1, 2], 3)), cardinality(array_resize(['a'], 4, 'b'))";
    assert!(home.ok(&["--format", "csv", "sql", "-c", few]).contains("240,6,4"));
}
