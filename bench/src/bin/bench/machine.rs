//! On what, and with what, it was measured.

use std::{fs, thread};

use serde_json::{Value, json};

/// The machine and the versions.
#[derive(Debug)]
pub(crate) struct Machine {
    cores: usize,
    memory_mb: u64,
    processor: String,
    load: String,
}

impl Machine {
    /// The machine that this runs on. What it does not tell is left empty.
    pub(crate) fn read() -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_mb: field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse::<u64>().unwrap_or(0) / 1024,
            processor: field("/proc/cpuinfo", "model name"),
            load: load.split_whitespace().take(3).collect::<Vec<_>>().join(" "),
        }
    }

    pub(crate) fn print(&self) {
        let Self { cores, memory_mb, processor, load } = self;
        println!("{cores} cores ({processor}), {memory_mb} MiB, load before: {load}");
        println!("sluice {}, DataFusion {}", env!("CARGO_PKG_VERSION"), datafusion::DATAFUSION_VERSION);
        if cfg!(debug_assertions) {
            println!("NOT OPTIMIZED: these figures say nothing; build with --release");
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "cores": self.cores,
            "memory_mb": self.memory_mb,
            "processor": self.processor,
            "load_before": self.load,
            "optimized": !cfg!(debug_assertions),
        })
    }

    /// The versions of what is measured.
    pub(crate) fn versions() -> Value {
        json!({
            "sluice": env!("CARGO_PKG_VERSION"),
            "datafusion": datafusion::DATAFUSION_VERSION,
            "arrow": arrow::ARROW_VERSION,
        })
    }
}

/// The first `name: value` of a file of such lines.
fn field(path: &str, name: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let found = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}
