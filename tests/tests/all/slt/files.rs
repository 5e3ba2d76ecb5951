//! Where the files are, and which of them say nothing about Sluice.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use datafusion_sqllogictest::read_dir_recursive;

use super::glob;

/// One `.slt` file.
pub(super) struct TestFile {
    pub(super) path: PathBuf,
    /// Its path below `test_files`, with slashes.
    pub(super) name: String,
    /// Its size, which says about how long it takes.
    pub(super) bytes: u64,
}

/// Every file of the crate, sorted by name.
pub(super) fn all() -> Vec<TestFile> {
    let folder = package().join("test_files");
    let mut files: Vec<_> = read_dir_recursive(&folder)
        .unwrap()
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .map(|path| {
            let below = path.strip_prefix(&folder).unwrap();
            let name = below.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/");
            TestFile { bytes: path.metadata().unwrap().len(), path, name }
        })
        .collect();
    files.sort_by(|a, b| a.name.cmp(&b.name));
    files
}

/// Where cargo keeps the sources of `datafusion-sqllogictest`: it alone knows, vendored and mirrored ones included.
fn package() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // What other platforms need has not been fetched by whoever built this.
    let host = Command::new(&cargo).args(["-vV"]).output().unwrap();
    let host = String::from_utf8(host.stdout).unwrap();
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--offline", "--locked", "--filter-platform", host, "--manifest-path"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = packages.iter().find(|package| package["name"] == "datafusion-sqllogictest").unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().to_owned()
}

/// What `skipped.toml` says: a name or a pattern, and why.
pub(super) type Skipped = BTreeMap<String, String>;

pub(super) fn skipped() -> Skipped {
    let text = std::fs::read_to_string(folder().join("skipped.toml")).unwrap();
    toml::from_str(&text).unwrap()
}

/// Why the file is skipped, if it is.
pub(super) fn reason<'a>(skipped: &'a Skipped, name: &str) -> Option<&'a str> {
    skipped.iter().find(|(pattern, _)| glob::matches(pattern, name)).map(|(_, why)| why.as_str())
}

/// Patterns that match no file, and files that two patterns match.
pub(super) fn stale(skipped: &Skipped, all: &[TestFile]) -> Vec<String> {
    let idle = skipped.keys().filter(|pattern| !all.iter().any(|file| glob::matches(pattern, &file.name)));
    let twice = all
        .iter()
        .map(|file| &file.name)
        .filter(|name| skipped.keys().filter(|pattern| glob::matches(pattern, name)).count() > 1);
    idle.chain(twice).cloned().collect()
}

/// `tests/slt`.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("slt")
}
