//! What each stage of planning costs, per query.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sluice_bench::tpch::QUERIES;
use sluice_engine::{PlanningTimes, Session};

use crate::{
    figures::{Target, Times, micros},
    governed::parse_one,
};

/// What labelling, authorizing and enforcing may take of one query.
const MEDIAN_LIMIT_US: f64 = 300.0;
/// What they may take of any.
const WORST_LIMIT_US: f64 = 1000.0;

/// How long planning took.
pub(crate) struct StageFigures(Vec<Planned>);

/// What planning a query took.
#[derive(Default)]
struct Planned {
    number: usize,
    parse: Times,
    /// What is needed of the catalog.
    load: Times,
    bind: Times,
    label: Times,
    authorize: Times,
    enforce: Times,
    /// Label, authorize and enforce together.
    governance: Times,
    /// All of it.
    whole: Times,
}

/// Plans each query `plannings` times, after a tenth as often to warm up.
pub(crate) async fn measure(session: &Session, plannings: usize) -> anyhow::Result<StageFigures> {
    let mut figures: Vec<_> =
        QUERIES.iter().map(|query| Planned { number: query.number, ..Planned::default() }).collect();
    let warm_up = plannings.div_ceil(10);
    for round in 0..warm_up + plannings {
        for (query, figures) in QUERIES.iter().zip(&mut figures) {
            let started = Instant::now();
            let parsed = parse_one(query.text)?;
            let parse = started.elapsed();
            let times = session.time_planning(&parsed).await?;
            let whole = started.elapsed();
            if round >= warm_up {
                figures.add(parse, &times, whole);
            }
        }
    }
    Ok(StageFigures(figures))
}

impl Planned {
    fn add(&mut self, parse: Duration, times: &PlanningTimes, whole: Duration) {
        self.parse.push(parse);
        self.load.push(whole.saturating_sub(parse + times.bind + times.analysis()));
        self.bind.push(times.bind);
        self.label.push(times.label);
        self.authorize.push(times.authorize);
        self.enforce.push(times.enforce);
        self.governance.push(times.analysis());
        self.whole.push(whole);
    }

    fn stages(&self) -> [(&'static str, &Times); 8] {
        [
            ("parse", &self.parse),
            ("load", &self.load),
            ("bind", &self.bind),
            ("label", &self.label),
            ("authorize", &self.authorize),
            ("enforce", &self.enforce),
            ("governance", &self.governance),
            ("whole", &self.whole),
        ]
    }
}

impl StageFigures {
    /// The medians of what governance costs, one for each query.
    fn governance_medians(&self) -> Times {
        self.0.iter().map(|query| query.governance.median()).collect()
    }

    fn worst_governance(&self) -> Duration {
        self.0.iter().map(|query| query.governance.worst()).max().unwrap_or_default()
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let medians = self.governance_medians();
        let worst = self.0.iter().max_by_key(|query| query.governance.median()).map_or(0, |query| query.number);
        let target = |what: String, time, limit| Target::at_most(what, micros(time), limit, "µs");
        let what = "label, authorize and enforce:";
        vec![
            target(format!("{what} median of the queries"), medians.median(), MEDIAN_LIMIT_US),
            target(format!("{what} median of the worst query (q{worst})"), medians.worst(), MEDIAN_LIMIT_US),
            target(format!("{what} worst of all observations"), self.worst_governance(), WORST_LIMIT_US),
        ]
    }

    pub(crate) fn print(&self) {
        println!("\nplanning, microseconds: median (worst)");
        print!("{:>5}", "");
        for (name, _) in Planned::default().stages() {
            print!(" {name:>16}");
        }
        println!();
        for query in &self.0 {
            print!("{:>5}", format!("q{}", query.number));
            for (_, times) in query.stages() {
                print!(" {:>16}", format!("{:.0} ({:.0})", micros(times.median()), micros(times.worst())));
            }
            println!();
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let queries = self.0.iter().map(|query| {
            let stages = query.stages().map(|(name, times)| (name.to_owned(), times.to_json()));
            json!({ "query": query.number, "stages": Value::Object(stages.into_iter().collect()) })
        });
        let medians = self.governance_medians();
        json!({
            "queries": queries.collect::<Vec<_>>(),
            "governance": {
                "median_of_queries_us": micros(medians.median()),
                "worst_median_us": micros(medians.worst()),
                "worst_observation_us": micros(self.worst_governance()),
            },
        })
    }
}
