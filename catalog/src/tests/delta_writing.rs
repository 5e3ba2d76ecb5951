//! Writing managed tables.

use std::fs;

use super::*;

async fn contents(location: &Url, version: Option<u64>) -> String {
    let home = Home::new().await;
    home.table("t", managed(location), &[]).await;
    let at = version.map_or(TableVersion::Latest, TableVersion::Number);
    rows(&home.snapshot("t", at).await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_created_appended_to_and_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("größe 100% #1 tables"));
    let created = write(&location, &people(&[(1, "ann")]), WriteMode::Create).await.unwrap();
    assert_eq!((created.version, created.rows, created.files), (0, 1, 1));
    assert!(created.bytes > 0);
    assert_eq!(write(&location, &people(&[(2, "bob")]), WriteMode::Append).await.unwrap().version, 1);
    let overwrite = WriteMode::Overwrite { expected_version: 1 };
    let renamed = people(&[(3, "cay")]);
    let schema = arrow::datatypes::Schema::new(vec![
        renamed.schema().field(0).clone().with_name("Nummer 1"),
        renamed.schema().field(1).clone(),
    ]);
    let renamed = RecordBatch::try_new(Arc::new(schema), renamed.columns().to_vec()).unwrap();
    assert_eq!(write(&location, &renamed, overwrite).await.unwrap().version, 2);
    assert_eq!(contents(&location, Some(0)).await, "| 1  | ann  |");
    assert_eq!(contents(&location, Some(1)).await, "| 1  | ann  |\n| 2  | bob  |");
    assert_eq!(contents(&location, None).await, "| 3        | cay  |");
    let history = delta::history(&location).await.unwrap();
    assert_eq!(
        history.iter().map(|row| (row.version, row.rows)).collect::<Vec<_>>(),
        [(2, Some(1)), (1, Some(1)), (0, Some(1))]
    );
    assert!(history[0].at_ms > history[1].at_ms && history[1].at_ms > history[2].at_ms);
    delta::remove_table(&location).await.unwrap();
    delta::remove_table(&location).await.unwrap();
    assert_eq!(delta::latest_version(&location).await.unwrap(), None);
    assert!(files_below(folder.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn appending_goes_by_name_and_refuses_other_columns() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    write(&location, &people(&[(1, "ann")]), WriteMode::Create).await.unwrap();
    let swapped = people(&[(2, "bob")]).project(&[1, 0]).unwrap();
    write(&location, &swapped, WriteMode::Append).await.unwrap();
    assert_eq!(contents(&location, None).await, "| 1  | ann  |\n| 2  | bob  |");
    let narrow = people(&[(3, "cay")]).project(&[0]).unwrap();
    let error = write(&location, &narrow, WriteMode::Append).await.unwrap_err();
    assert!(matches!(&error, StorageError::ColumnMismatch { column } if &**column == "name"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_rows_makes_a_table_with_columns() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let none = people(&[]);
    let made = write_as(&location, none.schema(), &[], WriteMode::Create, DeltaCommit::default()).await.unwrap();
    assert_eq!((made.rows, made.files), (0, 0));
    assert_eq!(contents(&location, None).await, "");
    let home = Home::new().await;
    home.table("t", managed(&location), &[]).await;
    let snapshot = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert_eq!(snapshot.arrow_schema.fields().len(), 2);
    write(&location, &none, WriteMode::Overwrite { expected_version: 0 }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_writers_the_second_fails_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let batch = people(&[(1, "ann")]);
    write(&location, &batch, WriteMode::Create).await.unwrap();
    let overwrite = WriteMode::Overwrite { expected_version: 0 };
    let mut slow = DeltaWrite::begin(&location, batch.schema(), overwrite).await.unwrap();
    slow.write(&people(&[(2, "slow")])).await.unwrap();
    write(&location, &people(&[(3, "fast")]), overwrite).await.unwrap();
    let before = files_below(folder.path());
    let error = slow.commit(DeltaCommit::default()).await.unwrap_err();
    assert!(matches!(error, StorageError::ConcurrentWrite), "{error:?}");
    assert_eq!(contents(&location, None).await, "| 3  | fast |");
    let leftovers: Vec<_> = files_below(folder.path()).into_iter().filter(|file| !before.contains(file)).collect();
    assert!(leftovers.is_empty(), "{leftovers:?}");
    let late = DeltaWrite::begin(&location, batch.schema(), overwrite).await.unwrap_err();
    assert!(matches!(late, StorageError::ConcurrentWrite));
    let again = DeltaWrite::begin(&location, batch.schema(), WriteMode::Create).await.unwrap_err();
    assert!(matches!(again, StorageError::TableThere));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_makers_the_second_fails() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let batch = people(&[(1, "ann")]);
    let first = DeltaWrite::begin(&location, batch.schema(), WriteMode::Create).await.unwrap();
    let second = DeltaWrite::begin(&location, batch.schema(), WriteMode::Create).await.unwrap();
    first.commit(DeltaCommit::default()).await.unwrap();
    let error = second.commit(DeltaCommit::default()).await.unwrap_err();
    assert!(matches!(error, StorageError::TableThere), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_write_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let batch = people(&[(1, "ann")]);
    for drop_it in [false, true] {
        let mut write = DeltaWrite::begin(&location, batch.schema(), WriteMode::Create).await.unwrap();
        write.write(&batch).await.unwrap();
        assert_eq!(write.rows(), 1);
        if drop_it {
            drop(write)
        } else {
            write.abort().await.unwrap()
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_cancelled_at_any_moment_leaves_a_table_that_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let batch = people(&[(1, "ann")]);
    write(&location, &batch, WriteMode::Create).await.unwrap();
    for patience in (0..60).map(|step| std::time::Duration::from_micros(step * 150)) {
        let mut write = DeltaWrite::begin(&location, batch.schema(), WriteMode::Append).await.unwrap();
        write.write(&batch).await.unwrap();
        let _ = tokio::time::timeout(patience, write.commit(DeltaCommit::default())).await;
    }
    let versions = delta::latest_version(&location).await.unwrap().unwrap() + 1;
    assert_eq!(contents(&location, Some(versions - 1)).await.lines().count() as u64, versions);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_finds_its_last_commit() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    assert_eq!(delta::last_transaction(&location, "run/stage").await.unwrap(), None);
    let batch = people(&[(1, "ann")]);
    let commit = |number| DeltaCommit {
        operation: "REFRESH".into(),
        app_id: Some(("run/stage".into(), number)),
        info: serde_json::json!({"sluice.run": "r1"}).as_object().unwrap().clone(),
        ..DeltaCommit::default()
    };
    let schema = batch.schema();
    write_as(&location, schema.clone(), &[], WriteMode::Create, commit(1)).await.unwrap();
    write_as(&location, schema, &[batch], WriteMode::Append, commit(2)).await.unwrap();
    assert_eq!(delta::last_transaction(&location, "run/stage").await.unwrap(), Some(2));
    assert_eq!(delta::last_transaction(&location, "other").await.unwrap(), None);
    let history = delta::history(&location).await.unwrap();
    assert_eq!(history[0].transactions, [("run/stage".to_owned(), 2)]);
    assert_eq!((&*history[0].operation, &history[0].info["sluice.run"]), ("REFRESH", &Value::from("r1")));
}

#[tokio::test(flavor = "multi_thread")]
async fn column_metadata_is_in_the_log_and_not_in_the_schema_that_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let batch = people(&[(1, "ann")]);
    let tagged = |text: &str| [("name".to_owned(), [("sluice.tags".to_owned(), text.to_owned())].into())].into();
    let commit = DeltaCommit { column_metadata: tagged("[1]"), ..DeltaCommit::default() };
    write_as(&location, batch.schema(), std::slice::from_ref(&batch), WriteMode::Create, commit).await.unwrap();
    let set = delta::set_column_metadata(&location, &tagged("[2]"), Default::default()).await.unwrap();
    assert_eq!(set.version, 1);
    let same = delta::set_column_metadata(&location, &tagged("[2]"), Default::default()).await.unwrap();
    assert_eq!(same.version, 1);
    write(&location, &batch, WriteMode::Append).await.unwrap();
    let table = deltalake::open_table(location.clone()).await.unwrap();
    let schema = table.snapshot().unwrap().schema();
    assert_eq!(format!("{:?}", schema.field("name").unwrap().metadata()["sluice.tags"]), "String(\"[2]\")");
    let home = Home::new().await;
    home.table("t", managed(&location), &[]).await;
    let snapshot = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert!(snapshot.arrow_schema.fields().iter().all(|field| field.metadata().is_empty()));
    assert_eq!(rows(&snapshot).await.lines().count(), 2);
    let unknown = [("nope".to_owned(), Default::default())].into();
    assert!(delta::set_column_metadata(&location, &unknown, Default::default()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_condensed() {
    let folder = tempfile::tempdir().unwrap();
    let location = folder_url(&folder.path().join("t"));
    let schema = people(&[]).schema();
    write_as(&location, schema.clone(), &[people(&[(0, "x")])], WriteMode::Create, DeltaCommit::default())
        .await
        .unwrap();
    for _ in 0..101 {
        write_as(&location, schema.clone(), &[], WriteMode::Append, DeltaCommit::default()).await.unwrap();
    }
    let log = files_below(&folder.path().join("t/_delta_log"));
    assert!(log.iter().any(|file| file == "00000000000000000100.checkpoint.parquet"), "{log:?}");
    assert_eq!(contents(&location, None).await, "| 0  | x    |");
    fs::remove_file(folder.path().join("t/_delta_log/00000000000000000007.json")).unwrap();
    assert_eq!(contents(&location, None).await, "| 0  | x    |", "nothing before the checkpoint is needed");
}
