//! Homes with catalogs of several sizes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sluice_engine::Engine;
use sqlx::{ConnectOptions, Connection, SqliteConnection, query_scalar, sqlite::SqliteConnectOptions};

use super::{grants, tables};
use crate::{
    governed::{self, ADMIN},
    options::Options,
};

/// Who asks: through the group that it is in, it may read everything.
pub(crate) const READER: &str = "reader";

/// How much is in a catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) tables: usize,
    /// `None` where there are only those that the reader needs.
    pub(super) grants: Option<usize>,
}

/// The homes, made or found.
pub(super) struct Homes {
    folder: PathBuf,
    contents: Vec<Contents>,
    built: Vec<(Contents, Duration)>,
}

impl Homes {
    pub(super) async fn make(options: &Options) -> anyhow::Result<Self> {
        let folder = options.data().join("catalogs");
        fs::create_dir_all(&folder)?;
        let (few, many) = (tables::MODELS, options.tables.max(tables::MODELS));
        let contents = [(few, None), (few, Some(options.grants)), (many, None), (many, Some(options.grants))]
            .map(|(tables, grants)| Contents { tables, grants });
        let mut homes = Self { folder, contents: contents.to_vec(), built: Vec::new() };
        // The small home is always new, and shows whether others are of the same making.
        let making = homes.make_small(contents[0]).await?;
        for contents in &contents[1..] {
            let base = match contents.grants {
                Some(_) => Contents { grants: None, ..*contents },
                None => homes.contents[0],
            };
            if options.fresh || !homes.is_there(*contents, &making) {
                homes.extend(base, *contents, &making).await?;
            }
        }
        Ok(homes)
    }

    pub(super) fn contents(&self) -> impl Iterator<Item = Contents> {
        self.contents.iter().copied()
    }

    /// Which homes were made, and how long that took.
    pub(super) fn built(&self) -> &[(Contents, Duration)] {
        &self.built
    }

    pub(super) fn dir(&self, contents: Contents) -> PathBuf {
        let grants = contents.grants.map(|grants| format!("-{grants}-grants")).unwrap_or_default();
        self.folder.join(format!("{}-tables{grants}", contents.tables))
    }

    fn is_there(&self, contents: Contents, making: &str) -> bool {
        fs::read_to_string(self.dir(contents).join(STAMP)).is_ok_and(|stamp| stamp == making)
    }

    /// Makes the home with nothing but the model tables; answers how it was made.
    async fn make_small(&mut self, contents: Contents) -> anyhow::Result<String> {
        let dir = self.dir(contents);
        remove(&dir)?;
        let file = tables::write_file(&self.folder)?;
        let engine = Engine::create(&dir, ADMIN).await?;
        let mut admin = governed::session(&engine, None).await?;
        let script = format!("{}{}", tables::script(&file), grants::script());
        governed::run_script(&mut admin, &script, &self.folder).await?;
        engine.catalog().close().await;
        let mut store = open_store(&dir).await?;
        let layout: String = query_scalar("SELECT group_concat(sql, ';') FROM sqlite_schema WHERE sql IS NOT NULL")
            .fetch_one(&mut store)
            .await?;
        store.close().await?;
        Ok(format!("{}\n{script}\n{layout}", env!("CARGO_PKG_VERSION")))
    }

    /// Makes the home `contents` out of a copy of the home `base`, which has less.
    async fn extend(&mut self, base: Contents, contents: Contents, making: &str) -> anyhow::Result<()> {
        let (started, dir) = (Instant::now(), self.dir(contents));
        println!("making a catalog in {}", dir.display());
        remove(&dir)?;
        copy(&self.dir(base), &dir)?;
        let mut store = open_store(&dir).await?;
        if base.tables < contents.tables {
            tables::multiply(&mut store, contents.tables).await?;
        }
        if let Some(grants) = contents.grants {
            grants::fill_up(&mut store, grants).await?;
        }
        store.close().await?;
        fs::write(dir.join(STAMP), making)?;
        println!("made in {:.1} s", started.elapsed().as_secs_f64());
        self.built.push((contents, started.elapsed()));
        Ok(())
    }
}

/// The file that says how a home was made: one made otherwise is of no use.
const STAMP: &str = "made-by-bench";

/// The store of the home in `dir`, for writing much at once: nobody else has it open, and whoever finds it half done
/// makes it anew.
async fn open_store(dir: &Path) -> anyhow::Result<SqliteConnection> {
    let options = SqliteConnectOptions::new()
        .filename(dir.join("catalog.db"))
        .foreign_keys(false)
        .pragma("synchronous", "OFF")
        .pragma("cache_size", "-262144");
    Ok(options.connect().await?)
}

fn remove(dir: &Path) -> anyhow::Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

/// Copies a home: files, and folders that are empty.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let path = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            fs::create_dir_all(path)?;
        } else if entry.file_name() != STAMP {
            fs::copy(entry.path(), path)?;
        }
    }
    Ok(())
}
