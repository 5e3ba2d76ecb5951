//! `expected.toml`: what passed, and what did not for which reason.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::files;

/// The records of one file.
#[derive(Debug, Default, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Tally {
    pub(super) passed: usize,
    /// How many did not pass, by reason.
    #[serde(flatten)]
    pub(super) not_passed: BTreeMap<String, usize>,
}

pub(super) fn load() -> BTreeMap<String, Tally> {
    let text = std::fs::read_to_string(files::folder().join("expected.toml")).unwrap_or_default();
    toml::from_str(&text).unwrap_or_else(|error| panic!("expected.toml: {error}"))
}

/// Files whose numbers differ; with `whole`, also files that did not run.
pub(super) fn differences(
    expected: &BTreeMap<String, Tally>,
    found: &BTreeMap<String, Tally>,
    whole: bool,
) -> Vec<String> {
    let mut differences: Vec<_> = found
        .iter()
        .filter(|(name, tally)| expected.get(*name) != Some(*tally))
        .map(|(name, tally)| match expected.get(name) {
            Some(before) => format!("{name}: expected {}, found {}", line(before), line(tally)),
            None => format!("{name} is missing in expected.toml: found {}", line(tally)),
        })
        .collect();
    if whole {
        let stale = expected.keys().filter(|name| !found.contains_key(*name));
        differences.extend(stale.map(|name| format!("{name} is in expected.toml and did not run")));
    }
    differences
}

pub(super) fn write(tallies: &BTreeMap<String, Tally>) {
    let mut text = "# Written by the test: see tests/tests/all/slt. For each file, how many records passed, and how many did not for which\n\
                    # reason of reasons.toml; `after x` stands on a record that did not pass for x.\n"
        .to_owned();
    for (name, tally) in tallies {
        text.push_str(&format!("{name:?} = {}\n", line(tally)));
    }
    std::fs::write(files::folder().join("expected.toml"), text).unwrap();
}

/// An inline table.
fn line(tally: &Tally) -> String {
    let reasons = tally.not_passed.iter().map(|(reason, count)| format!(", {} = {count}", key(reason)));
    format!("{{ passed = {}{} }}", tally.passed, reasons.collect::<String>())
}

fn key(reason: &str) -> String {
    if reason.contains(' ') { format!("{reason:?}") } else { reason.to_owned() }
}
