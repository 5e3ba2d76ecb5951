//! Files that are on the disk when a function returns, not only in the system's memory.
//!
//! The library underneath never asks for that, so that after a power failure a log could hold an empty commit, or
//! name data files that were lost.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use uuid::Uuid;

use crate::StorageError;

/// Runs `work`, which waits for the disk, where waiting is allowed.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(stopped) => Err(StorageError::Io(io::Error::other(stopped))),
    }
}

/// Makes the contents of `files` durable, and their names in `folders`.
pub(super) fn sync(files: &[PathBuf], folders: &[&Path]) -> Result<(), StorageError> {
    for file in files {
        File::open(file)?.sync_all()?;
    }
    for folder in folders {
        sync_folder(folder)?;
    }
    Ok(())
}

/// What became of an attempt to publish a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Published {
    /// The file is there, and durable.
    Yes,
    /// Another one was there already, and still is.
    Taken,
}

/// Writes `bytes` to `folder/name`, completely and durably, unless something is there already.
///
/// The file gets its name by a hard link, which fails if the name is taken: of several processes that publish under
/// one name, one succeeds.
pub(super) fn publish(folder: &Path, name: &str, bytes: &[u8]) -> Result<Published, StorageError> {
    if fs::create_dir(folder).is_ok() {
        sync(&[], &folder.ancestors().skip(1).take(2).collect::<Vec<_>>())?;
    }
    let staged = folder.join(format!(".{name}.{}", Uuid::new_v4()));
    let linked = write_synced(&staged, bytes).and_then(|()| fs::hard_link(&staged, folder.join(name)));
    // A leftover is hidden from readers; that it cannot be removed is no reason to fail.
    let _ = fs::remove_file(&staged);
    match linked {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(Published::Taken),
        Err(error) => return Err(error.into()),
    }
    // From here on readers see the file, whatever becomes of this process. Should the folder not reach the disk, a
    // power failure can undo that, and the next writer then finds the name free: nothing is half done.
    let _ = sync_folder(folder);
    Ok(Published::Yes)
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Removes `folder` and what is in it, at once for whoever looks and then in fact.
pub(super) fn remove_folder(folder: &Path) -> Result<(), StorageError> {
    let mut doomed = folder.to_path_buf();
    doomed.set_file_name(format!(".removed-{}", Uuid::new_v4()));
    match fs::rename(folder, &doomed) {
        Ok(()) => Ok(fs::remove_dir_all(&doomed)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the names in `folder` durable, where a folder can be opened for that.
fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
