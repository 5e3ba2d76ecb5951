//! The 22 queries, governed and plain, in turn.

use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use serde_json::{Value, json};
use sluice_bench::tpch::{QUERIES, Query};
use sluice_engine::Session;

use crate::{
    figures::{Target, Times, millis, ratio},
    governed,
    plain::Plain,
    rows,
};

/// How much longer a governed query may take than a plain one.
const LIMIT: f64 = 1.02;

/// How long the queries took.
pub(crate) struct QueryFigures(Vec<Compared>);

/// A query's times, both ways.
struct Compared {
    number: usize,
    rows: usize,
    plain: Times,
    governed: Times,
}

/// Runs each query once each way, compares the rows, and then `runs` times more each way.
pub(crate) async fn measure(session: &mut Session, plain: &Plain, runs: usize) -> anyhow::Result<QueryFigures> {
    let mut figures = Vec::with_capacity(QUERIES.len());
    for query in QUERIES {
        let rows = compare(session, plain, &query).await.with_context(|| format!("query {}", query.number))?;
        let (plain, governed) = (Times::default(), Times::default());
        figures.push(Compared { number: query.number, rows, plain, governed });
    }
    for run in 0..runs {
        for (query, figures) in QUERIES.iter().zip(&mut figures) {
            // Whoever comes second finds caches warmed by the first.
            for first in [true, false] {
                if first == (run + query.number).is_multiple_of(2) {
                    figures.plain.push(time_plain(plain, query, figures.rows).await?);
                } else {
                    figures.governed.push(time_governed(session, query, figures.rows).await?);
                }
            }
        }
    }
    Ok(QueryFigures(figures))
}

async fn time_plain(plain: &Plain, query: &Query, rows: usize) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let stream = plain.start(query.text).await?;
    finish(started, stream, rows).await
}

async fn time_governed(session: &mut Session, query: &Query, rows: usize) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let stream = governed::start(session, query.text).await?;
    finish(started, stream, rows).await
}

/// Takes every row out of `stream`; there have to be `rows`.
async fn finish(started: Instant, mut stream: SendableRecordBatchStream, rows: usize) -> anyhow::Result<Duration> {
    let mut found = 0;
    while let Some(batch) = stream.try_next().await? {
        found += batch.num_rows();
    }
    let elapsed = started.elapsed();
    if found != rows {
        bail!("{found} rows where there were {rows}");
    }
    Ok(elapsed)
}

/// Checks that a query gives the same both ways, and answers how many rows that are.
async fn compare(session: &mut Session, plain: &Plain, query: &Query) -> anyhow::Result<usize> {
    let governed: Vec<RecordBatch> = governed::start(session, query.text).await?.try_collect().await?;
    let plain: Vec<RecordBatch> = plain.start(query.text).await?.try_collect().await?;
    let (mut governed, mut plain) = (rows::render(&governed)?, rows::render(&plain)?);
    if query.is_ordered() && governed != plain {
        println!("q{}: rows come in another order", query.number);
    }
    governed.sort_unstable();
    plain.sort_unstable();
    if governed != plain {
        bail!("governed and plain rows differ: {} and {}", governed.len(), plain.len());
    }
    Ok(plain.len())
}

impl QueryFigures {
    fn total(&self, of: impl Fn(&Compared) -> Duration) -> Duration {
        self.0.iter().map(of).sum()
    }

    pub(crate) fn targets(&self) -> Vec<Target> {
        let ratio = ratio(self.total(|query| query.governed.median()), self.total(|query| query.plain.median()));
        vec![Target::at_most("total of the 22 medians, governed / plain", ratio, LIMIT, "")]
    }

    pub(crate) fn print(&self) {
        println!("\nTPC-H, milliseconds from text to last row");
        println!("{:>5} {:>7} {:>11} {:>11} {:>7}   {:>11} {:>11}", "", "rows", "plain", "governed", "ratio", "", "");
        for query in &self.0 {
            let (plain, governed) = (&query.plain, &query.governed);
            println!(
                "{:>5} {:>7} {:>11.2} {:>11.2} {:>7.3}   {:>11.2} {:>11.2} shortest",
                format!("q{}", query.number),
                query.rows,
                millis(plain.median()),
                millis(governed.median()),
                ratio(governed.median(), plain.median()),
                millis(plain.shortest()),
                millis(governed.shortest()),
            );
        }
        let medians = (self.total(|query| query.plain.median()), self.total(|query| query.governed.median()));
        let shortest = (self.total(|query| query.plain.shortest()), self.total(|query| query.governed.shortest()));
        for (name, (plain, governed)) in [("medians", medians), ("shortest", shortest)] {
            let ratio = ratio(governed, plain);
            println!("total of {name:<8} {:>7.1} {:>11.1} {ratio:>7.4}", millis(plain), millis(governed));
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        let queries = self.0.iter().map(|query| {
            json!({
                "query": query.number,
                "rows": query.rows,
                "plain": query.plain.to_json(),
                "governed": query.governed.to_json(),
                "ratio_of_medians": ratio(query.governed.median(), query.plain.median()),
            })
        });
        let (plain, governed) = (self.total(|query| query.plain.median()), self.total(|query| query.governed.median()));
        let shortest = (self.total(|query| query.plain.shortest()), self.total(|query| query.governed.shortest()));
        json!({
            "queries": queries.collect::<Vec<_>>(),
            "total_of_medians": {
                "plain_ms": millis(plain), "governed_ms": millis(governed), "ratio": ratio(governed, plain),
            },
            "total_of_shortest": {
                "plain_ms": millis(shortest.0), "governed_ms": millis(shortest.1),
                "ratio": ratio(shortest.1, shortest.0),
            },
        })
    }
}
