//! Transactions that change the store.

use std::{
    ops::{Deref, DerefMut},
    sync::Arc,
};

use sqlx::{Sqlite, SqliteConnection, SqlitePool, Transaction, query};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::{Catalog, Result, journal::Journal};
use crate::CatalogError;

/// The connections that write: SQLite lets one transaction write at a time, so one of each sort is enough.
pub(super) struct Writers {
    /// Every commit is on the disk before it returns.
    pub(super) durable: SqlitePool,
    /// A commit survives the end of the process at once, and a power failure a little later.
    pub(super) prompt: SqlitePool,
    /// Whose turn it is within this process. Waiting here is fair and wakes at once; SQLite's own waiting polls.
    pub(super) turn: Arc<Mutex<()>>,
    /// The audit log's own.
    pub(super) journal: Journal,
}

impl Writers {
    pub(super) async fn close(&self) {
        self.journal.close().await;
        self.durable.close().await;
        self.prompt.close().await;
    }
}

/// A transaction that holds the store's write lock. Dropping it undoes everything.
pub(super) struct Edit {
    // INVARIANT: declared, and so dropped, before the turn: the next in line finds the lock free.
    transaction: Transaction<'static, Sqlite>,
    noticeable: bool,
    _turn: OwnedMutexGuard<()>,
}

impl Edit {
    /// Makes the changes durable; a noticeable edit grows the epoch with them.
    pub(super) async fn commit(mut self) -> Result<()> {
        if self.noticeable {
            query("UPDATE meta SET epoch = epoch + 1").execute(&mut *self.transaction).await?;
        }
        Ok(self.transaction.commit().await?)
    }
}

impl Deref for Edit {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.transaction
    }
}

impl DerefMut for Edit {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.transaction
    }
}

impl Catalog {
    /// Starts a change that statements can notice. A revoked grant must stay revoked whatever happens to the
    /// machine, so it is on the disk when the commit returns.
    pub(super) async fn edit(&self) -> Result<Edit> {
        let writers = self.writers()?;
        let turn = Arc::clone(&writers.turn).lock_owned().await;
        let transaction = writers.durable.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Edit { transaction, noticeable: true, _turn: turn })
    }

    /// Starts a change to the record of what happened: runs and lineage. No decision is computed from it, so it leaves
    /// the epoch, and it does not wait for the disk.
    pub(super) async fn journal(&self) -> Result<Edit> {
        let writers = self.writers()?;
        let turn = Arc::clone(&writers.turn).lock_owned().await;
        let transaction = writers.prompt.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Edit { transaction, noticeable: false, _turn: turn })
    }

    pub(super) fn writers(&self) -> Result<&Writers> {
        self.inner.writers.as_ref().ok_or_else(|| CatalogError::ReadOnly(self.path().to_owned()))
    }
}
