//! Making a home's catalog, and opening it.

use std::{
    fs::{self, OpenOptions},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sluice_model::{Subject, Tag};
use sqlx::{
    Sqlite, SqliteConnection, SqlitePool, Transaction, query, query_as, query_scalar, raw_sql,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use tokio::sync::Mutex;

use super::{Catalog, Result, edit::Writers, journal::Journal, now_ms};
use crate::CatalogError;

/// What made the store what it is, in order; a store's format is the number of those applied to it.
const MIGRATIONS: [&str; 2] =
    [include_str!("../../migrations/0001_catalog.sql"), include_str!("../../migrations/0002_credentials.sql")];

/// How long to wait for another process that changes the catalog.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// SQLite's code where it may not make or open one of the files beside a store.
const SQLITE_CANTOPEN: &str = "14";

/// How many statements may read at the same time.
const READERS: u32 = 8;

impl Catalog {
    /// Makes a catalog at `path`, whose folder exists, and opens it.
    ///
    /// It holds the groups `admins` and `everyone`, the user `creator` as the first member of `admins`, the tags
    /// `public` and `unclassified`, and one grant: everyone may read `public`, by the Cedar policy `public_read`.
    ///
    /// # Errors
    /// [`CatalogError::HomeExists`] where a catalog is already, and whatever keeps the file from being written.
    pub async fn create(path: &Path, creator: &str, public_read: &str) -> Result<Self> {
        let options = connect_options(path).create_if_missing(true).journal_mode(SqliteJournalMode::Wal);
        let pool = pool(1, options);
        let made = found(path, &pool, creator, public_read).await;
        pool.close().await;
        made?;
        Self::open(path).await
    }

    /// Opens the catalog at `path`: for reading only, where its file or folder cannot be written.
    ///
    /// # Errors
    /// [`CatalogError::HomeMissing`], [`CatalogError::NotACatalog`], or [`CatalogError::NewerHome`] where a later
    /// version of Sluice has changed the catalog's format. Where the catalog cannot be written,
    /// [`CatalogError::OlderHome`] and [`CatalogError::Unfinished`].
    pub async fn open(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(CatalogError::HomeMissing(path.to_owned()));
        }
        if !is_writable(path) {
            return Self::open_read_only(path).await;
        }
        match Self::open_writable(path).await {
            // In a folder that cannot be written, SQLite finds no place for the files beside the catalog.
            Err(CatalogError::Store(_)) => Self::open_read_only(path).await,
            opened => opened,
        }
    }

    /// Opens the catalog at `path` without the ability to change it.
    ///
    /// # Errors
    /// As [`Self::open`]; [`CatalogError::OlderHome`], since a catalog of an earlier version cannot be updated, and
    /// [`CatalogError::Unfinished`], since neither can the log beside it.
    pub async fn open_read_only(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(CatalogError::HomeMissing(path.to_owned()));
        }
        let readers = pool(READERS, connect_options(path).read_only(true));
        let (readers, format) = match read_format(path, &readers).await {
            // Without a folder to write to, SQLite can read only what it may take for unchanging. That is so when
            // no changes wait in the log beside the catalog, since whoever makes some needs that log.
            Err(CatalogError::Store(_)) if log_is_empty(path) => {
                let readers = pool(READERS, connect_options(path).read_only(true).immutable(true));
                let format = read_format(path, &readers).await?;
                (readers, format)
            }
            // What waits there may be a revocation: the catalog without it is not the catalog.
            Err(CatalogError::Store(error))
                if code(&error).as_deref() == Some(SQLITE_CANTOPEN) && lacks_index_alone(path) =>
            {
                return Err(CatalogError::Unfinished(path.to_owned()));
            }
            format => (readers, format?),
        };
        if format.is_old() {
            return Err(CatalogError::OlderHome { made_by: format.made_by });
        }
        Ok(Self::new(path, readers, None))
    }

    async fn open_writable(path: &Path) -> Result<Self> {
        let options = connect_options(path);
        let durable = pool(1, options.clone().synchronous(SqliteSynchronous::Full));
        if read_format(path, &durable).await?.is_old() {
            migrate(&durable).await?;
        }
        let prompt = pool(1, options.clone().synchronous(SqliteSynchronous::Normal));
        let readers = pool(READERS, options.pragma("query_only", "ON"));
        let turn = Arc::new(Mutex::new(()));
        let journal = Journal::new(path.to_owned(), Arc::clone(&turn));
        Ok(Self::new(path, readers, Some(Writers { durable, prompt, turn, journal })))
    }
}

fn connect_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .statement_cache_capacity(256)
}

fn pool(connections: u32, options: SqliteConnectOptions) -> SqlitePool {
    // A connection to a local file does not go stale: it is neither tested nor replaced.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_lazy_with(options)
}

fn is_writable(path: &Path) -> bool {
    let protected = fs::metadata(path).is_ok_and(|metadata| metadata.permissions().readonly());
    !protected && OpenOptions::new().write(true).open(path).is_ok()
}

fn log_is_empty(path: &Path) -> bool {
    fs::metadata(beside(path, "-wal")).map_or(true, |metadata| metadata.len() == 0)
}

/// Whether catalog and log can be read, and the index into the log, which reading takes, is missing.
fn lacks_index_alone(path: &Path) -> bool {
    let readable = |path: &Path| fs::File::open(path).is_ok();
    readable(path) && readable(&beside(path, "-wal")) && !beside(path, "-shm").exists()
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut file = path.as_os_str().to_owned();
    file.push(suffix);
    file.into()
}

/// Which version of the tables a store has.
struct StoreFormat {
    format: i64,
    made_by: String,
}

impl StoreFormat {
    const KNOWN: i64 = MIGRATIONS.len() as i64;

    fn is_old(&self) -> bool {
        self.format < Self::KNOWN
    }
}

async fn read_format(path: &Path, pool: &SqlitePool) -> Result<StoreFormat> {
    let row: Result<Option<(i64, String)>, sqlx::Error> =
        query_as("SELECT format, made_by FROM meta").fetch_optional(pool).await;
    let (format, made_by) = match row {
        Ok(Some(row)) => row,
        Ok(None) => return Err(CatalogError::NotACatalog(path.to_owned())),
        Err(error) => return Err(not_a_catalog(path, error)),
    };
    if format > StoreFormat::KNOWN {
        return Err(CatalogError::NewerHome { made_by, format, known: StoreFormat::KNOWN });
    }
    Ok(StoreFormat { format, made_by })
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|problem| problem.code().map(String::from))
}

/// A store without our tables makes SQLite refuse the statement; one that is no store at all, the file.
fn not_a_catalog(path: &Path, error: sqlx::Error) -> CatalogError {
    const SQLITE_CORRUPT: &str = "11";
    const SQLITE_NOTADB: &str = "26";
    match (code(&error).as_deref(), CatalogError::from(error)) {
        (Some(SQLITE_CORRUPT | SQLITE_NOTADB), _) | (_, CatalogError::Statement(_)) => {
            CatalogError::NotACatalog(path.to_owned())
        }
        (_, other) => other,
    }
}

/// Brings an older store up to date. Of several processes that try, one does, and the others find it done.
async fn migrate(pool: &SqlitePool) -> Result<()> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let format: i64 = query_scalar("SELECT format FROM meta").fetch_one(&mut *transaction).await?;
    apply_migrations(&mut transaction, format).await?;
    Ok(transaction.commit().await?)
}

async fn apply_migrations(connection: &mut SqliteConnection, from: i64) -> Result<()> {
    for (number, migration) in (1..).zip(MIGRATIONS) {
        if number > from {
            raw_sql(migration).execute(&mut *connection).await?;
        }
    }
    query(
        "INSERT INTO meta (one, format, made_by, epoch) VALUES (1, ?, ?, 1)
         ON CONFLICT DO UPDATE SET format = excluded.format, made_by = excluded.made_by, epoch = epoch + 1",
    )
    .bind(StoreFormat::KNOWN)
    .bind(env!("CARGO_PKG_VERSION"))
    .execute(connection)
    .await?;
    Ok(())
}

/// Makes the tables and their first rows, all or nothing.
async fn found(path: &Path, pool: &SqlitePool, creator: &str, public_read: &str) -> Result<()> {
    let mut transaction = match pool.begin_with("BEGIN IMMEDIATE").await {
        Ok(transaction) => transaction,
        Err(error) => return Err(not_a_catalog(path, error)),
    };
    let tables: i64 = query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *transaction).await?;
    if tables > 0 {
        return Err(CatalogError::HomeExists(path.to_owned()));
    }
    apply_migrations(&mut transaction, 0).await?;
    insert_founders(&mut transaction, creator, public_read).await?;
    Ok(transaction.commit().await?)
}

async fn insert_founders(
    transaction: &mut Transaction<'static, Sqlite>,
    creator: &str,
    public_read: &str,
) -> Result<()> {
    let now = now_ms();
    for (name, kind) in [(Subject::ADMINS, "GROUP"), (Subject::EVERYONE, "GROUP"), (creator, "USER")] {
        let inserted = query("INSERT INTO principal (name, kind, created_by, created_at) VALUES (?, ?, ?, ?)")
            .bind(name)
            .bind(kind)
            .bind(creator)
            .bind(now)
            .execute(&mut **transaction)
            .await;
        if let Err(error) = inserted {
            let taken = error.as_database_error().is_some_and(|problem| problem.is_unique_violation());
            return Err(if taken { CatalogError::PrincipalExists(name.into()) } else { error.into() });
        }
    }
    query(
        "INSERT INTO membership (member_key, group_key)
         SELECT m.key, g.key FROM principal m, principal g WHERE m.name = ? AND g.name = ?",
    )
    .bind(creator)
    .bind(Subject::ADMINS)
    .execute(&mut **transaction)
    .await?;
    for (tag, comment) in [
        (Tag::PUBLIC, "of no concern to anyone"),
        (Tag::UNCLASSIFIED, "not looked at yet: carried by every column without another tag"),
    ] {
        query("INSERT INTO tag (name, indirect, comment, created_by, created_at) VALUES (?, 'DENY', ?, ?, ?)")
            .bind(tag)
            .bind(comment)
            .bind(creator)
            .bind(now)
            .execute(&mut **transaction)
            .await?;
    }
    query(
        "INSERT INTO access_grant (principal_key, action, tag_key, cedar, created_by, created_at)
         SELECT p.key, 'READ', t.key, ?, ?, ? FROM principal p, tag t WHERE p.name = ? AND t.name = ?",
    )
    .bind(public_read)
    .bind(creator)
    .bind(now)
    .bind(Subject::EVERYONE)
    .bind(Tag::PUBLIC)
    .execute(&mut **transaction)
    .await?;
    Ok(())
}
