//! Parquet, CSV and JSON: a file, or all files of a folder.

use std::{path::Path as FilePath, sync::Arc};

use datafusion::{
    catalog::Session,
    datasource::{
        file_format::{FileFormat, csv::CsvFormat, json::JsonFormat, parquet::ParquetFormat},
        listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl},
    },
    error::DataFusionError,
};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, path::Path};
use serde_json::Value;
use url::Url;

use super::{FileState, Opened, parquet_footer, short_name};
use crate::{Format, StorageError};

/// Which files a table was opened from.
#[derive(Debug)]
pub(super) struct ListingState {
    location: Url,
    format: Format,
    files: Vec<ObjectMeta>,
}

impl ListingState {
    pub(super) async fn is_current(&self, session: &dyn Session) -> bool {
        find_files(session, &self.location, self.format).await.is_ok_and(|found| found.files == self.files)
    }
}

/// The files of a table, and the store that they are in.
struct Found {
    store: Arc<dyn ObjectStore>,
    files: Vec<ObjectMeta>,
}

pub(super) async fn open(
    session: &dyn Session,
    location: &Url,
    format: Format,
    options: &Value,
) -> Result<Opened, StorageError> {
    let file_format = file_format(session, format, options)?;
    let found = find_files(session, location, format).await?;
    if format == Format::Parquet {
        parquet_footer::check(&found.store, &found.files).await?;
    }
    let schema = match file_format.infer_schema(session, &found.store, &found.files).await {
        Ok(schema) => schema,
        Err(cause) => return Err(blame(session, location, format, file_format.as_ref(), &found, cause).await),
    };
    // Each file by its own name, and by any: a file that appears later is not part of what was opened, and what was
    // found decides, not its extension.
    let paths: Result<Vec<_>, _> = found.files.iter().map(|file| file_url(location, &file.location)).collect();
    let config = ListingTableConfig::new_with_multi_paths(paths?)
        .with_listing_options(ListingOptions::new(file_format).with_file_extension(""))
        .with_schema(schema);
    let unreadable = |cause| unreadable(short_name(location), format, cause);
    let table = ListingTable::try_new(config).map_err(unreadable)?;
    let table = table.with_cache(session.runtime_env().cache_manager.get_file_statistic_cache());
    let state = ListingState { location: location.clone(), format, files: found.files };
    Ok(Opened::new(session, Arc::new(table), FileState::Listing(state)))
}

/// The endings of the names that are taken from a folder; the first is the usual one.
fn extensions(format: Format) -> &'static [&'static str] {
    match format {
        Format::Parquet => &[".parquet"],
        Format::Csv => &[".csv"],
        Format::Json => &[".json", ".ndjson", ".jsonl"],
        Format::Delta => &[],
    }
}

async fn find_files(session: &dyn Session, location: &Url, format: Format) -> Result<Found, StorageError> {
    let unreadable = |cause| StorageError::Unreadable { file: short_name(location), cause: Box::new(cause) };
    let listing = ListingTableUrl::try_new(location.clone(), None).map_err(|_| StorageError::LocationInvalid)?;
    let store = session.runtime_env().object_store(&listing).map_err(|_| StorageError::LocationInvalid)?;
    if !listing.is_collection() {
        match store.head(listing.prefix()).await {
            Ok(file) => return Ok(Found { store, files: vec![file] }),
            // It may be a folder whose location was written without a final slash.
            Err(object_store::Error::NotFound { .. }) => {}
            Err(cause) => return Err(unreadable(cause)),
        }
    }
    let all: Vec<ObjectMeta> = store.list(Some(listing.prefix())).try_collect().await.map_err(unreadable)?;
    if all.is_empty() && !is_local_folder(location) {
        return Err(StorageError::FileMissing { file: short_name(location) });
    }
    let wanted = extensions(format);
    let mut files: Vec<_> = all.into_iter().filter(|file| is_wanted(listing.prefix(), file, wanted)).collect();
    if files.is_empty() {
        let extension = wanted.first().copied().unwrap_or_default();
        return Err(StorageError::NoFiles { folder: short_name(location), extension });
    }
    files.sort_by(|a, b| a.location.cmp(&b.location));
    Ok(Found { store, files })
}

fn is_local_folder(location: &Url) -> bool {
    location.to_file_path().is_ok_and(|path| FilePath::new(&path).is_dir())
}

/// Whether `file` is data: of the right extension, and not hidden as what writers leave behind is.
fn is_wanted(folder: &Path, file: &ObjectMeta, extensions: &[&str]) -> bool {
    let hidden = file
        .location
        .prefix_match(folder)
        .is_some_and(|mut parts| parts.any(|part| part.as_ref().starts_with(['_', '.'])));
    let name = file.location.filename().unwrap_or_default();
    !hidden && extensions.iter().any(|extension| name.ends_with(extension))
}

fn file_url(location: &Url, file: &Path) -> Result<ListingTableUrl, StorageError> {
    let mut url = location.clone();
    url.path_segments_mut()
        .map_err(|()| StorageError::LocationInvalid)?
        .clear()
        .extend(file.parts().map(|part| part.as_ref().to_owned()));
    ListingTableUrl::try_new(url, None).map_err(|_| StorageError::LocationInvalid)
}

/// The error for files whose columns cannot be told: names the first that cannot be read by itself.
async fn blame(
    session: &dyn Session,
    location: &Url,
    format: Format,
    file_format: &dyn FileFormat,
    found: &Found,
    cause: DataFusionError,
) -> StorageError {
    for file in &found.files {
        if let Err(cause) = file_format.infer_schema(session, &found.store, std::slice::from_ref(file)).await {
            return unreadable(file.location.filename().unwrap_or_default().to_owned(), format, cause);
        }
    }
    StorageError::FilesDiffer { folder: short_name(location), cause: Box::new(cause) }
}

fn unreadable(file: String, format: Format, cause: DataFusionError) -> StorageError {
    StorageError::FileUnreadable { file, format: format.as_str(), cause: Box::new(cause) }
}

fn file_format(session: &dyn Session, format: Format, options: &Value) -> Result<Arc<dyn FileFormat>, StorageError> {
    let defaults = session.default_table_options();
    Ok(match format {
        Format::Parquet | Format::Delta => Arc::new(ParquetFormat::default().with_options(defaults.parquet)),
        Format::Json => Arc::new(JsonFormat::default().with_options(defaults.json)),
        Format::Csv => {
            let mut csv = CsvFormat::default().with_options(defaults.csv).with_has_header(header(options)?);
            if let Some(delimiter) = byte(options, "delimiter")? {
                csv = csv.with_delimiter(delimiter);
            }
            if let Some(quote) = byte(options, "quote")? {
                csv = csv.with_quote(quote);
            }
            csv = csv.with_escape(byte(options, "escape")?);
            match &options["null"] {
                Value::Null => {}
                Value::String(pattern) => csv = csv.with_null_regex(Some(pattern.clone())),
                _ => return Err(StorageError::OptionInvalid { option: "null", expected: "a regular expression" }),
            }
            Arc::new(csv)
        }
    })
}

/// Whether the first line holds names: so it is unless something else is said.
fn header(options: &Value) -> Result<bool, StorageError> {
    match &options["header"] {
        Value::Null => Ok(true),
        Value::Bool(header) => Ok(*header),
        Value::String(word) if word.eq_ignore_ascii_case("true") => Ok(true),
        Value::String(word) if word.eq_ignore_ascii_case("false") => Ok(false),
        _ => Err(StorageError::OptionInvalid { option: "header", expected: "true or false" }),
    }
}

fn byte(options: &Value, option: &'static str) -> Result<Option<u8>, StorageError> {
    match &options[option] {
        Value::Null => Ok(None),
        Value::String(text) if text == "\\t" => Ok(Some(b'\t')),
        Value::String(text) if text.len() == 1 => Ok(text.bytes().next()),
        _ => Err(StorageError::OptionInvalid { option, expected: "a single ASCII character" }),
    }
}
