//! What can go wrong while generating.

use std::{
    io,
    path::{Path, PathBuf},
};

use datafusion::parquet::errors::ParquetError;

/// Why data was not generated.
#[derive(Debug, thiserror::Error)]
pub enum TpchError {
    /// A scale that is no size.
    #[error("the scale factor is {0}; it has to be a number over 0")]
    Scale(f64),
    /// A file or folder that cannot be written.
    #[error("`{path}` cannot be written")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Rows that cannot be made into Parquet.
    #[error("`{path}` cannot be written")]
    Parquet {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ParquetError,
    },
}

impl TpchError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl Fn(ParquetError) -> Self {
        let path = path.to_owned();
        move |source| Self::Parquet { path: path.clone(), source }
    }
}
