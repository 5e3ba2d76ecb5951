//! TPC-H data, and a home over it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use sluice_bench::tpch;
use sluice_engine::Engine;

use crate::governed::{self, ADMIN};

/// Who runs the queries: `datasets/tpch/classification.sql` lets them read everything.
pub(crate) const READER: &str = "tpch_officer";

/// The folder of the data at `scale`, which is generated where it is not there.
pub(crate) fn data(folder: &Path, scale: f64) -> anyhow::Result<PathBuf> {
    let data = folder.join(format!("tpch-{scale}"));
    if !tpch::is_complete(&data) {
        let started = Instant::now();
        println!("generating TPC-H at scale {scale} in {}", data.display());
        tpch::generate(scale, &data, |_, _| {})?;
        println!("generated in {:.1} s", started.elapsed().as_secs_f64());
    }
    Ok(data)
}

/// A new home in `dir` over the files in `data`, classified.
pub(crate) async fn make(dir: &Path, data: &Path) -> anyhow::Result<Engine> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    let engine = Engine::create(dir, ADMIN).await?;
    let mut admin = governed::session(&engine, None).await?;
    governed::run_script(&mut admin, tpch::CLASSIFICATION, data).await?;
    Ok(engine)
}
