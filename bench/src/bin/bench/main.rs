//! What governance costs: `bench`, by itself or part by part with `--only`.
//!
//! Times are wall times in one process, and what is compared takes turns, so that whatever else the machine does
//! disturbs both sides alike. Every figure goes to a file as JSON; the terminal shows the tables that matter, and at
//! the end whether the targets are met.

mod catalogs;
mod figures;
mod governed;
mod machine;
mod options;
mod plain;
mod queries;
mod rows;
mod stages;
mod tpch_home;

use std::fs;

use clap::Parser;
use serde_json::{Map, Value, json};

use figures::Target;
use machine::Machine;
use options::{Options, Part};
use plain::Plain;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let machine = Machine::read();
    machine.print();
    let date = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let mut results = Map::from_iter([
        ("date".to_owned(), date.into()),
        ("machine".to_owned(), machine.to_json()),
        ("versions".to_owned(), Machine::versions()),
        (
            "options".to_owned(),
            json!({
                "scale": options.scale, "tables": options.tables, "grants": options.grants, "runs": options.runs,
                "plannings": options.plannings, "rounds": options.rounds,
            }),
        ),
    ]);
    let mut targets = Vec::new();
    if options.includes(Part::Queries) || options.includes(Part::Stages) {
        measure_tpch(&options, &mut results, &mut targets).await?;
    }
    if options.includes(Part::Catalogs) {
        let figures = catalogs::measure(&options).await?;
        figures.print();
        targets.extend(figures.targets());
        results.insert("catalogs".to_owned(), figures.to_json());
    }
    println!();
    targets.iter().for_each(Target::print);
    results.insert("targets".to_owned(), targets.iter().map(Target::to_json).collect());
    write(&options, results)
}

/// The parts that are about the TPC-H queries.
async fn measure_tpch(
    options: &Options,
    results: &mut Map<String, Value>,
    targets: &mut Vec<Target>,
) -> anyhow::Result<()> {
    let data = tpch_home::data(&options.data(), options.scale)?;
    let engine = tpch_home::make(&options.data().join("tpch-home"), &data).await?;
    let mut session = governed::session(&engine, Some(tpch_home::READER)).await?;
    if options.includes(Part::Queries) {
        let plain = Plain::open(engine.home().settings(), &engine.home().dir().join("tmp"), &data).await?;
        let figures = queries::measure(&mut session, &plain, options.runs).await?;
        figures.print();
        targets.extend(figures.targets());
        results.insert("queries".to_owned(), figures.to_json());
    }
    if options.includes(Part::Stages) {
        let figures = stages::measure(&session, options.plannings).await?;
        figures.print();
        targets.extend(figures.targets());
        results.insert("stages".to_owned(), figures.to_json());
    }
    engine.catalog().close().await;
    Ok(())
}

fn write(options: &Options, results: Map<String, Value>) -> anyhow::Result<()> {
    let path = options.json();
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(&path, serde_json::to_string_pretty(&Value::Object(results))? + "\n")?;
    println!("\nall figures: {}", path.display());
    Ok(())
}
