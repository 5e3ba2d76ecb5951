//! The tables: a hundred, made as anybody would make them, and copies of these in the store itself.

use std::{
    fmt::Write,
    fs::File,
    path::{Path, PathBuf},
    sync::Arc,
};

use arrow::{
    array::{ArrayRef, Int64Array, RecordBatch, StringArray},
    datatypes::{DataType, Field, Schema},
};
use datafusion::parquet::arrow::ArrowWriter;
use sqlx::{Connection, SqliteConnection, query, query_as, raw_sql};

/// How many tables are made by statements; all others are copies.
pub(super) const MODELS: usize = 100;

/// How many columns a table has, each with one tag.
pub(super) const COLUMNS: usize = 20;

/// How many tags there are under each of the areas.
const TAGS_PER_AREA: usize = 20;

/// The tags that others are under.
pub(super) const AREAS: [&str; 5] = ["person", "account", "place", "health", "contract"];

/// The name of the table numbered `number`.
pub(super) fn table_name(number: usize) -> String {
    format!("wide.table_{number:07}")
}

/// Every tag that columns carry.
pub(super) fn tags() -> impl Iterator<Item = String> {
    AREAS.iter().flat_map(|area| (0..TAGS_PER_AREA).map(move |number| format!("{area}.kind{number:02}")))
}

/// Writes the file that all tables stand over.
pub(super) fn write_file(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join("wide.parquet");
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let words: ArrayRef = Arc::new(StringArray::from_iter_values((0..100).map(|number| format!("word {number}"))));
    let columns: Vec<_> = (0..COLUMNS).map(|column| Arc::clone([&numbers, &words][column % 4 / 3])).collect();
    let fields: Vec<_> = (0..COLUMNS)
        .map(|column| Field::new(column_name(column), [DataType::Int64, DataType::Utf8][column % 4 / 3].clone(), true))
        .collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?;
    let mut writer = ArrowWriter::try_new(File::create(&path)?, batch.schema(), None)?;
    writer.write(&batch)?;
    writer.close()?;
    Ok(path)
}

fn column_name(column: usize) -> String {
    format!("c{column:02}")
}

/// The statements that make the tags and the model tables over `file`.
pub(super) fn script(file: &Path) -> String {
    let mut script = String::from("CREATE SCHEMA wide DOMAIN experiment;\n");
    for tag in AREAS.into_iter().map(str::to_owned).chain(tags()) {
        script += &format!("CREATE TAG {tag};\n");
    }
    let tags: Vec<_> = tags().collect();
    for number in 0..MODELS {
        let table = table_name(number);
        let columns = (0..COLUMNS).fold(String::new(), |mut columns, column| {
            let separator = if column == 0 { "" } else { ", " };
            // Neighbours have other tags.
            let tag = &tags[(number * 7 + column * 3) % tags.len()];
            // Writing to a string does not fail.
            let _ = write!(columns, "{separator}{} {tag}", column_name(column));
            columns
        });
        script += &format!(
            "CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{}';\nSET TAG ON COLUMNS {table} ({columns});\n",
            file.display(),
        );
    }
    script
}

/// Adds copies of the model tables until there are `tables`.
///
/// They are made as the rows that [`sluice_catalog::Catalog::create_table`] would make, which takes several
/// statements a table and so many minutes for a million.
pub(super) async fn multiply(store: &mut SqliteConnection, tables: usize) -> anyhow::Result<()> {
    let (first, last): (i64, i64) = query_as("SELECT min(key), max(key) FROM relation").fetch_one(&mut *store).await?;
    let (models, tables) = (last - first + 1, i64::try_from(tables)?);
    // Without a log all is written once. Should this not come to its end, the home has no stamp and is made anew.
    raw_sql("PRAGMA journal_mode = OFF").execute(&mut *store).await?;
    let mut transaction = store.begin().await?;
    for statement in COPIES {
        query(statement).bind(first).bind(models).bind(tables).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    raw_sql("PRAGMA journal_mode = WAL").execute(&mut *store).await?;
    Ok(())
}

/// Copies what is kept per table: `?1` is the key of the first model, `?2` the number of models, `?3` that of tables.
/// The table numbered `n` has the key `?1 + n` and is like the model `n % ?2`.
const COPIES: [&str; 5] = [
    "WITH RECURSIVE number (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?3)
     INSERT INTO relation (key, id, namespace_key, name, owner, kind, format, location, options, created_at)
     SELECT ?1 + n, printf('00000000-0000-7000-8000-%012d', n), m.namespace_key, printf('table_%07d', n), m.owner,
            m.kind, m.format, m.location, m.options, m.created_at
     FROM number CROSS JOIN relation m ON m.key = ?1 + n % ?2",
    "WITH RECURSIVE number (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?3)
     INSERT INTO relation_column (relation_key, position, name, sql_type)
     SELECT ?1 + n, m.position, m.name, m.sql_type
     FROM number CROSS JOIN relation_column m ON m.relation_key = ?1 + n % ?2",
    "WITH RECURSIVE number (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?3)
     INSERT INTO column_tag (relation_key, column_name, tag_key, flow, source, origin_key)
     SELECT ?1 + n, m.column_name, m.tag_key, m.flow, m.source, m.origin_key
     FROM number CROSS JOIN column_tag m ON m.relation_key = ?1 + n % ?2",
    "WITH RECURSIVE number (n) AS (SELECT ?2 UNION ALL SELECT n + 1 FROM number WHERE n + 1 < ?3)
     INSERT INTO tag_change (at, by, why, relation_id, changes)
     SELECT m.at, m.by, m.why, printf('00000000-0000-7000-8000-%012d', n), m.changes
     FROM number CROSS JOIN relation t ON t.key = ?1 + n % ?2 CROSS JOIN tag_change m ON m.relation_id = t.id",
    "UPDATE meta SET epoch = epoch + 1 WHERE ?1 + ?2 + ?3",
];
