//! Writing audit records. A query makes a second entry when it has given its last row, unless it is over at once.
//!
//! A transaction costs more than a record, so one thread writes all that wait in one transaction. It begins with the
//! first record and ends with the catalog.

use std::{
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::{AuditRecord, Result, open::BUSY_TIMEOUT, stored};
use crate::CatalogError;

/// Something to be written.
#[derive(Debug)]
pub(super) enum Entry {
    /// A statement begins.
    Begun(Box<AuditRecord>),
    /// The statement `id` has given its last row.
    Ended {
        /// The record.
        id: i64,
        /// How many rows there were.
        rows: u64,
    },
}

/// An entry, and whoever waits for the id of its record.
struct Waiting {
    entry: Entry,
    writer: oneshot::Sender<Result<i64>>,
}

/// The thread that writes.
pub(super) struct Journal {
    path: PathBuf,
    /// Whose turn it is to write within this process: the thread waits for it as others do.
    turn: Arc<tokio::sync::Mutex<()>>,
    running: Mutex<Option<(mpsc::Sender<Waiting>, JoinHandle<()>)>>,
}

impl Journal {
    pub(super) fn new(path: PathBuf, turn: Arc<tokio::sync::Mutex<()>>) -> Self {
        Self { path, turn, running: Mutex::new(None) }
    }

    /// Writes an entry, and answers the id of its record.
    pub(super) async fn write(&self, entry: Entry) -> Result<i64> {
        let (writer, written) = oneshot::channel();
        self.send(Waiting { entry, writer })?;
        written.await.map_err(|_| broken())?
    }

    fn send(&self, waiting: Waiting) -> Result<()> {
        let mut running = self.running.lock();
        let (queue, _) = match &mut *running {
            Some(running) => running,
            none => {
                let (queue, entries) = mpsc::channel();
                let (path, turn) = (self.path.clone(), Arc::clone(&self.turn));
                let thread = std::thread::Builder::new().name("journal".to_owned());
                let thread = thread
                    .spawn(move || write_all(&path, &turn, &entries))
                    .map_err(|error| CatalogError::Store(sqlx::Error::Io(error)))?;
                none.insert((queue, thread))
            }
        };
        queue.send(waiting).map_err(|_| broken())
    }

    /// Writes what waits, and ends.
    pub(super) async fn close(&self) {
        let Some((queue, thread)) = self.running.lock().take() else { return };
        drop(queue);
        // It may wait long for another process, which is not to keep the caller from giving up. A thread that panicked
        // has nothing more to write.
        let _ = tokio::task::spawn_blocking(|| thread.join()).await;
    }
}

fn broken() -> CatalogError {
    CatalogError::Store(sqlx::Error::WorkerCrashed)
}

fn write_all(path: &std::path::Path, turn: &Arc<tokio::sync::Mutex<()>>, entries: &mpsc::Receiver<Waiting>) {
    let mut connection = None;
    while let Ok(first) = entries.recv() {
        // Where the cores are busy there is more to write in a moment, and one transaction for all of it takes less of them.
        std::thread::yield_now();
        let turn = turn.blocking_lock();
        let mut waiting: Vec<_> = std::iter::once(first).chain(entries.try_iter()).collect();
        // Whoever gave up does not wait any more: its statement neither runs nor is answered.
        waiting.retain(|waiting| !waiting.writer.is_closed());
        let together = open(&mut connection, path).and_then(|connection| write(connection, &waiting));
        let results = match together {
            Ok(ids) => ids.into_iter().map(Ok).collect::<Vec<_>>(),
            // Each on its own, so that each gets its own answer.
            Err(_) => {
                let alone = |one| open(&mut connection, path).and_then(|open| write(open, std::slice::from_ref(one)));
                let alone = waiting.iter().map(alone);
                alone.map(|ids| ids.and_then(|ids| ids.first().copied().ok_or_else(broken))).collect()
            }
        };
        drop(turn);
        for (Waiting { writer, .. }, result) in waiting.into_iter().zip(results) {
            let _ = writer.send(result);
        }
    }
}

fn open<'a>(connection: &'a mut Option<Connection>, path: &std::path::Path) -> Result<&'a mut Connection> {
    if let Some(open) = connection {
        return Ok(open);
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let opened = Connection::open_with_flags(path, flags)?;
    opened.busy_timeout(BUSY_TIMEOUT)?;
    // A commit survives the end of the process at once, and a power failure a little later.
    opened.pragma_update(None, "synchronous", "NORMAL")?;
    Ok(connection.insert(opened))
}

fn write(connection: &mut Connection, waiting: &[Waiting]) -> Result<Vec<i64>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let ids = waiting.iter().map(|waiting| waiting.entry.write(&transaction)).collect::<rusqlite::Result<Vec<_>>>()?;
    transaction.commit()?;
    Ok(ids)
}

impl Entry {
    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
        match self {
            Self::Begun(record) => {
                let mut insert = transaction.prepare_cached(
                    "INSERT INTO audit (at, principal, domain, statement, decision, reason, fingerprint, cache,
                                        analysis_us, rows, detail)
                     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                )?;
                insert.insert(params![
                    record.at_ms,
                    &*record.principal,
                    record.domain.as_str(),
                    record.statement,
                    record.decision.as_str(),
                    record.reason,
                    record.fingerprint,
                    &*record.cache,
                    stored(record.analysis_us),
                    record.rows.map(stored),
                    record.detail.to_string(),
                ])
            }
            Self::Ended { id, rows } => {
                transaction
                    .prepare_cached("UPDATE audit SET rows = ? WHERE id = ?")?
                    .execute(params![stored(*rows), id])?;
                Ok(*id)
            }
        }
    }
}
