//! Locks among the processes that use one home.
//!
//! A lock is the operating system's lock on a file, so it goes with the process that holds it, however that ends.

use std::{
    fs::{File, TryLockError},
    time::{Duration, Instant},
};

use sluice_model::Digest;

use crate::{Engine, EngineError};

/// A held lock; dropping it lets go.
#[derive(Debug)]
pub struct LockGuard {
    _file: File,
}

impl Engine {
    /// Takes the lock called `name`, waiting for at most `wait`; `on_wait` is called once if somebody else holds it.
    ///
    /// # Errors
    /// [`EngineError::Locked`] when it is still held after that time; [`EngineError::Io`] where the home cannot be
    /// written.
    pub async fn lock(&self, name: &str, wait: Duration, on_wait: impl FnOnce()) -> Result<LockGuard, EngineError> {
        // Names hold dots, slashes and any letters; a digest is a file name everywhere.
        let path = self.home().locks().join(format!("{}.lock", Digest::of(name.as_bytes()).short()));
        let failed = || EngineError::io(format!("taking the lock `{name}`"));
        let file = File::options().create(true).append(true).open(&path).map_err(failed())?;
        let deadline = Instant::now() + wait;
        let mut on_wait = Some(on_wait);
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(LockGuard { _file: file }),
                Err(TryLockError::Error(error)) => return Err(failed()(error)),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(EngineError::Locked(name.to_owned()));
                }
                Err(TryLockError::WouldBlock) => {
                    if let Some(on_wait) = on_wait.take() {
                        on_wait();
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}
