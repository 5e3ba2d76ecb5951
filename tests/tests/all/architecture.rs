//! The rooms: which crate may use which. The table is the picture in ARCHITECTURE.md.

use std::{collections::BTreeMap, process::Command};

/// Each crate of the workspace with the crates of the workspace that it may use.
const EDGES: &[(&str, &[&str])] = &[
    ("sluice-model", &[]),
    ("sluice-policy", &["sluice-model"]),
    ("sluice-catalog", &["sluice-model"]),
    ("sluice-planner", &["sluice-model", "sluice-policy", "sluice-catalog"]),
    ("sluice-engine", &["sluice-model", "sluice-policy", "sluice-catalog", "sluice-planner"]),
    ("sluice-pipeline", &["sluice-model", "sluice-policy", "sluice-catalog", "sluice-planner", "sluice-engine"]),
    ("sluice-flight-server", &["sluice-model", "sluice-catalog", "sluice-planner", "sluice-engine"]),
    (
        "sluice",
        &[
            "sluice-model",
            "sluice-policy",
            "sluice-catalog",
            "sluice-planner",
            "sluice-engine",
            "sluice-pipeline",
            "sluice-flight-server",
        ],
    ),
    (
        "sluice-bench",
        &["sluice-model", "sluice-policy", "sluice-catalog", "sluice-planner", "sluice-engine", "sluice-pipeline"],
    ),
    (
        "sluice-tests",
        &[
            "sluice-model",
            "sluice-policy",
            "sluice-catalog",
            "sluice-planner",
            "sluice-engine",
            "sluice-pipeline",
            "sluice-flight-server",
        ],
    ),
];

/// What a crate must not use, whatever else it uses.
const NEVER: &[(&str, &[&str])] = &[
    ("sluice-model", &["tokio", "datafusion", "arrow", "sqlx", "async-trait"]),
    ("sluice-policy", &["datafusion", "arrow", "sqlparser", "tokio"]),
    ("sluice-catalog", &["cedar-policy"]),
    ("sluice-planner", &["tokio", "object_store", "deltalake", "sqlx", "datafusion", "cedar-policy"]),
    ("sluice-pipeline", &["datafusion", "deltalake", "sqlx"]),
    ("sluice-flight-server", &["deltalake", "sqlx", "cedar-policy", "sluice-policy"]),
    ("sluice", &["datafusion", "deltalake", "sqlx", "cedar-policy"]),
];

#[test]
fn dependencies_run_one_way() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let uses = package["dependencies"].as_array().unwrap().iter();
        // What a crate's own tests use is not part of the picture.
        let uses = uses.filter(|used| used["kind"].is_null() || package["name"] == "sluice-tests");
        let uses = uses.map(|used| used["name"].as_str().unwrap().to_owned());
        found.insert(package["name"].as_str().unwrap().to_owned(), uses.collect());
    }
    let known: Vec<_> = EDGES.iter().map(|(name, _)| *name).collect();
    let mut wrong: Vec<String> = found.keys().filter(|name| !known.contains(&name.as_str())).cloned().collect();
    for (name, allowed) in EDGES {
        let uses = found.get(*name).unwrap_or_else(|| panic!("{name} is not in the workspace any more"));
        let ours = uses.iter().filter(|used| used.starts_with("sluice-"));
        wrong.extend(ours.filter(|used| !allowed.contains(&used.as_str())).map(|used| format!("{name} uses {used}")));
    }
    for (name, never) in NEVER {
        let uses = &found[*name];
        wrong.extend(
            uses.iter().filter(|used| never.contains(&used.as_str())).map(|used| format!("{name} uses {used}")),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
