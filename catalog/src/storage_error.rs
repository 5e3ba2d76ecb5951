//! What is wrong with a table's files.

use std::{io, sync::Arc};

use arrow::datatypes::DataType;
use sluice_model::{ErrorClass, TableName};

use crate::CatalogError;

/// What is wrong with a table's files, or with what was to be written to them.
///
/// The errors of the libraries that read and write files may quote data and paths, and this text may reach somebody
/// who must not see either. So they are kept as a `cause` for the log, and are not part of the error chain.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The location is no URL of a kind that can be opened.
    #[error("its location is not a URL that can be opened: expected `file:///…`")]
    LocationInvalid,
    /// Nothing is at the location.
    #[error("`{file}` does not exist; put it back, or drop the table")]
    FileMissing {
        /// The last part of the location.
        file: String,
    },
    /// The folder holds nothing of the table's format.
    #[error("no file ending in `{extension}` is in `{folder}`; put one there, or drop the table")]
    NoFiles {
        /// The last part of the location.
        folder: String,
        /// The extension of the format, with its dot.
        extension: &'static str,
    },
    /// A file is damaged, or of another format.
    #[error("`{file}` cannot be read as {format}: it is damaged, incomplete or something else; replace it")]
    FileUnreadable {
        /// The file's name.
        file: String,
        /// The format that was expected.
        format: &'static str,
        /// What the reader says.
        cause: Box<datafusion::error::DataFusionError>,
    },
    /// The files of a folder do not make one table.
    #[error("the files in `{folder}` have columns of the same name and different types")]
    FilesDiffer {
        /// The last part of the location.
        folder: String,
        /// What the reader says.
        cause: Box<datafusion::error::DataFusionError>,
    },
    /// The location cannot be listed or read.
    #[error("`{file}` cannot be read")]
    Unreadable {
        /// The last part of the location.
        file: String,
        /// What the store says.
        cause: Box<object_store::Error>,
    },
    /// An option of the format has a value that it cannot have.
    #[error("option `{option}` is not valid: expected {expected}")]
    OptionInvalid {
        /// The option.
        option: &'static str,
        /// What it can be.
        expected: &'static str,
    },
    /// A version or time was asked for of something that keeps none.
    #[error("only Delta tables keep earlier versions")]
    NoVersions,

    /// The folder is not a Delta table.
    #[error("`{folder}` is not a Delta table: it has no `_delta_log` with entries")]
    NotDelta {
        /// The last part of the location.
        folder: String,
    },
    /// The table has no such version.
    #[error("version {version} does not exist; the latest is {latest}")]
    VersionMissing {
        /// The version that was asked for.
        version: u64,
        /// The newest that there is.
        latest: u64,
    },
    /// A time was asked for at which the table did not exist.
    #[error("the table's first version is from {}", rfc3339(*.first_ms))]
    BeforeFirst {
        /// When the first version was made, in milliseconds since 1970 (UTC).
        first_ms: i64,
    },
    /// An entry of the log that is needed is not there.
    #[error("the log entry for version {version} is missing; restore `_delta_log/{version:020}.json` from a backup")]
    LogGap {
        /// The version.
        version: u64,
    },
    /// An entry of the log holds nothing.
    #[error("the log entry for version {version} is empty; restore `_delta_log/{version:020}.json` from a backup")]
    LogEmpty {
        /// The version.
        version: u64,
    },
    /// The log cannot be read.
    #[error("its Delta log cannot be read: it is damaged, or uses features that Sluice does not know")]
    LogUnreadable {
        /// What the reader says.
        cause: Box<deltalake::DeltaTableError>,
    },

    /// A table was to be made where one is.
    #[error("a Delta table is already there")]
    TableThere,
    /// Somebody else has written to the table since it was read.
    #[error("the table was changed by another writer meanwhile; nothing was written, run it again")]
    ConcurrentWrite,
    /// A table needs a column.
    #[error("a table must have at least one column")]
    NoColumns,
    /// Two columns have names that Delta cannot tell apart.
    #[error("columns `{first}` and `{second}` have the same name but for upper and lower case; rename one")]
    DuplicateColumn {
        /// One of them.
        first: Arc<str>,
        /// The other.
        second: Arc<str>,
    },
    /// A column has a type that Delta has no place for.
    #[error("column `{column}` is of type {data_type}, which a table cannot store; cast it to another type")]
    UnsupportedType {
        /// The column.
        column: Arc<str>,
        /// Its type.
        data_type: DataType,
    },
    /// The columns that are written are not those of the table.
    #[error("column `{column}` is in only one of the table and what is written to it")]
    ColumnMismatch {
        /// The column.
        column: Arc<str>,
    },
    /// A column holds a value that the type in which it is stored cannot hold.
    #[error("a value of column `{column}` does not fit into {data_type}")]
    ValueOutOfRange {
        /// The column.
        column: Arc<str>,
        /// The type in which it is stored.
        data_type: DataType,
    },
    /// No space is left where the table is.
    #[error("the disk is full; nothing was committed")]
    DiskFull,
    /// A file cannot be written, removed or made durable.
    #[error("the table's files cannot be written")]
    Io(#[source] io::Error),
    /// A data file cannot be written.
    #[error("the table's files cannot be written")]
    Write {
        /// What the writer says.
        cause: Box<deltalake::DeltaTableError>,
    },
    /// What is to be committed cannot be put into words of the log.
    #[error("a Delta commit cannot be made")]
    Commit {
        /// What the library says.
        cause: Box<deltalake::DeltaTableError>,
    },
}

impl StorageError {
    /// Whose move it is.
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::LocationInvalid
            | Self::OptionInvalid { .. }
            | Self::NoVersions
            | Self::NotDelta { .. }
            | Self::VersionMissing { .. }
            | Self::BeforeFirst { .. }
            | Self::TableThere
            | Self::NoColumns
            | Self::DuplicateColumn { .. }
            | Self::UnsupportedType { .. }
            | Self::ColumnMismatch { .. }
            | Self::ValueOutOfRange { .. } => ErrorClass::Caller,
            Self::FileMissing { .. }
            | Self::NoFiles { .. }
            | Self::FileUnreadable { .. }
            | Self::FilesDiffer { .. }
            | Self::Unreadable { .. }
            | Self::LogGap { .. }
            | Self::LogEmpty { .. }
            | Self::LogUnreadable { .. }
            | Self::ConcurrentWrite
            | Self::DiskFull
            | Self::Io(_)
            | Self::Write { .. } => ErrorClass::Unavailable,
            Self::Commit { .. } => ErrorClass::Bug,
        }
    }

    /// This error, said of the table called `table`.
    pub fn of(self, table: &TableName) -> CatalogError {
        CatalogError::Storage { table: table.clone(), source: self }
    }

    pub(crate) fn log(cause: deltalake::DeltaTableError) -> Self {
        Self::LogUnreadable { cause: Box::new(cause) }
    }

    pub(crate) fn commit(cause: impl Into<deltalake::DeltaTableError>) -> Self {
        Self::Commit { cause: Box::new(cause.into()) }
    }

    pub(crate) fn write(cause: deltalake::DeltaTableError) -> Self {
        if is_disk_full(&cause) { Self::DiskFull } else { Self::Write { cause: Box::new(cause) } }
    }
}

impl From<io::Error> for StorageError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::StorageFull { Self::DiskFull } else { Self::Io(error) }
    }
}

/// Whether somewhere below `error` the operating system has said that no space is left.
fn is_disk_full(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::StorageFull)
}

fn rfc3339(at_ms: i64) -> String {
    chrono::DateTime::from_timestamp_millis(at_ms).map(|at| at.to_rfc3339()).unwrap_or_else(|| format!("{at_ms} ms"))
}
