//! What planning takes as the catalog grows.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Contents, tables::MODELS};
use crate::figures::{Target, Times, micros, ratio};

/// How much longer planning may take where the catalog is large.
const LIMIT: f64 = 1.2;

/// What was measured in one home.
pub(super) struct Measured {
    pub(super) contents: Contents,
    /// Opening the home and a session in it.
    pub(super) open: Times,
    /// Planning the first statement after that.
    pub(super) first: Times,
    /// Planning over tables that the engine has not met.
    pub(super) unmet: Times,
    /// Planning over tables that it has met.
    pub(super) met: Times,
}

impl Measured {
    pub(super) fn new(contents: Contents) -> Self {
        let (open, first, unmet, met) = Default::default();
        Self { contents, open, first, unmet, met }
    }

    fn title(&self) -> String {
        let grants = self.contents.grants.map(|grants| format!(", {grants} grants")).unwrap_or_default();
        format!("{} tables{grants}", self.contents.tables)
    }

    fn times(&self) -> [(&'static str, &Times); 4] {
        [
            ("open", &self.open),
            ("first statement", &self.first),
            ("tables not met", &self.unmet),
            ("tables met", &self.met),
        ]
    }

    fn is_large(&self) -> bool {
        self.contents.tables > MODELS
    }
}

/// What was measured in all homes.
pub(crate) struct CatalogFigures {
    measured: Vec<Measured>,
    built: Vec<(Contents, Duration)>,
}

impl CatalogFigures {
    pub(super) fn new(measured: Vec<Measured>, built: &[(Contents, Duration)]) -> Self {
        Self { measured, built: built.to_vec() }
    }

    /// The home that `other` is compared with: as many grants, and few tables.
    fn small<'a>(&'a self, other: &'a Measured) -> &'a Measured {
        let same_grants = |small: &&Measured| !small.is_large() && small.contents.grants == other.contents.grants;
        self.measured.iter().find(same_grants).unwrap_or(other)
    }

    /// The home with the least in it.
    fn least<'a>(&'a self, other: &'a Measured) -> &'a Measured {
        self.measured.first().unwrap_or(other)
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let mut targets = Vec::new();
        for home in self.measured.iter().filter(|home| home.is_large()) {
            let small = self.small(home);
            let times = home.times().into_iter().zip(small.times());
            for ((name, times), (_, base)) in times.filter(|((name, _), _)| name.starts_with("tables")) {
                let what = format!("planning, {name}: {} / {}", home.title(), small.contents.tables);
                targets.push(Target::at_most(what, ratio(times.median(), base.median()), LIMIT, ""));
            }
        }
        targets
    }

    pub(crate) fn print(&self) {
        println!("\nplanning two tables of 20 tagged columns each, microseconds: median (p90)");
        print!("{:>30}", "");
        for (name, _) in Measured::new(Contents { tables: 0, grants: None }).times() {
            print!(" {name:>18} {:>6}", "ratio");
        }
        println!();
        for home in &self.measured {
            print!("{:>30}", home.title());
            for ((_, times), (_, base)) in home.times().into_iter().zip(self.least(home).times()) {
                let shown = format!("{:.0} ({:.0})", micros(times.median()), micros(times.quantile(0.9)));
                print!(" {shown:>18} {:>6.2}", ratio(times.median(), base.median()));
            }
            println!();
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let homes = self.measured.iter().map(|home| {
            let times = home.times().map(|(name, times)| (name.replace(' ', "_"), times.to_json()));
            let built = self.built.iter().find(|(contents, _)| *contents == home.contents);
            json!({
                "tables": home.contents.tables,
                "columns_per_table": super::tables::COLUMNS,
                "grants": home.contents.grants,
                "built_in_s": built.map(|(_, time)| time.as_secs_f64()),
                "planning": Value::Object(times.into_iter().collect()),
            })
        });
        Value::Array(homes.collect())
    }
}
