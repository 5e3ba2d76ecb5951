//! TPC-H data and queries for measuring, beside the binaries: `bench` measures the engine and `flight_load` a server, with
//! `bare_flight` to compare it with; `tpch` writes data.
//!
//! Nothing of the product depends on this crate. It uses [`sluice_engine`](../sluice_engine/index.html) as the command
//! line does, through sessions.
//!
//! # Guarantees
//!
//! - Data of a scale factor is the same each time, and its generation holds one row group in memory at most.
//! - A table's file appears under its name only once it is complete.
//!
//! # Non-guarantees
//!
//! - Results of running the queries are no TPC-H results: neither the data nor the runs are audited.
//!
//! ```
//! use sluice_bench::tpch;
//!
//! let dir = std::env::temp_dir().join(format!("sluice-tpch-{}", std::process::id()));
//! let rows = tpch::Table::Nation.write(1.0, &dir)?;
//! assert_eq!(rows, 25);
//! assert!(tpch::QUERIES[0].text.contains("tpch.lineitem"));
//! # std::fs::remove_dir_all(&dir)?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

pub mod tpch;
