//! Reading the epoch, which every statement does several times.
//!
//! It is one number on one page. The pool hands every statement to another thread and back, which takes many times as
//! long as reading it does; so a connection is kept for it, and it is read where it is wanted.

use std::{path::Path, time::Duration};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

/// How long a read may wait; readers wait for writers only while a store is being recovered.
const BUSY_TIMEOUT: Duration = Duration::from_millis(20);

/// A connection that reads the epoch and nothing else.
pub(super) struct EpochReader(Mutex<Option<Connection>>);

impl EpochReader {
    /// Opens the store at `path`. Where that is not possible nothing is ever read here.
    pub(super) fn open(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags);
        let connection = connection.and_then(|opened| opened.busy_timeout(BUSY_TIMEOUT).map(|()| opened));
        Self(Mutex::new(connection.ok()))
    }

    /// The epoch; `None` where it has to be read in another way, which also says why.
    pub(super) fn read(&self) -> Option<u64> {
        let connection = self.0.lock();
        let mut statement = connection.as_ref()?.prepare_cached("SELECT epoch FROM meta").ok()?;
        let epoch: i64 = statement.query_row([], |row| row.get(0)).ok()?;
        Some(epoch.unsigned_abs())
    }

    pub(super) fn close(&self) {
        *self.0.lock() = None;
    }
}
