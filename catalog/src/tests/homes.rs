//! Making and opening homes.

use std::{
    fs,
    time::{Duration, Instant},
};

use sluice_model::ErrorClass;
use sqlx::{Connection, Executor, SqliteConnection};

use super::*;

async fn raw(path: &Path, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(sql).await.unwrap();
    connection.close().await.unwrap();
}

fn protect(path: &Path) {
    let mut permissions = fs::metadata(path).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(path, permissions).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_home_holds_its_founders() {
    let home = Home::new().await;
    let (principal, groups) = home.catalog.groups_of("ann").await.unwrap().unwrap();
    assert_eq!(principal.kind, sluice_model::PrincipalKind::User);
    assert_eq!(groups, ["admins".into(), "everyone".into()] as [Arc<str>; 2]);
    let tags: Vec<_> = home.catalog.tags().await.unwrap().into_iter().map(|record| record.tag).collect();
    assert_eq!(tags, [Tag::public(), Tag::unclassified()]);
    let grants = home.catalog.grants(&GrantFilter::default()).await.unwrap();
    assert_eq!(grants.len(), 1);
    assert_eq!((&*grants[0].grant.principal, &*grants[0].object_name), ("everyone", "TAG public"));
    let again = Catalog::create(&home.path("catalog.db"), "bob", "").await.unwrap_err();
    assert!(matches!(again, CatalogError::HomeExists(_)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_path_with_spaces_and_unicode_is_a_home() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("größe #1 100%? home.db");
    Catalog::create(&path, "ann", "").await.unwrap().close().await;
    assert_eq!(Catalog::open(&path).await.unwrap().epoch().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_home_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    assert!(matches!(Catalog::open(&path).await, Err(CatalogError::HomeMissing(_))));
    fs::write(&path, "this is not a database, and long enough to be looked at as one: ".repeat(20)).unwrap();
    let opened = Catalog::open(&path).await.unwrap_err();
    assert!(matches!(opened, CatalogError::NotACatalog(_)), "{opened:?}");
    let created = Catalog::create(&path, "ann", "").await.unwrap_err();
    assert!(matches!(created, CatalogError::NotACatalog(_)), "{created:?}");
    fs::write(&path, "").unwrap();
    assert!(matches!(Catalog::open(&path).await, Err(CatalogError::NotACatalog(_))));
    // A making that was interrupted can be made again.
    Catalog::create(&path, "ann", "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_of_a_later_version_is_refused_with_the_version_to_use() {
    let home = Home::new().await;
    home.catalog.close().await;
    raw(home.catalog.path(), "UPDATE meta SET format = 99, made_by = '7.0.0'").await;
    let error = Catalog::open(home.catalog.path()).await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unavailable);
    let text = error.to_string();
    assert!(text.contains("made by Sluice 7.0.0") && text.contains("use Sluice 7.0.0 or later"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_of_the_first_version_is_brought_up_to_date_with_all_that_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("catalog.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    connection.execute(include_str!("../../migrations/0001_catalog.sql")).await.unwrap();
    connection.close().await.unwrap();
    raw(
        &path,
        "INSERT INTO meta VALUES (1, 1, '0.1.0', 7, 0);
         INSERT INTO principal (name, kind, created_by, created_at) VALUES ('ann', 'USER', 'ann', 0)",
    )
    .await;
    let read_only = Catalog::open_read_only(&path).await.unwrap_err();
    assert!(matches!(read_only, CatalogError::OlderHome { .. }), "{read_only:?}");
    let catalog = Catalog::open(&path).await.unwrap();
    assert_eq!(catalog.epoch().await.unwrap(), 8, "what was remembered of it is forgotten");
    catalog.set_password("ann", "$argon2id$1", "ann").await.unwrap();
    assert_eq!(catalog.tokens(None).await.unwrap(), []);
    catalog.close().await;
    assert_eq!(Catalog::open(&path).await.unwrap().epoch().await.unwrap(), 9, "once is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_read_and_not_changed() {
    let home = Home::new().await;
    home.catalog.close().await;
    protect(home.catalog.path());
    let catalog = Catalog::open(home.catalog.path()).await.unwrap();
    assert!(catalog.is_read_only());
    assert!(catalog.schema(&SchemaName::new("crm")).await.unwrap().is_some());
    let error = catalog.create_tag(&tag("pii"), Default::default(), None, "ann").await.unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unavailable);
    assert!(error.to_string().contains("the home is read-only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_to_be_full() {
    let home = Home::new().await;
    home.catalog.close().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.catalog.path());
    let mut connection = SqliteConnection::connect_with(&options.pragma("max_page_count", "1")).await.unwrap();
    let fill = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
                INSERT INTO tag (name, indirect, created_by, created_at) SELECT 'full.' || i, 'DENY', 'ann', 0 FROM n";
    let error = CatalogError::from(connection.execute(fill).await.unwrap_err());
    assert!(matches!(error, CatalogError::DiskFull), "{error:?}");
    assert_eq!(error.class(), ErrorClass::Unavailable);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_grow_the_epoch_and_records_do_not() {
    let home = Home::new().await;
    let before = home.catalog.epoch().await.unwrap();
    home.declare(&["pii"]).await;
    assert_eq!(home.catalog.epoch().await.unwrap(), before + 1);
    home.catalog.create_tag(&tag("pii"), Default::default(), None, "ann").await.unwrap_err();
    let record = query_record();
    let id = home.catalog.record_audit(record.clone()).await.unwrap();
    home.catalog.finish_audit(id, 3).await.unwrap();
    assert_eq!(home.catalog.epoch().await.unwrap(), before + 1, "neither a refused change nor a record counts");
    let filter = AuditFilter { principal: Some("ann".into()), limit: Some(5) };
    assert_eq!(home.catalog.audit(&filter).await.unwrap(), [AuditRecord { rows: Some(3), ..record }]);
    assert_eq!(home.catalog.audit(&AuditFilter { principal: Some("bob".into()), limit: None }).await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_can_be_given_up_while_another_process_writes() {
    let home = Home::new().await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(home.catalog.path());
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    other.execute("BEGIN IMMEDIATE").await.unwrap();
    let soon = Duration::from_millis(100);
    tokio::time::timeout(soon, home.catalog.record_audit(query_record())).await.unwrap_err();
    let begun = Instant::now();
    tokio::time::timeout(soon, home.catalog.close()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    other.execute("ROLLBACK").await.unwrap();
}

fn query_record() -> AuditRecord {
    AuditRecord {
        at_ms: 1,
        principal: "ann".into(),
        domain: Domain::Production,
        statement: "SELECT 1".into(),
        decision: AuditDecision::Allow,
        reason: None,
        fingerprint: None,
        cache: "off".into(),
        analysis_us: 7,
        rows: None,
        detail: Arc::new(Value::Null),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_handles_change_one_home_at_the_same_time() {
    let home = Home::new().await;
    let other = Catalog::open(home.catalog.path()).await.unwrap();
    let before = home.catalog.epoch().await.unwrap();
    let writing = [("a", home.catalog.clone()), ("b", other.clone())].map(|(prefix, catalog)| {
        tokio::spawn(async move {
            for number in 0..25 {
                let name = tag(&format!("{prefix}.t{number}"));
                catalog.create_tag(&name, Default::default(), None, "ann").await.unwrap();
            }
        })
    });
    for writer in writing {
        writer.await.unwrap();
    }
    assert_eq!(home.catalog.tags().await.unwrap().len(), 52);
    assert_eq!(other.epoch().await.unwrap(), before + 50);
    assert_eq!(other.tag_rules(before + 50).await.unwrap().len(), 52);
}
