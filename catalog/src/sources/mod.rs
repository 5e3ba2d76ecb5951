//! Opening the files of a table, pinned to the state in which they are found.

mod delta;
mod delta_log;
mod delta_scan;
mod kept_rows;
mod listing;
mod parquet_footer;

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use sluice_model::TableName;
use url::Url;

pub(crate) use delta_log::DeltaLog;
pub use delta_scan::{is_small, rows_at_hand};

use crate::{CatalogError, Format, StorageError, StoredTag, TableSource, TableVersion};

/// A table's files, opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// Where the rows come from.
    pub(crate) provider: Arc<dyn TableProvider>,
    /// The Delta version that is pinned.
    pub(crate) version: Option<u64>,
    /// The tags that this very version carries with it.
    pub(crate) carried: CarriedTags,
    reading: Reading,
    state: FileState,
}

/// For each column the tags on it and on the table's rows that the files themselves tell of; `None` where they hold
/// something malformed in their place.
pub(crate) type CarriedTags = HashMap<Arc<str>, Option<(Vec<StoredTag>, Vec<StoredTag>)>>;

/// What the files looked like when they were opened: while they look the same, they need not be opened again.
#[derive(Debug)]
enum FileState {
    Listing(listing::ListingState),
    Delta(delta::DeltaState),
}

/// What a session decides about how its tables are read.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    view_types: bool,
    pushdown_filters: bool,
}

impl Reading {
    fn of(session: &dyn Session) -> Self {
        let parquet = &session.config_options().execution.parquet;
        Self { view_types: parquet.schema_force_view_types, pushdown_filters: parquet.pushdown_filters }
    }
}

impl Opened {
    fn new(session: &dyn Session, provider: Arc<dyn TableProvider>, state: FileState) -> Self {
        Self { provider, version: None, carried: CarriedTags::new(), reading: Reading::of(session), state }
    }

    /// Whether opening the files again would give the same.
    pub(crate) async fn is_current(&self, session: &dyn Session) -> bool {
        self.reading == Reading::of(session)
            && match &self.state {
                FileState::Listing(state) => state.is_current(session).await,
                FileState::Delta(state) => state.is_current().await,
            }
    }
}

/// Opens what is at the location of `source` in the state `at`; nothing for a view.
pub(crate) async fn open(
    session: &dyn Session,
    source: &TableSource,
    at: TableVersion,
) -> Result<Option<Opened>, StorageError> {
    let delta = matches!(source, TableSource::Managed { .. } | TableSource::External { format: Format::Delta, .. });
    if at != TableVersion::Latest && !delta {
        return Err(StorageError::NoVersions);
    }
    let opened = match source {
        TableSource::View { .. } => return Ok(None),
        TableSource::Managed { location } => delta::open(session, &parse_location(location)?, at).await?,
        TableSource::External { format: Format::Delta, location, .. } => {
            let opened = delta::open(session, &parse_location(location)?, at).await?;
            // Whoever keeps these files could call a column public in them. Only this home's catalog classifies.
            Opened { carried: CarriedTags::new(), ..opened }
        }
        TableSource::External { format, location, options } => {
            listing::open(session, &parse_location(location)?, *format, options).await?
        }
    };
    Ok(Some(opened))
}

/// The columns that the files of `source` have, for a table that is about to be made of them. A view has none.
///
/// # Errors
/// [`CatalogError::Storage`] if they cannot be opened.
pub async fn describe_files(
    session: &dyn Session,
    table: &TableName,
    source: &TableSource,
) -> Result<SchemaRef, CatalogError> {
    let opened = open(session, source, TableVersion::Latest).await.map_err(|error| error.of(table))?;
    Ok(opened.map_or_else(|| arrow::datatypes::Schema::empty().into(), |opened| opened.provider.schema()))
}

pub(crate) fn parse_location(location: &str) -> Result<Url, StorageError> {
    let url = Url::parse(location).map_err(|_| StorageError::LocationInvalid)?;
    if url.cannot_be_a_base() { Err(StorageError::LocationInvalid) } else { Ok(url) }
}

/// The last part of `location`, which says which file is meant without saying where it lies.
pub(crate) fn short_name(location: &Url) -> String {
    let path = object_store::path::Path::from_url_path(location.path());
    path.ok().and_then(|path| path.filename().map(str::to_owned)).unwrap_or_else(|| "/".to_owned())
}
