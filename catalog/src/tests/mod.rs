//! What the crate promises, tried from outside its modules: one file for each promise.

mod credentials;
mod delta_reading;
mod delta_types;
mod delta_writing;
mod grants;
mod homes;
mod identity;
mod principals;
mod runs;
mod snapshots;
mod tags;

use std::{path::Path, sync::Arc};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::SchemaRef,
    util::pretty::pretty_format_batches,
};
use datafusion::{catalog::TableProvider, prelude::SessionContext};
use serde_json::Value;
use sluice_model::{Domain, SchemaName, TableName, Tag};
use tempfile::TempDir;
use url::Url;

use crate::*;

/// A catalog in a folder that goes with it, with a schema `crm` and a user `ann` who made both.
struct Home {
    catalog: Catalog,
    folder: TempDir,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::create(&folder.path().join("catalog.db"), "ann", "permit(...);").await.unwrap();
        catalog.create_schema(&SchemaName::new("crm"), Domain::Production, "ann").await.unwrap();
        Self { catalog, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    async fn declare(&self, tags: &[&str]) {
        for name in tags {
            self.catalog.create_tag(&tag(name), Default::default(), None, "ann").await.unwrap();
        }
    }

    async fn table(&self, name: &str, source: TableSource, columns: &[&str]) -> TableRecord {
        let columns = columns.iter().map(|column| NewColumn::untagged(*column, "VARCHAR")).collect();
        let name = TableName::new("crm", name);
        let table = NewTable { name, owner: "ann".into(), source, columns, row_tags: vec![] };
        self.catalog.create_table(&table).await.unwrap()
    }

    async fn snapshot(&self, name: &str, at: TableVersion) -> Result<Arc<TableSnapshot>, CatalogError> {
        let request = TableRequest { name: TableName::new("crm", name), at };
        let epoch = self.catalog.epoch().await?;
        let (_, found) = self.catalog.snapshot_tables(&SessionContext::new().state(), &[request], epoch).await?;
        Ok(found.into_iter().next().unwrap().1)
    }
}

fn tag(name: &str) -> Tag {
    Tag::parse(name).unwrap()
}

fn folder_url(path: &Path) -> Url {
    Url::from_directory_path(path).unwrap()
}

fn view(query: &str) -> TableSource {
    TableSource::View { query: query.into() }
}

fn files(format: Format, path: &Path) -> TableSource {
    let location = Url::from_file_path(path).unwrap().into();
    TableSource::External { format, location, options: Value::Null }
}

fn managed(location: &Url) -> TableSource {
    TableSource::Managed { location: location.to_string() }
}

/// A batch of the columns `id` and `name`.
fn people(rows: &[(i64, &str)]) -> RecordBatch {
    let ids: Int64Array = rows.iter().map(|(id, _)| *id).collect();
    let names: StringArray = rows.iter().map(|(_, name)| Some(*name)).collect();
    RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef), ("name", Arc::new(names))]).unwrap()
}

async fn write(location: &Url, batch: &RecordBatch, mode: WriteMode) -> Result<CommittedVersion, StorageError> {
    write_as(location, batch.schema(), std::slice::from_ref(batch), mode, DeltaCommit::default()).await
}

async fn write_as(
    location: &Url,
    schema: SchemaRef,
    batches: &[RecordBatch],
    mode: WriteMode,
    commit: DeltaCommit,
) -> Result<CommittedVersion, StorageError> {
    let mut write = DeltaWrite::begin(location, schema, mode).await?;
    for batch in batches {
        write.write(batch).await?;
    }
    write.commit(commit).await
}

/// What `snapshot` holds, as a table sorted by its lines.
async fn rows(snapshot: &TableSnapshot) -> String {
    let Contents::Files(provider) = &snapshot.contents else { panic!("{} is a view", snapshot.name) };
    rows_of(Arc::clone(provider)).await
}

#[allow(clippy::disallowed_methods, reason = "no person stands behind these tests whom a policy could be about")]
async fn rows_of(provider: Arc<dyn TableProvider>) -> String {
    let batches = SessionContext::new().read_table(provider).unwrap().collect().await.unwrap();
    let text = pretty_format_batches(&batches).unwrap().to_string();
    let mut lines: Vec<_> = text.lines().filter(|line| line.starts_with('|')).skip(1).collect();
    lines.sort_unstable();
    lines.join("\n")
}

/// Every file below `folder`, relative to it.
fn files_below(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    found.sort_unstable();
    found
}
