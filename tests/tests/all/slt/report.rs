//! What people read: the summary, the log, and `docs/reference/slt.md`.

use std::{
    collections::BTreeMap,
    fmt::Write,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    expected::Tally,
    files::{Skipped, TestFile},
    glob,
    reasons::Reasons,
    run::FileRun,
};

/// Files, records and reasons in a few lines.
pub(super) fn summary(tallies: &BTreeMap<String, Tally>, skipped: usize, took: Duration) -> String {
    let passed: usize = tallies.values().map(|tally| tally.passed).sum();
    let reasons = by_reason(tallies);
    let not_passed: usize = reasons.values().sum();
    let mut text = format!(
        "{} files run, {skipped} skipped; {passed} records passed, {not_passed} not, in {} s\n",
        tallies.len(),
        took.as_secs()
    );
    for (reason, count) in reasons {
        let _ = writeln!(text, "{count:>7} {reason}");
    }
    text
}

/// Each record that did not pass, and how long each file took.
pub(super) fn log(runs: &[FileRun]) -> String {
    let mut text = String::new();
    for run in runs {
        let _ = writeln!(text, "==== {} took {:.1} s", run.name, run.took.as_secs_f64());
        for record in &run.not_passed {
            let _ = writeln!(text, "==== [{}] {record}", record.reason.as_deref().unwrap_or("unexplained"));
        }
    }
    text
}

/// Writes `docs/reference/slt.md`.
pub(super) fn write(tallies: &BTreeMap<String, Tally>, skipped: &Skipped, all: &[TestFile], reasons: &Reasons) {
    std::fs::write(page(), text(tallies, skipped, all, reasons)).unwrap();
}

/// A difference if `docs/reference/slt.md` says something else.
pub(super) fn stale(
    tallies: &BTreeMap<String, Tally>,
    skipped: &Skipped,
    all: &[TestFile],
    reasons: &Reasons,
) -> Option<String> {
    let written = std::fs::read_to_string(page()).unwrap_or_default();
    (written != text(tallies, skipped, all, reasons))
        .then(|| "docs/reference/slt.md is stale: run with SLUICE_SLT_UPDATE=1".to_owned())
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reference/slt.md")
}

fn text(tallies: &BTreeMap<String, Tally>, skipped: &Skipped, all: &[TestFile], reasons: &Reasons) -> String {
    let passed: usize = tallies.values().map(|tally| tally.passed).sum();
    let not_passed = by_reason(tallies);
    let mut text = format!(
        "# DataFusion's SQL tests\n\n\
         DataFusion tests its SQL by {} files of statements and expected answers (`.slt`). They are run over Flight SQL\n\
         against `sluice serve`, each in a schema and a session of its own, as a principal who may read what nobody has\n\
         classified. {} files run: {passed} of their records pass, {} do not. {} files are skipped. This page is written by the\n\
         test (`tests/tests/all/slt`), which fails when a number changes.\n\n\
         Where a record expects an error, any error passes, since Sluice has texts of its own. Where a statement orders\n\
         nothing, rows pass in any order.\n\n\
         ## Records that do not pass\n\n\
         | reason | records | standing on one of these | why |\n|---|--:|--:|---|\n",
        all.len(),
        tallies.len(),
        not_passed.values().sum::<usize>(),
        all.len() - tallies.len(),
    );
    let count = |name: &str| not_passed.get(name).copied().unwrap_or_default();
    for (name, why) in reasons.sentences() {
        let _ = writeln!(text, "| {name} | {} | {} | {why} |", count(name), count(&format!("after {name}")));
    }
    text.push_str("\n## Files that are skipped\n\n| files | number | why |\n|---|--:|---|\n");
    for (pattern, why) in skipped {
        let number = all.iter().filter(|file| glob::matches(pattern, &file.name)).count();
        let _ = writeln!(text, "| `{pattern}` | {number} | {why} |");
    }
    text.push_str("\n## Files that run\n\n| file | passed | not |\n|---|--:|--:|\n");
    for (name, tally) in tallies {
        let _ = writeln!(text, "| `{name}` | {} | {} |", tally.passed, tally.not_passed.values().sum::<usize>());
    }
    text
}

fn by_reason(tallies: &BTreeMap<String, Tally>) -> BTreeMap<String, usize> {
    let mut reasons = BTreeMap::new();
    for (reason, count) in tallies.values().flat_map(|tally| &tally.not_passed) {
        *reasons.entry(reason.clone()).or_default() += count;
    }
    reasons
}
