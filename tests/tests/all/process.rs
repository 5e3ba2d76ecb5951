//! The binary itself: what scripts rely on.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The `sluice` binary of this build; `make test` builds it first.
pub(crate) fn sluice() -> Command {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent().unwrap().parent().unwrap().join("sluice");
    assert!(binary.exists(), "{} is missing: build it with `cargo build --workspace --bins`", binary.display());
    let mut command = Command::new(binary);
    command.env_remove("SLUICE_HOME").env("USER", "root");
    command
}

/// The bundled data.
pub(crate) fn datasets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../datasets").canonicalize().unwrap()
}

/// A home in a folder of its own, used through the binary alone.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        home.ok(&["init", home.path().to_str().unwrap()]);
        home
    }

    /// A home with the census data classified.
    pub(crate) fn census() -> Self {
        let home = Self::new();
        let file = datasets().join("census/classification.sql");
        home.ok(&["sql", "-f", file.to_str().unwrap()]);
        home
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("h")
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = sluice();
        command.arg("--home").arg(self.path()).args(args).current_dir(self.dir.path());
        command
    }

    pub(crate) fn output(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs what must succeed; answers stdout.
    #[track_caller]
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.output(args);
        assert!(output.status.success(), "{args:?}: {}: {}", output.status, stderr(&output));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs what must fail with `status`; answers stderr.
    #[track_caller]
    pub(crate) fn fails(&self, status: i32, args: &[&str]) -> String {
        let output = self.output(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", stderr(&output));
        assert!(output.stdout.is_empty(), "{args:?}: {}", String::from_utf8_lossy(&output.stdout));
        stderr(&output)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn the_analyst_of_the_census_is_answered_and_refused_as_promised() {
    let home = Home::census();
    let answer = home.ok(&[
        "--as",
        "ana",
        "--format",
        "csv",
        "sql",
        "-c",
        "SELECT education, avg(age) AS age FROM census.adult GROUP BY education ORDER BY education LIMIT 1",
    ]);
    assert!(answer.starts_with("education,age\n10th,37.4"), "{answer}");
    for (query, column, tag, action) in [
        ("SELECT race FROM census.adult", "race", "special_category.race", "READ"),
        ("SELECT count(*) FROM census.adult WHERE race = 'Black'", "race", "special_category.race", "USE"),
        ("SELECT age FROM census.adult ORDER BY race", "race", "special_category.race", "USE"),
        (
            "SELECT a.age FROM census.adult a JOIN census.adult b ON a.race = b.race",
            "race",
            "special_category.race",
            "USE",
        ),
        ("SELECT rank() OVER (ORDER BY race) FROM census.adult", "race", "special_category.race", "USE"),
        ("SELECT CASE WHEN race = 'White' THEN 1 END FROM census.adult", "race", "special_category.race", "READ"),
        ("SELECT fnlwgt FROM census.adult", "fnlwgt", "unclassified", "READ"),
        ("SELECT * FROM census.adult", "fnlwgt", "unclassified", "READ"),
    ] {
        let said = home.fails(3, &["--as", "ana", "--format", "json", "sql", "-c", query]);
        let error: serde_json::Value = serde_json::from_str(said.trim()).unwrap_or_else(|_| panic!("{said}"));
        assert_eq!(error["code"], "DENIED", "{query}");
        assert_eq!(error["column"], format!("census.adult.{column}"), "{query}");
        assert_eq!(error["tag"], tag, "{query}");
        assert_eq!(error["action"], action, "{query}");
        assert!(error["path"].as_array().is_some_and(|path| path.len() > 1), "{query}: {said}");
        assert!(error["hint"].is_string(), "{query}: {said}");
        let drawn = home.fails(3, &["--as", "ana", "sql", "-c", query]);
        for word in [column, tag, action, "→"] {
            assert!(drawn.contains(word), "{query}: `{word}` is missing in {drawn}");
        }
    }
    // The researcher may let the category decide, not see it.
    home.ok(&["--as", "rolf", "sql", "-c", "SELECT count(*) FROM census.adult WHERE race = 'Black'"]);
    home.fails(3, &["--as", "rolf", "sql", "-c", "SELECT race FROM census.adult"]);
}

#[test]
fn a_service_runs_the_pipeline_and_cannot_read_what_it_made() {
    let home = Home::census();
    let file = datasets().join("census/pipeline.sql");
    let summary = home.ok(&["--as", "income_bot", "--format", "json", "run", file.to_str().unwrap()]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    assert!(summary.as_array().is_some_and(|stages| stages.len() >= 6), "{summary:#}");
    home.fails(3, &["--as", "income_bot", "sql", "-c", "SELECT race FROM income.people"]);
    let tags = home.ok(&["--as", "dora", "--format", "csv", "sql", "-c", "SHOW TAGS ON TABLE income.people"]);
    for line in [
        "race,special_category.race,direct,propagated,census.adult.race",
        "weight,unclassified,direct,propagated,census.adult.fnlwgt",
        ",personal.age,row,propagated,census.adult.age",
    ] {
        assert!(tags.contains(line), "{line} is missing in {tags}");
    }
    let derived = home.ok(&["--as", "dora", "--format", "csv", "sql", "-c", "SHOW TAGS ON TABLE income.model_inputs"]);
    assert!(derived.contains("race_and_sex,special_category.race,direct,propagated,census.adult.race"), "{derived}");
    // Once more: the tables are refreshed, and the version before is still there.
    home.ok(&["--as", "income_bot", "run", file.to_str().unwrap(), "-p", "min_age=60"]);
    let count = |version: &str| {
        let query = format!("SELECT count(*) AS n FROM income.people {version}");
        home.ok(&["--as", "dora", "--format", "csv", "sql", "-c", &query])
    };
    assert_eq!(count("VERSION AS OF 0"), "n\n32561\n");
    assert!(count("").starts_with("n\n2"), "{}", count(""));
}

#[test]
fn production_is_written_by_an_approved_file_only() {
    let home = Home::new();
    home.ok(&["sql", "-f", datasets().join("flights/classification.sql").to_str().unwrap()]);
    let text = std::fs::read_to_string(datasets().join("flights/pipeline.sql")).unwrap();
    let file = home.write("pipeline.sql", &text);
    let said = home.fails(3, &["--as", "delay_bot", "--domain", "production", "run", &file]);
    assert!(said.contains("sluice approve"), "{said}");
    home.fails(3, &["--as", "delay_bot", "approve", &file]);
    home.ok(&["approve", &file]);
    home.ok(&["--as", "delay_bot", "--domain", "production", "check", &file]);
    home.write("pipeline.sql", &format!("{text}\n-- changed"));
    let changed = home.output(&["--as", "delay_bot", "--domain", "production", "check", &file]);
    assert_eq!(changed.status.code(), Some(3), "{}", stderr(&changed));
}

#[test]
fn formats_are_what_scripts_expect() {
    let home = Home::new();
    let query = "SELECT 1 AS n, 'a,\"b' AS t UNION ALL SELECT NULL, 'x' ORDER BY n NULLS LAST";
    assert_eq!(home.ok(&["--format", "csv", "sql", "-c", query]), "n,t\n1,\"a,\"\"b\"\n,x\n");
    let json: serde_json::Value = serde_json::from_str(&home.ok(&["--format", "json", "sql", "-c", query])).unwrap();
    assert_eq!(json[0]["n"], 1);
    assert_eq!(json.as_array().unwrap().len(), 2);
    let ndjson = home.ok(&["sql", "-c", query, "--format", "ndjson"]);
    assert_eq!(ndjson.lines().count(), 2);
    let output = home.output(&["--format", "arrow", "sql", "-c", query]);
    let reader = arrow::ipc::reader::StreamReader::try_new(output.stdout.as_slice(), None).unwrap();
    assert_eq!(reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(), 2);
}

#[test]
fn wrong_usage_is_exit_status_two() {
    let home = Home::new();
    for args in [&["frobnicate"][..], &["--domain", "nowhere", "sql", "-c", "SELECT 1"], &["run"]] {
        assert_eq!(home.output(args).status.code(), Some(2), "{args:?}");
    }
}
