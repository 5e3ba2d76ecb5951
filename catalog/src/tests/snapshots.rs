//! Snapshots of tables made of files.

use std::fs;

use sluice_model::ErrorClass;

use super::*;

fn parquet(path: &Path, batch: &RecordBatch) {
    let file = fs::File::create(path).unwrap();
    let mut writer = deltalake::parquet::arrow::ArrowWriter::try_new(file, batch.schema(), None).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_read_with_the_tags_of_its_columns() {
    let home = Home::new().await;
    home.declare(&["pii"]).await;
    let path = home.path("größe 100% #1.parquet");
    parquet(&path, &people(&[(1, "ann"), (2, "bob")]));
    let table = home.table("t", files(Format::Parquet, &path), &["id", "name", "gone"]).await;
    let tags = [("name".into(), tag("pii")), ("gone".into(), tag("pii"))];
    home.catalog.set_column_tags(&table.id, &tags, &Change::by("ann")).await.unwrap();
    let snapshot = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert_eq!(rows(&snapshot).await, "| 1  | ann  |\n| 2  | bob  |");
    assert_eq!(snapshot.columns.iter().map(|column| column.tags.len()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(snapshot.vanished, ["gone".into()] as [Arc<str>; 1]);
    assert_eq!((snapshot.kind, snapshot.version), (TableKind::External, None));
    assert!(home.snapshot("t", TableVersion::Number(0)).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_kept_until_the_catalog_or_the_files_change() {
    let home = Home::new().await;
    let folder = home.path("folder");
    fs::create_dir(&folder).unwrap();
    parquet(&folder.join("a.parquet"), &people(&[(1, "ann")]));
    fs::write(folder.join("_SUCCESS"), "").unwrap();
    fs::write(folder.join(".b.parquet"), "half written").unwrap();
    home.table("t", files(Format::Parquet, &folder), &["id", "name"]).await;
    let first = home.snapshot("t", TableVersion::Latest).await.unwrap();
    let second = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert!(Arc::ptr_eq(&first, &second));

    parquet(&folder.join("b.parquet"), &people(&[(2, "bob")]));
    let third = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert_eq!(rows(&third).await, "| 1  | ann  |\n| 2  | bob  |");
    assert_eq!(rows(&first).await, "| 1  | ann  |", "what was pinned does not grow");

    home.declare(&["pii"]).await;
    let fourth = home.snapshot("t", TableVersion::Latest).await.unwrap();
    assert!(!Arc::ptr_eq(&third, &fourth));
    let (Contents::Files(third), Contents::Files(fourth)) = (&third.contents, &fourth.contents) else { panic!() };
    assert!(Arc::ptr_eq(third, fourth), "the files are not opened again for that");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_named_tables_are_loaded_and_unknown_names_are_absent() {
    let home = Home::new().await;
    home.table("v", view("SELECT 1"), &["a"]).await;
    home.table("broken", files(Format::Csv, &home.path("none.csv")), &["a"]).await;
    let request = |name| TableRequest { name: TableName::new("crm", name), at: TableVersion::Latest };
    let session = SessionContext::new().state();
    let epoch = home.catalog.epoch().await.unwrap();
    let (_, found) = home.catalog.snapshot_tables(&session, &[request("v"), request("nope")], epoch).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(matches!(&found[0].1.contents, Contents::Query(text) if &**text == "SELECT 1"));
    home.catalog.drop_table(&TableName::new("crm", "v")).await.unwrap();
    let epoch = home.catalog.epoch().await.unwrap();
    assert!(home.catalog.snapshot_tables(&session, &[request("v")], epoch).await.unwrap().1.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn csv_and_json_are_read_as_their_options_say() {
    let home = Home::new().await;
    fs::write(home.path("a.csv"), "x;y\n1;'a;b'\n").unwrap();
    let location = Url::from_file_path(home.path("a.csv")).unwrap().to_string();
    let options = serde_json::json!({"delimiter": ";", "quote": "'"});
    let source = TableSource::External { format: Format::Csv, location, options };
    home.table("c", source, &["x", "y"]).await;
    assert_eq!(rows(&home.snapshot("c", TableVersion::Latest).await.unwrap()).await, "| 1 | a;b |");
    fs::write(home.path("a.json"), "{\"x\": 1}\n{\"x\": 2}\n").unwrap();
    let source = files(Format::Json, &home.path("a.json"));
    home.table("j", source.clone(), &["x"]).await;
    assert_eq!(rows(&home.snapshot("j", TableVersion::Latest).await.unwrap()).await, "| 1 |\n| 2 |");
    let name = TableName::new("crm", "j");
    let schema = describe_files(&SessionContext::new().state(), &name, &source).await.unwrap();
    assert_eq!(schema.field(0).name(), "x");
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_and_damaged_files_are_named() {
    let home = Home::new().await;
    let folder = home.path("data");
    fs::create_dir(&folder).unwrap();
    home.table("t", files(Format::Parquet, &folder), &["id"]).await;
    let failure = async |name: &str| {
        let error = home.snapshot(name, TableVersion::Latest).await.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Unavailable);
        format!("{error}: {}", std::error::Error::source(&error).unwrap())
    };
    assert!(failure("t").await.contains("table `crm.t` cannot be opened: no file ending in `.parquet` is in `data`"));
    parquet(&folder.join("a.parquet"), &people(&[(1, "ann")]));
    fs::write(folder.join("b.parquet"), "PAR1 this is no parquet file PAR1").unwrap();
    assert!(failure("t").await.contains("`b.parquet` cannot be read as PARQUET"));
    fs::write(folder.join("b.parquet"), "").unwrap();
    assert!(failure("t").await.contains("`b.parquet` cannot be read as PARQUET"));
    fs::remove_file(folder.join("b.parquet")).unwrap();
    home.snapshot("t", TableVersion::Latest).await.unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(failure("t").await.contains("`data` does not exist"));
}
