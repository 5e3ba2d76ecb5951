//! What is measured, and over what.

use std::{env, path::PathBuf};

use clap::{Parser, ValueEnum};

/// Measures what governance costs: while queries run, while they are planned, and as the catalog grows.
#[derive(Debug, Clone, Parser)]
#[command(name = "bench")]
pub(crate) struct Options {
    /// The scale factor of the TPC-H data.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) scale: f64,
    /// How many tables the large catalog holds.
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) tables: usize,
    /// How many grants a catalog with many of them holds.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) grants: usize,
    /// How often each query is run, after once to warm up.
    #[arg(long, default_value_t = 7)]
    pub(crate) runs: usize,
    /// How often the planning of each query is timed, after a tenth as often to warm up.
    #[arg(long, default_value_t = 200)]
    pub(crate) plannings: usize,
    /// How often the catalogs are opened anew.
    #[arg(long, default_value_t = 8)]
    pub(crate) rounds: usize,
    /// Where generated data and large catalogs are kept from one time to the next [default: $HOME/.cache/sluice/bench]
    #[arg(long)]
    data: Option<PathBuf>,
    /// The file that takes all figures [default: bench-results.json in the build folder]
    #[arg(long)]
    json: Option<PathBuf>,
    /// Measure this part alone.
    #[arg(long)]
    only: Option<Part>,
    /// Make the large catalogs anew, also where they are there from an earlier time.
    #[arg(long)]
    pub(crate) fresh: bool,
}

/// A part of the measurements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The 22 queries, governed and plain.
    Queries,
    /// The stages of planning.
    Stages,
    /// Planning over small and large catalogs.
    Catalogs,
}

impl Options {
    pub(crate) fn includes(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }

    /// Where generated data and catalogs are kept.
    pub(crate) fn data(&self) -> PathBuf {
        let default = || {
            let home = env::var_os("HOME").map_or_else(env::temp_dir, PathBuf::from);
            home.join(".cache/sluice/bench")
        };
        self.data.clone().unwrap_or_else(default)
    }

    /// The file that takes all figures.
    pub(crate) fn json(&self) -> PathBuf {
        let default = || env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
        self.json.clone().unwrap_or_else(|| default().join("bench-results.json"))
    }
}
