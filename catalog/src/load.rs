//! Loading what one statement sees: the tables that it names, and nothing else.

use std::{collections::HashMap, sync::Arc};

use arrow::datatypes::Schema;
use datafusion::catalog::Session;
use futures::future::{BoxFuture, join_all, try_join_all};
use parking_lot::Mutex;
use sluice_model::{Flow, Origin, TableName, Tag, TagSource};
use sqlx::query_scalar;

use crate::{
    Catalog, CatalogError, ColumnSnapshot, Contents, StoredTag, TableRecord, TableRequest, TableSnapshot, TableSource,
    sources::{self, CarriedTags, Opened},
    store::{RelationRow, read_tags},
};

/// How often a statement's tables are read again because the catalog changed meanwhile.
const ATTEMPTS: usize = 20;
/// How many tables are kept from earlier statements.
const REMEMBERED: usize = 10_000;

/// The tables that earlier statements asked for.
///
/// An entry is right as long as the catalog's epoch and the table's files are what they were, and both are looked at
/// before it is used.
#[derive(Default)]
pub(crate) struct SnapshotCache {
    entries: Mutex<HashMap<TableRequest, Arc<Entry>>>,
}

struct Entry {
    epoch: u64,
    source: TableSource,
    opened: Option<Arc<Opened>>,
    snapshot: Arc<TableSnapshot>,
}

impl Entry {
    async fn is_current(&self, session: &dyn Session) -> bool {
        match &self.opened {
            Some(opened) => opened.is_current(session).await,
            None => true,
        }
    }
}

/// Whether the files of none of `entries` have changed since they were opened.
async fn files_are_current(session: &dyn Session, entries: &[&Arc<Entry>]) -> bool {
    join_all(entries.iter().map(|entry| entry.is_current(session))).await.into_iter().all(|current| current)
}

impl SnapshotCache {
    fn get(&self, request: &TableRequest) -> Option<Arc<Entry>> {
        self.entries.lock().get(request).cloned()
    }

    fn put(&self, request: &TableRequest, entry: Arc<Entry>) {
        let mut entries = self.entries.lock();
        if entries.len() >= REMEMBERED && !entries.contains_key(request) {
            // Whichever comes first: so many tables in use at once are rare, and a miss costs little.
            if let Some(forgotten) = entries.keys().next().cloned() {
                entries.remove(&forgotten);
            }
        }
        entries.insert(request.clone(), entry);
    }

    fn forget(&self, request: &TableRequest) {
        self.entries.lock().remove(request);
    }
}

/// A table that was asked for, as it was found.
type Loaded = (TableRequest, Arc<TableSnapshot>);

/// What the store says about a table.
struct Stored {
    record: TableRecord,
    columns: HashMap<Arc<str>, Vec<StoredTag>>,
    row_tags: Vec<StoredTag>,
}

impl Catalog {
    /// The tables and views that `requests` name, as one state of the catalog has them, each with its files opened
    /// and pinned. Names that are not there are simply absent from the answer.
    ///
    /// `epoch` is what the caller has just read. What is remembered of it is as new as the caller needs it, and costs a look
    /// at the state of the files; anything else is read anew, and may be newer. At which epoch it was read is answered too.
    ///
    /// # Errors
    /// [`CatalogError::Storage`], naming the table, if its files cannot be opened.
    pub async fn snapshot_tables(
        &self,
        session: &dyn Session,
        requests: &[TableRequest],
        epoch: u64,
    ) -> Result<(u64, Vec<(TableRequest, Arc<TableSnapshot>)>), CatalogError> {
        let remembered: Vec<_> = requests.iter().map(|request| self.snapshots().get(request)).collect();
        if let Some(snapshots) = self.unchanged(session, requests, &remembered, epoch).await? {
            return Ok((epoch, snapshots));
        }
        // INVARIANT: a version is never seen with tags older than it is. Tags grow before a version is committed, so
        // what was read before the files were opened is right only if nothing has changed since.
        for _ in 0..ATTEMPTS {
            let (epoch, snapshots) = self.load_tables(session, requests, &remembered).await?;
            if self.epoch().await? == epoch {
                return Ok((epoch, snapshots));
            }
        }
        Err(CatalogError::Busy)
    }

    /// Reads what the store says, then opens the files; answers at which epoch the store was read.
    async fn load_tables(
        &self,
        session: &dyn Session,
        requests: &[TableRequest],
        remembered: &[Option<Arc<Entry>>],
    ) -> Result<(u64, Vec<(TableRequest, Arc<TableSnapshot>)>), CatalogError> {
        let (epoch, stored) = self.read_stored(requests).await?;
        let mut loading = Vec::with_capacity(requests.len());
        for ((request, entry), stored) in requests.iter().zip(remembered).zip(stored) {
            loading.push(self.load_table(session, request, epoch, entry.clone(), stored));
        }
        Ok((epoch, try_join_all(loading).await?.into_iter().flatten().collect()))
    }

    /// Opens one table and remembers it. Boxed, so that callers several futures further out can still be seen to be
    /// `Send`.
    fn load_table<'a>(
        &'a self,
        session: &'a dyn Session,
        request: &'a TableRequest,
        epoch: u64,
        remembered: Option<Arc<Entry>>,
        stored: Option<Stored>,
    ) -> BoxFuture<'a, Result<Option<Loaded>, CatalogError>> {
        Box::pin(async move {
            let Some(stored) = stored else {
                self.snapshots().forget(request);
                return Ok(None);
            };
            let entry = load(session, request, epoch, remembered, stored).await?;
            let snapshot = Arc::clone(&entry.snapshot);
            self.snapshots().put(request, entry);
            Ok(Some((request.clone(), snapshot)))
        })
    }

    /// What is remembered, if all of it is, of `epoch`, and none of the files has changed since.
    async fn unchanged(
        &self,
        session: &dyn Session,
        requests: &[TableRequest],
        remembered: &[Option<Arc<Entry>>],
        epoch: u64,
    ) -> Result<Option<Vec<(TableRequest, Arc<TableSnapshot>)>>, CatalogError> {
        let Some(entries) = remembered.iter().map(Option::as_ref).collect::<Option<Vec<_>>>() else {
            return Ok(None);
        };
        let all_current =
            entries.iter().all(|entry| entry.epoch == epoch) && files_are_current(session, &entries).await;
        let snapshots = || requests.iter().cloned().zip(entries.iter().map(|entry| Arc::clone(&entry.snapshot)));
        Ok(all_current.then(|| snapshots().collect()))
    }

    /// Whether `tables` are what [`Self::snapshot_tables`] would find at `epoch`, as far as that can be told without opening any:
    /// they are remembered, and their files have not changed since. Temporary tables never are.
    pub async fn are_current(
        &self,
        session: &dyn Session,
        tables: &HashMap<TableRequest, Arc<TableSnapshot>>,
        epoch: u64,
    ) -> bool {
        let remembered = tables.iter().map(|(request, table)| {
            let entry = self.snapshots().get(request)?;
            (entry.epoch == epoch && Arc::ptr_eq(&entry.snapshot, table)).then_some(entry)
        });
        let Some(entries) = remembered.collect::<Option<Vec<_>>>() else { return false };
        files_are_current(session, &entries.iter().collect::<Vec<_>>()).await
    }

    /// What the store says about each of `requests` at one epoch.
    async fn read_stored(&self, requests: &[TableRequest]) -> Result<(u64, Vec<Option<Stored>>), CatalogError> {
        let mut reading = self.begin_read().await?;
        let epoch: i64 = query_scalar("SELECT epoch FROM meta").fetch_one(&mut *reading).await?;
        let mut stored = Vec::with_capacity(requests.len());
        for request in requests {
            stored.push(match RelationRow::by_name(&mut *reading, &request.name).await? {
                Some(row) => {
                    let tags = read_tags(&mut *reading, row.key, &request.name).await?;
                    Some(Stored::new(row.into_record()?, tags))
                }
                None => None,
            });
        }
        Ok((epoch.unsigned_abs(), stored))
    }
}

impl Stored {
    fn new(record: TableRecord, tags: impl IntoIterator<Item = (Option<Arc<str>>, StoredTag)>) -> Self {
        let mut stored = Self { record, columns: HashMap::new(), row_tags: Vec::new() };
        for (place, tag) in tags {
            match place {
                Some(column) => stored.columns.entry(column).or_default().push(tag),
                None => stored.row_tags.push(tag),
            }
        }
        stored
    }

    /// Adds the tags that arrived with the data of the version that was opened. The store has those of the newest: an
    /// earlier version may hold other data in a column of the same name. What was set by hand counts for every
    /// version, as the store has it now.
    fn join_carried(&mut self, carried: &CarriedTags) {
        for (column, tags) in carried {
            // What cannot be read may have been anything.
            let unknown = || (vec![self.unknown(Some(column))], vec![self.unknown(None)]);
            let (on_column, on_rows) = tags.clone().unwrap_or_else(unknown);
            join_propagated(self.columns.entry(column.clone()).or_default(), on_column);
            join_propagated(&mut self.row_tags, on_rows);
        }
        self.columns.retain(|_, tags| !tags.is_empty());
    }

    fn unknown(&self, column: Option<&Arc<str>>) -> StoredTag {
        let flow = if column.is_some() { Flow::Direct } else { Flow::Row };
        let origin = Origin { table: self.record.name.clone(), column: column.cloned() };
        StoredTag { tag: Tag::unclassified(), flow, source: TagSource::Propagated, origin }
    }
}

fn join_propagated(tags: &mut Vec<StoredTag>, more: Vec<StoredTag>) {
    tags.extend(more.into_iter().filter(|tag| tag.source == TagSource::Propagated));
    tags.sort_unstable();
    tags.dedup();
}

async fn load(
    session: &dyn Session,
    request: &TableRequest,
    epoch: u64,
    earlier: Option<Arc<Entry>>,
    stored: Stored,
) -> Result<Arc<Entry>, CatalogError> {
    let source = stored.record.source.clone();
    let opened = match still_open(session, earlier, &source).await {
        Some(opened) => Some(opened),
        None => open(session, &request.name, &source, request).await?,
    };
    let snapshot = Arc::new(assemble(stored, opened.as_deref()));
    Ok(Arc::new(Entry { epoch, source, opened, snapshot }))
}

/// The files that were opened for an earlier epoch, if they would be opened the same way now.
async fn still_open(session: &dyn Session, earlier: Option<Arc<Entry>>, source: &TableSource) -> Option<Arc<Opened>> {
    let entry = earlier.filter(|entry| entry.source == *source)?;
    let opened = entry.opened.as_ref()?;
    opened.is_current(session).await.then(|| Arc::clone(opened))
}

async fn open(
    session: &dyn Session,
    name: &TableName,
    source: &TableSource,
    request: &TableRequest,
) -> Result<Option<Arc<Opened>>, CatalogError> {
    let opened = sources::open(session, source, request.at).await.map_err(|error| error.of(name))?;
    Ok(opened.map(Arc::new))
}

/// The snapshot made of what the store says and what the files have. The files say which columns there are; a
/// column that the store has no tags for is one that nobody classified.
fn assemble(mut stored: Stored, opened: Option<&Opened>) -> TableSnapshot {
    if let Some(opened) = opened {
        stored.join_carried(&opened.carried);
    }
    let Stored { record, columns: mut tags, row_tags } = stored;
    let (kind, location) = (record.source.kind(), record.source.location().map(Arc::from));
    let arrow_schema = opened.map_or_else(|| Arc::new(Schema::empty()), |opened| opened.provider.schema());
    let columns = arrow_schema
        .fields()
        .iter()
        .map(|field| {
            let tags = tags.remove(field.name().as_str()).unwrap_or_default();
            ColumnSnapshot { name: field.name().as_str().into(), tags }
        })
        .collect();
    let mut vanished: Vec<_> = if opened.is_some() { tags.into_keys().collect() } else { Vec::new() };
    vanished.sort_unstable();
    let contents = match (record.source, opened) {
        (TableSource::View { query }, _) => Contents::Query(query),
        (_, Some(opened)) => Contents::Files(Arc::clone(&opened.provider)),
        // INVARIANT: everything but a view is opened. An empty query is refused by whoever parses it.
        (_, None) => Contents::Query("".into()),
    };
    TableSnapshot {
        id: record.id,
        name: record.name,
        schema: record.schema,
        kind,
        owner: record.owner,
        approved_for_experiment: record.approved_for_experiment,
        version: opened.and_then(|opened| opened.version),
        location,
        columns,
        row_tags,
        vanished,
        arrow_schema,
        contents,
    }
}
