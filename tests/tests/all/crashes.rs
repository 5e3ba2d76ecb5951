//! A run that is killed at any moment, and taken up again, ends with the tables of an undisturbed run.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    process::Stdio,
};

use crate::process::{Home, datasets};

const MOMENTS: usize = 10;

/// Every table that the pipeline makes: its rows in order, its tags, and how often it was committed.
fn tables(home: &Home) -> BTreeMap<String, (Vec<String>, String, usize)> {
    let sql = |text: &str| home.ok(&["--format", "csv", "sql", "-c", text]);
    let names = sql("SHOW TABLES IN income");
    let names = names.lines().skip(1).map(|line| line.split(',').next().unwrap().to_owned());
    names
        .map(|name| {
            let mut rows: Vec<_> = sql(&format!("SELECT * FROM {name}")).lines().map(str::to_owned).collect();
            rows[1..].sort();
            let tags = sql(&format!("SHOW TAGS ON TABLE {name}"));
            let commits = sql(&format!("SHOW HISTORY OF {name}")).lines().count() - 1;
            (name, (rows, tags, commits))
        })
        .collect()
}

fn home() -> Home {
    let home = Home::census();
    let grants =
        ["personal", "special_category", "unclassified"].map(|tag| format!("GRANT READ ON TAG {tag} TO USER root;"));
    home.ok(&["sql", "-c", &grants.concat()]);
    home.ok(&["sql", "-c", "GRANT SELECT ON SCHEMA income TO USER root"]);
    home
}

#[test]
fn a_run_that_is_killed_at_ten_moments_ends_with_the_same_tables() {
    let file = datasets().join("census/pipeline.sql");
    let run = ["--as", "income_bot", "run", file.to_str().unwrap()];
    let undisturbed = home();
    // A run tells of its progress line by line; these lines are the moments to choose from.
    let lines = crate::process::stderr(&undisturbed.command(&run).output().unwrap()).lines().count();
    assert!(lines > MOMENTS, "a run tells only {lines} lines");
    let expected = tables(&undisturbed);
    assert!(expected.len() >= 6, "{:?}", expected.keys());

    let mut interrupted = 0;
    for moment in 1..=MOMENTS {
        let home = home();
        let mut child = home.command(&run).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let told = BufReader::new(child.stderr.take().unwrap()).lines();
        let heard = told.take(1 + (lines - 3) * (moment - 1) / (MOMENTS - 1)).count();
        assert!(heard > 0, "moment {moment}: the run told nothing");
        // SIGKILL: nothing of the process runs any more.
        child.kill().unwrap();
        let was_interrupted = !child.wait().unwrap().success();
        interrupted += usize::from(was_interrupted);
        home.ok(&run);
        let got = tables(&home);
        for (name, (rows, tags, commits)) in &expected {
            let (got_rows, got_tags, got_commits) =
                got.get(name).unwrap_or_else(|| panic!("moment {moment}: {name} is missing"));
            assert_eq!(rows, got_rows, "moment {moment}: the rows of {name}");
            assert_eq!(tags, got_tags, "moment {moment}: the tags of {name}");
            // A run that had ended before it was killed is followed by a second run.
            assert!(
                got_commits == commits || !was_interrupted,
                "moment {moment}: {name} has {got_commits} commits, not {commits}"
            );
        }
        assert_eq!(expected.len(), got.len(), "moment {moment}: {:?}", got.keys());
    }
    assert!(interrupted >= 8, "only {interrupted} of {MOMENTS} runs were interrupted");
}

#[test]
fn two_processes_that_run_one_pipeline_do_not_disturb_each_other() {
    let home = home();
    let file = datasets().join("census/pipeline.sql");
    let run = ["--as", "income_bot", "run", file.to_str().unwrap()];
    let spawn = || home.command(&run).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (first, second) = (spawn(), spawn());
    let (first, second) = (first.wait_with_output().unwrap(), second.wait_with_output().unwrap());
    for output in [&first, &second] {
        assert!(output.status.success(), "{}", crate::process::stderr(output));
    }
    let said = crate::process::stderr(&first) + &crate::process::stderr(&second);
    assert!(said.contains("wait"), "{said}");
    let counts = home.ok(&["--format", "csv", "sql", "-c", "SELECT count(*) AS n FROM income.people"]);
    assert_eq!(counts, "n\n32561\n");
}
