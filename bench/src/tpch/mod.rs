//! TPC-H at any scale: tables as Parquet, their classification, and the queries.

mod error;
mod queries;
mod table;
mod write;

use std::{fs, path::Path};

pub use error::TpchError;
pub use queries::{QUERIES, Query};
pub use table::Table;

/// What classifies the tables; it lies in the folder of their files.
pub const CLASSIFICATION: &str = include_str!("../../../datasets/tpch/classification.sql");

/// The name of the file that holds [`CLASSIFICATION`].
pub const CLASSIFICATION_FILE: &str = "classification.sql";

/// Writes every table at `scale` to `dir`, and the classification beside them. `written` is told of each table that
/// is done, and how many rows it has. 1 is about a gigabyte of text, and a third of that as Parquet.
///
/// # Errors
/// [`TpchError`]; the tables that were done are left.
pub fn generate(scale: f64, dir: &Path, mut written: impl FnMut(Table, u64)) -> Result<(), TpchError> {
    for table in Table::ALL {
        written(table, table.write(scale, dir)?);
    }
    let path = dir.join(CLASSIFICATION_FILE);
    fs::write(&path, CLASSIFICATION).map_err(TpchError::io(&path))
}

/// Whether `dir` holds what [`generate`] writes there, of whatever scale.
pub fn is_complete(dir: &Path) -> bool {
    // Written last.
    dir.join(CLASSIFICATION_FILE).is_file() && Table::ALL.iter().all(|table| dir.join(table.file_name()).is_file())
}
