//! DataFusion's own `.slt` files, asked of `sluice serve` over Flight SQL.
//!
//! What a file expects holds here too, or there is a reason: a file that says nothing about Sluice as a whole is in
//! `tests/slt/skipped.toml`, and a record that does not pass falls under a rule of `tests/slt/reasons.toml`. A record
//! without a reason fails the test. `tests/slt/expected.toml` holds for each file how many records passed, and how many
//! did not for each reason; a number that differs, a line that is missing and one that is stale all fail.
//!
//! Where a record expects an error, any error passes: the texts of Sluice are its own. Where the statement orders
//! nothing, rows are compared in any order, because SQL promises none. Where files include a part that makes tables, each
//! gets the tables that it names.
//!
//! - `SLUICE_SLT_UPDATE=1` writes `expected.toml` and `docs/reference/slt.md` anew.
//! - `SLUICE_SLT_FILES='array/*,cte.slt'` runs these files only.
//! - `SLUICE_SLT_LOG=FILE` writes there each record that did not pass, its reason, and what was answered instead.

mod client;
mod expected;
mod files;
mod glob;
mod parts;
mod reasons;
mod record;
mod report;
mod run;
mod server;
mod tainted;

use std::{collections::BTreeMap, path::PathBuf, time::Instant};

use futures::{StreamExt, stream};

use self::{expected::Tally, files::TestFile, reasons::Reasons, run::FileRun, server::Server};

/// Files at a time: as many as the statements that one principal may run.
const FILES_AT_A_TIME: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn what_datafusion_expects_of_its_sql_holds_over_flight_sql() {
    let started = Instant::now();
    let reasons = Reasons::load();
    let skipped = files::skipped();
    let all = files::all();
    let stale = files::stale(&skipped, &all);
    assert!(stale.is_empty(), "skipped.toml names what is not there, or twice: {stale:?}");

    let only = std::env::var("SLUICE_SLT_FILES").ok();
    let chosen = |file: &&TestFile| only.as_deref().is_none_or(|globs| glob::any(globs.split(','), &file.name));
    let mut applicable: Vec<_> = all.iter().filter(|file| files::reason(&skipped, &file.name).is_none()).collect();
    // The longest first, so that none is left to run alone at the end.
    applicable.sort_by_key(|file| std::cmp::Reverse(file.bytes));
    let server = Server::start();
    let mut runs: Vec<FileRun> = stream::iter(applicable.iter().copied().filter(chosen))
        .map(|file| run::file(&server, &reasons, file))
        .buffer_unordered(FILES_AT_A_TIME)
        .collect()
        .await;
    server.stop();
    runs.sort_by(|a, b| a.name.cmp(&b.name));

    if let Some(path) = std::env::var_os("SLUICE_SLT_LOG") {
        std::fs::write(PathBuf::from(path), report::log(&runs)).unwrap();
    }
    let tallies: BTreeMap<String, Tally> = runs.iter().map(|run| (run.name.clone(), run.tally())).collect();
    println!("{}", report::summary(&tallies, all.len() - applicable.len(), started.elapsed()));
    let mut wrong: Vec<String> = runs.iter().flat_map(FileRun::unexplained).collect();
    if only.is_some() {
        wrong.extend(expected::differences(&expected::load(), &tallies, false));
    } else {
        wrong.extend(reasons.unused());
        if std::env::var_os("SLUICE_SLT_UPDATE").is_some() {
            expected::write(&tallies);
            report::write(&tallies, &skipped, &all, &reasons);
        }
        wrong.extend(expected::differences(&expected::load(), &tallies, true));
        wrong.extend(report::stale(&tallies, &skipped, &all, &reasons));
    }
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}
