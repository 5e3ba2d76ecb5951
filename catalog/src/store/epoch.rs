//! Reading the epoch, which every statement does several times.
//!
//! It is one number on one page. The pool hands every statement to another thread and back, which takes many times as
//! long as reading it does; so connections are kept for it, and it is read where it is wanted.

use std::{path::Path, time::Duration};

use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};

/// How long a read may wait; readers wait for writers only while a store is being recovered.
const BUSY_TIMEOUT: Duration = Duration::from_millis(20);

/// How many can read it at the same time.
const CONNECTIONS: usize = 4;

/// Connections that read the epoch and nothing else.
pub(super) struct EpochReader([Mutex<Option<Connection>>; CONNECTIONS]);

impl EpochReader {
    /// Opens the store at `path`. Where that is not possible nothing is ever read here.
    pub(super) fn open(path: &Path) -> Self {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self(std::array::from_fn(|_| {
            let connection = Connection::open_with_flags(path, flags);
            Mutex::new(connection.and_then(|opened| opened.busy_timeout(BUSY_TIMEOUT).map(|()| opened)).ok())
        }))
    }

    /// The epoch; `None` where it has to be read in another way, which also says why.
    pub(super) fn read(&self) -> Option<u64> {
        let idle = self.0.iter().find_map(Mutex::try_lock);
        let connection = idle.unwrap_or_else(|| self.0[0].lock());
        let mut statement = connection.as_ref()?.prepare_cached("SELECT epoch FROM meta").ok()?;
        let epoch: i64 = statement.query_row([], |row| row.get(0)).ok()?;
        Some(epoch.unsigned_abs())
    }

    pub(super) fn close(&self) {
        self.0.iter().for_each(|connection| *connection.lock() = None);
    }
}
