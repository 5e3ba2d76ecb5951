//! Generates TPC-H data as Parquet: `tpch --scale 1 --out DIR`.

use std::{path::PathBuf, time::Instant};

use clap::Parser;
use sluice_bench::tpch;

/// Generates TPC-H data as Parquet, one file per table, and the classification beside it.
#[derive(Debug, Parser)]
#[command(name = "tpch")]
struct Options {
    /// The scale factor: 1 is about a gigabyte of text.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// The folder to write to; made if it is not there.
    #[arg(long)]
    out: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    let started = Instant::now();
    tpch::generate(options.scale, &options.out, |table, rows| {
        println!("{:<9} {rows:>12} rows {:>8.1} s", table.name(), started.elapsed().as_secs_f64());
    })?;
    println!("{}: load it with `sluice sql -f {}`", options.out.display(), tpch::CLASSIFICATION_FILE);
    Ok(())
}
