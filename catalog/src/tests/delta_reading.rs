//! Reading Delta tables: versions, times, and logs with holes.

use std::{collections::BTreeMap, fs};

use sluice_model::{ErrorClass, Flow, Origin, TagSource};

use super::*;

async fn three_versions(home: &Home) -> Url {
    let location = folder_url(&home.path("warehouse/t"));
    write(&location, &people(&[(1, "ann")]), WriteMode::Create).await.unwrap();
    write(&location, &people(&[(2, "bob")]), WriteMode::Append).await.unwrap();
    write(&location, &people(&[(3, "cay")]), WriteMode::Append).await.unwrap();
    home.table("t", managed(&location), &["id", "name"]).await;
    location
}

fn entry(home: &Home, version: u64) -> std::path::PathBuf {
    home.path(&format!("warehouse/t/_delta_log/{version:020}.json"))
}

fn chain(error: &CatalogError) -> String {
    format!("{error}: {}", std::error::Error::source(error).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_and_a_time_name_the_same_rows_for_ever() {
    let home = Home::new().await;
    let location = three_versions(&home).await;
    let history = delta::history(&location).await.unwrap();
    let at = async |at| home.snapshot("t", at).await.unwrap().version;
    assert_eq!(at(TableVersion::Latest).await, Some(2));
    assert_eq!(at(TableVersion::Number(0)).await, Some(0));
    for row in &history {
        assert_eq!(at(TableVersion::TimestampMs(row.at_ms)).await, Some(row.version));
    }
    assert_eq!(at(TableVersion::TimestampMs(history[0].at_ms + 1_000_000)).await, Some(2));
    let early = home.snapshot("t", TableVersion::TimestampMs(history[2].at_ms - 1)).await.unwrap_err();
    assert!(chain(&early).contains("the table's first version is from 20"), "{}", chain(&early));
    let late = home.snapshot("t", TableVersion::Number(9)).await.unwrap_err();
    assert_eq!(chain(&late), "table `crm.t` cannot be opened: version 9 does not exist; the latest is 2");
    assert_eq!(late.class(), ErrorClass::Caller);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_table_does_not_change_and_the_next_statement_sees_what_came() {
    let home = Home::new().await;
    let location = three_versions(&home).await;
    let before = home.snapshot("t", TableVersion::Latest).await.unwrap();
    let again = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert!(Arc::ptr_eq(&before, &again));
    let old = home.snapshot("t", TableVersion::Number(1)).await.unwrap();
    write(&location, &people(&[(4, "dee")]), WriteMode::Overwrite { expected_version: 2 }).await.unwrap();
    let after = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert_eq!((before.version, after.version), (Some(2), Some(3)));
    assert_eq!(rows(&before).await.lines().count(), 3);
    assert_eq!(rows(&after).await, "| 4  | dee  |");
    assert!(Arc::ptr_eq(&old, &home.snapshot("t", TableVersion::Number(1)).await.unwrap()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_was_made_anew_in_its_place_is_opened_again() {
    let home = Home::new().await;
    let location = folder_url(&home.path("warehouse/t"));
    write(&location, &people(&[(1, "ann")]), WriteMode::Create).await.unwrap();
    home.table("t", managed(&location), &["id", "name"]).await;
    home.snapshot("t", TableVersion::Latest).await.unwrap();
    delta::remove_table(&location).await.unwrap();
    write(&location, &people(&[(2, "bob the second")]), WriteMode::Create).await.unwrap();
    let snapshot = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert_eq!(rows(&snapshot).await, "| 2  | bob the second |");
}

#[tokio::test(flavor = "multi_thread")]
async fn holes_in_the_log_are_named() {
    let home = Home::new().await;
    three_versions(&home).await;
    let kept = fs::read(entry(&home, 1)).unwrap();
    fs::remove_file(entry(&home, 1)).unwrap();
    let error = home.snapshot("t", TableVersion::Latest).await.unwrap_err();
    assert!(chain(&error).contains("the log entry for version 1 is missing"), "{}", chain(&error));
    assert_eq!(error.class(), ErrorClass::Unavailable);
    assert!(home.snapshot("t", TableVersion::Number(1)).await.is_err());
    assert_eq!(home.snapshot("t", TableVersion::Number(0)).await.unwrap().version, Some(0));
    fs::write(entry(&home, 1), "").unwrap();
    let error = home.snapshot("t", TableVersion::Latest).await.unwrap_err();
    assert!(chain(&error).contains("the log entry for version 1 is empty"), "{}", chain(&error));
    fs::write(entry(&home, 1), "{\"add\": {\"path\": \"secret\"").unwrap();
    let error = home.snapshot("t", TableVersion::Latest).await.unwrap_err();
    assert!(chain(&error).contains("its Delta log cannot be read"), "{}", chain(&error));
    assert!(!chain(&error).contains("secret"));
    fs::write(entry(&home, 1), kept).unwrap();
    assert_eq!(home.snapshot("t", TableVersion::Latest).await.unwrap().version, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_delta_table_is_said_to_be_none() {
    let home = Home::new().await;
    let folder = home.path("plain");
    fs::create_dir(&folder).unwrap();
    home.table("t", files(Format::Delta, &folder), &["id"]).await;
    let error = home.snapshot("t", TableVersion::Latest).await.unwrap_err();
    assert!(chain(&error).contains("`plain` is not a Delta table"), "{}", chain(&error));
    fs::remove_dir(&folder).unwrap();
    let error = home.snapshot("t", TableVersion::Latest).await.unwrap_err();
    assert!(chain(&error).contains("`plain` does not exist"), "{}", chain(&error));
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_came_are_unclassified_and_those_that_went_are_told() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let location = three_versions(&home).await;
    let table = home.catalog.table(&TableName::new("crm", "t")).await.unwrap().unwrap();
    let tags = ["id", "name"].map(|column| (column.into(), tag("pii")));
    home.catalog.set_column_tags(&table.id, &tags, &Change::by("ann")).await.unwrap();
    let batch = people(&[(1, "ann")]);
    let extra = Arc::new(Int64Array::from(vec![7])) as ArrayRef;
    let wide = RecordBatch::try_from_iter([("id", batch.column(0).clone()), ("extra", extra)]).unwrap();
    write(&location, &wide, WriteMode::Overwrite { expected_version: 2 }).await.unwrap();
    let snapshot = home.snapshot("t", TableVersion::Latest).await.unwrap();
    let columns: Vec<_> = snapshot.columns.iter().map(|column| (&*column.name, column.tags.len())).collect();
    assert_eq!(columns, [("id", 1), ("extra", 0)]);
    assert_eq!(snapshot.vanished, ["name".into()] as [Arc<str>; 1]);
    let old = home.snapshot("t", TableVersion::Number(0)).await.unwrap();
    assert_eq!(old.vanished, [] as [Arc<str>; 0]);
    assert_eq!(old.columns[1].tags.len(), 1, "an older version has the tags that are set today");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_version_keeps_the_tags_that_arrived_with_its_data() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let location = folder_url(&home.path("warehouse/t"));
    let origin = Origin::column(&TableName::new("src", "t"), "x");
    let arrived = StoredTag { tag: tag("pii"), flow: Flow::Direct, source: TagSource::Propagated, origin };
    let on_rows = StoredTag { flow: Flow::Row, ..arrived.clone() };
    let by_hand = StoredTag { tag: tag("old"), source: TagSource::Set, ..arrived.clone() };
    let batch = people(&[(1, "ann")]);
    let commit = |metadata: BTreeMap<String, String>| DeltaCommit {
        column_metadata: [("id".to_owned(), metadata)].into(),
        ..DeltaCommit::default()
    };
    let batches = std::slice::from_ref(&batch);
    let first = commit(stored_column_metadata(&[arrived.clone(), by_hand], std::slice::from_ref(&on_rows)));
    write_as(&location, batch.schema(), batches, WriteMode::Create, first).await.unwrap();
    let broken = commit([("sluice.tags".to_owned(), "[".to_owned())].into());
    let again = |expected_version| WriteMode::Overwrite { expected_version };
    write_as(&location, batch.schema(), batches, again(0), broken).await.unwrap();
    write_as(&location, batch.schema(), batches, again(1), DeltaCommit::default()).await.unwrap();

    home.table("t", managed(&location), &["id", "name"]).await;
    let tags = async |at| {
        let snapshot = home.snapshot("t", at).await.unwrap();
        (snapshot.columns[0].tags.clone(), snapshot.row_tags.clone())
    };
    assert_eq!(tags(TableVersion::Latest).await, (vec![], vec![]));
    assert_eq!(tags(TableVersion::Number(0)).await, (vec![arrived], vec![on_rows]));
    let (on_column, on_rows) = tags(TableVersion::Number(1)).await;
    assert_eq!((&on_column[0].tag, &on_rows[0].tag), (&Tag::unclassified(), &Tag::unclassified()));

    let external = TableSource::External { format: Format::Delta, location: location.into(), options: Value::Null };
    home.table("foreign", external, &["id", "name"]).await;
    let foreign = home.snapshot("foreign", TableVersion::Number(0)).await.unwrap();
    assert!(foreign.columns[0].tags.is_empty(), "files that others keep classify nothing");
}
