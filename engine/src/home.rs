//! A home: the folder that holds an installation.
//!
//! ```text
//! sluice.toml   settings
//! catalog.db    names, tags, grants, runs, audit
//! warehouse/    managed tables
//! tmp/          what queries spill; emptied by whoever finds it abandoned
//! locks/        one empty file per lock
//! ```

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::EngineError;

/// The settings of a home, `sluice.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// How much memory the statements of one process may use together before they spill, in mebibytes.
    pub memory_limit_mb: usize,
    /// Over how many partitions a query is spread; 0 for one per core.
    pub target_partitions: usize,
    /// How many rows are computed, and sent, together; 0 for what suits most queries.
    pub batch_rows: usize,
    /// The settings of a server on this home, the table `[server]`. They are the server's to read.
    pub server: toml::Table,
}

impl Default for Settings {
    fn default() -> Self {
        Self { memory_limit_mb: 4096, target_partitions: 0, batch_rows: 0, server: toml::Table::new() }
    }
}

const SETTINGS_TEXT: &str = "\
# Settings of this Sluice home. Every line is optional.

# How much memory the statements of one process may use together before they spill to disk, in mebibytes.
memory_limit_mb = 4096

# Over how many partitions a query is spread; 0 for one per core.
target_partitions = 0

# How many rows are computed, and sent to clients, together; 0 for what suits most queries.
batch_rows = 0
";

/// A home's folder and settings.
#[derive(Debug, Clone)]
pub struct Home {
    dir: PathBuf,
    settings: Settings,
    creator: String,
}

impl Home {
    /// Makes the folders of a new home in `dir`, which may exist if it holds no home.
    ///
    /// # Errors
    /// [`EngineError::HomeExists`] where one is; [`EngineError::Io`] where the folder cannot be written.
    pub fn create(dir: &Path, creator: &str) -> Result<Self, EngineError> {
        if dir.join(Self::SETTINGS).exists() || dir.join(Self::CATALOG).exists() {
            return Err(EngineError::HomeExists(dir.to_path_buf()));
        }
        let making = || EngineError::io(format!("making a home in `{}`", dir.display()));
        for folder in ["warehouse", "tmp", "locks"] {
            fs::create_dir_all(dir.join(folder)).map_err(making())?;
        }
        fs::write(dir.join(Self::CREATOR), creator).map_err(making())?;
        let dir = dir.canonicalize().map_err(making())?;
        Ok(Self { dir, settings: Settings::default(), creator: creator.to_owned() })
    }

    /// The last step of making a home: from here on it is one.
    pub(crate) fn finish_creation(&self) -> Result<(), EngineError> {
        fs::write(self.dir.join(Self::SETTINGS), SETTINGS_TEXT)
            .map_err(EngineError::io(format!("making a home in `{}`", self.dir.display())))
    }

    /// Opens the home in `dir`.
    ///
    /// # Errors
    /// [`EngineError::NotAHome`] where none is; [`EngineError::Settings`] where the settings cannot be read.
    pub fn open(dir: &Path) -> Result<Self, EngineError> {
        let path = dir.join(Self::SETTINGS);
        let text = fs::read_to_string(&path).map_err(|_| EngineError::NotAHome(dir.to_path_buf()))?;
        let settings = toml::from_str(&text)
            .map_err(|error| EngineError::Settings { path: path.clone(), reason: error.message().to_owned() })?;
        let dir = dir.canonicalize().map_err(EngineError::io(format!("opening `{}`", dir.display())))?;
        let creator = fs::read_to_string(dir.join(Self::CREATOR))
            .map_err(|_| EngineError::NotAHome(dir.clone()))?
            .trim()
            .to_owned();
        Ok(Self { dir, settings, creator })
    }

    /// The folder, absolute.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The user who made the home.
    pub fn creator(&self) -> &str {
        &self.creator
    }

    pub(crate) fn catalog(&self) -> PathBuf {
        self.dir.join(Self::CATALOG)
    }

    pub(crate) fn warehouse(&self) -> PathBuf {
        self.dir.join("warehouse")
    }

    pub(crate) fn spill(&self) -> PathBuf {
        self.dir.join("tmp")
    }

    pub(crate) fn locks(&self) -> PathBuf {
        self.dir.join("locks")
    }

    const SETTINGS: &str = "sluice.toml";
    const CATALOG: &str = "catalog.db";
    const CREATOR: &str = "creator";
}
