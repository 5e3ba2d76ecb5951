//! Whoever may not see a table cannot tell whether it is there, by no call that there is.

use std::{collections::BTreeMap, sync::Arc};

use arrow::{
    array::{Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema, SchemaRef},
};
use arrow_flight::{
    PutResult,
    sql::{
        self, ActionCreatePreparedSubstraitPlanRequest, CommandGetCrossReference, CommandGetDbSchemas,
        CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetTables, ProstMessageExt,
        SubstraitPlan,
    },
};
use prost::Message;
use tonic::{Code, Status};

use super::{
    client::{Client, ingest, statement},
    reveals_nothing,
    server::{SECRET, Served},
    substrait, told,
    watch::Watch,
};

/// A table that is there, and one that is not. The names are equally long, so that nothing else differs.
const THERE: &str = "secret";
const MISSING: &str = "absent";

/// Statements about a table `$`.
const STATEMENTS: [&str; 30] = [
    "SELECT * FROM hidden.$",
    "SELECT word FROM hidden.$",
    "SELECT no_such_column FROM hidden.$",
    "SELECT 1 FROM hidden.$ WHERE 1/0 = 1",
    "SELECT count(*) FROM hidden.$ VERSION AS OF 0",
    "SELECT n FROM open.numbers WHERE n IN (SELECT id FROM hidden.$)",
    "SELECT n FROM open.numbers JOIN sluice.hidden.$ ON true",
    "WITH x AS (SELECT * FROM hidden.$) SELECT 1 FROM x",
    "EXPLAIN SELECT * FROM hidden.$",
    "EXPLAIN GOVERNANCE SELECT * FROM hidden.$",
    "DESCRIBE hidden.$",
    "SHOW COLUMNS FROM hidden.$",
    "SHOW TAGS ON TABLE hidden.$",
    "SHOW GRANTS ON TABLE hidden.$",
    "SHOW HISTORY OF hidden.$",
    "INSERT INTO hidden.$ VALUES (2, 'x')",
    "INSERT INTO lab.mine SELECT word FROM hidden.$",
    "UPDATE hidden.$ SET word = 'x'",
    "DELETE FROM hidden.$",
    "DROP TABLE hidden.$",
    "DROP TABLE IF EXISTS hidden.$",
    "ALTER TABLE hidden.$ RENAME TO other",
    "CREATE TABLE hidden.$ (id INT)",
    "CREATE TABLE IF NOT EXISTS hidden.$ AS SELECT 1 AS id",
    "CREATE OR REPLACE VIEW hidden.$ AS SELECT 1 AS id",
    "CREATE VIEW lab.mine AS SELECT * FROM hidden.$",
    "GRANT SELECT ON TABLE hidden.$ TO USER eve",
    "REVOKE SELECT ON TABLE hidden.$ FROM USER ana",
    "SET TAG ON COLUMNS hidden.$ (word public)",
    "UNSET TAG ON COLUMNS hidden.$ (word)",
];

/// What an answer tells, the name asked for aside.
fn heard<T: Words>(answer: Result<T, Status>, table: &str) -> String {
    let answer = answer.map_err(|status| {
        assert_ne!(status.code(), Code::Internal, "{status:?}");
        reveals_nothing(&status, &[SECRET]);
        let (code, message, details) = told(&status);
        (code, message, String::from_utf8_lossy(&details).into_owned())
    });
    match answer {
        Ok(answer) => answer.words(),
        Err(error) => format!("{error:?}"),
    }
    .replace(table, "$")
}

/// An answer in words, in the same order each time.
trait Words {
    fn words(&self) -> String;
}

impl Words for Schema {
    fn words(&self) -> String {
        let metadata: BTreeMap<_, _> = self.metadata().iter().collect();
        let fields = self.fields().iter().map(|field| {
            let metadata: BTreeMap<_, _> = field.metadata().iter().collect();
            format!("{} {} {} {metadata:?}", field.name(), field.data_type(), field.is_nullable())
        });
        format!("{:?} {metadata:?}", fields.collect::<Vec<_>>())
    }
}

impl Words for Vec<RecordBatch> {
    fn words(&self) -> String {
        let schemas: Vec<_> = self.iter().map(|batch| batch.schema().words()).collect();
        format!("{schemas:?} {}", arrow::util::pretty::pretty_format_batches(self).unwrap())
    }
}

impl Words for (SchemaRef, Vec<RecordBatch>) {
    fn words(&self) -> String {
        format!("{} {}", self.0.words(), self.1.words())
    }
}

impl Words for i64 {
    fn words(&self) -> String {
        self.to_string()
    }
}

impl Words for Vec<PutResult> {
    fn words(&self) -> String {
        format!("{self:?}")
    }
}

impl Words for () {
    fn words(&self) -> String {
        "done".to_owned()
    }
}

/// Everything that `client` hears of a table by every call.
async fn everything(client: &Client, table: &str) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for text in STATEMENTS {
        let text = text.replace('$', table);
        let short = text.replace(table, "$");
        let mut say = |how: &str, what: String| all.push((format!("{how}: {short}"), what));
        say("GetSchema", heard(client.schema(&statement(&text)).await, table));
        say("GetFlightInfo", heard(client.query(&text).await, table));
        // A handle is random; that there is one is what counts.
        say("prepare", heard(client.prepare(&text).await.map(drop), table));
        say("DoPut", heard(client.update(&text).await, table));
        say("PollFlightInfo", heard(client.poll(&statement(&text)).await.map(drop), table));
    }
    let schema = Schema::new(vec![Field::new("id", DataType::Int64, true)]);
    let column: Arc<dyn Array> = Arc::new(Int64Array::from(vec![1]));
    let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
    for (how, missing, existing) in [
        ("create", sql::TableNotExistOption::Create, sql::TableExistsOption::Fail),
        ("append", sql::TableNotExistOption::Fail, sql::TableExistsOption::Append),
        ("replace", sql::TableNotExistOption::Create, sql::TableExistsOption::Replace),
        ("create or append", sql::TableNotExistOption::Create, sql::TableExistsOption::Append),
    ] {
        let mut command = ingest("hidden", table, false);
        let options = sql::TableDefinitionOptions { if_not_exist: missing as i32, if_exists: existing as i32 };
        command.table_definition_options = Some(options);
        let answer = client.put_rows(&command, &schema, std::slice::from_ref(&batch)).await;
        all.push((format!("ingest: {how}"), heard(answer, table)));
    }
    for name in [format!("hidden.{table}"), format!("sluice.hidden.{table}")] {
        let plan = substrait::all_of(&name, &[("id", DataType::Int64), ("word", DataType::Utf8)]);
        let command = substrait::command(plan.clone());
        all.push((format!("Substrait: {}", name.len()), heard(client.ask(&command).await, table)));
        all.push((format!("its schema: {}", name.len()), heard(client.schema(&command).await, table)));
        let plan = Some(SubstraitPlan { plan, version: String::new() });
        let ask = ActionCreatePreparedSubstraitPlanRequest { plan, transaction_id: None }.as_any().encode_to_vec();
        let answer = client.action("CreatePreparedSubstraitPlan", ask).await.map(drop);
        all.push((format!("prepare Substrait: {}", name.len()), heard(answer, table)));
    }
    let (hidden, table_name) = (Some("hidden".to_owned()), table.to_owned());
    for include_schema in [false, true] {
        let tables = CommandGetTables {
            catalog: None,
            db_schema_filter_pattern: hidden.clone(),
            table_name_filter_pattern: Some(table_name.clone()),
            table_types: Vec::new(),
            include_schema,
        };
        all.push((format!("GetTables {include_schema}"), heard(client.ask(&tables).await, table)));
    }
    let keys = CommandGetPrimaryKeys { catalog: None, db_schema: hidden.clone(), table: table_name.clone() };
    all.push(("GetPrimaryKeys".to_owned(), heard(client.ask(&keys).await, table)));
    let keys = CommandGetExportedKeys { catalog: None, db_schema: hidden.clone(), table: table_name.clone() };
    all.push(("GetExportedKeys".to_owned(), heard(client.ask(&keys).await, table)));
    let keys = CommandGetImportedKeys { catalog: None, db_schema: hidden.clone(), table: table_name.clone() };
    all.push(("GetImportedKeys".to_owned(), heard(client.ask(&keys).await, table)));
    let keys = CommandGetCrossReference {
        pk_catalog: None,
        pk_db_schema: hidden.clone(),
        pk_table: table_name.clone(),
        fk_catalog: None,
        fk_db_schema: Some("open".to_owned()),
        fk_table: "numbers".to_owned(),
    };
    all.push(("GetCrossReference".to_owned(), heard(client.ask(&keys).await, table)));
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invisible_table_is_as_good_as_missing_in_every_call() {
    let mut served = Served::start("");
    let (ana, eve) = (served.client("ana").await, served.client("eve").await);
    let watch = Watch::over(&served).await;
    let there = everything(&eve, THERE).await;
    let missing = everything(&eve, MISSING).await;
    let told_apart: Vec<_> = there.iter().zip(&missing).filter(|(there, missing)| there != missing).collect();
    assert!(told_apart.is_empty(), "these tell it apart: {told_apart:#?}");
    // The same questions do tell who may see it; so the silence above is no accident of the questions.
    let mut seen = 0;
    for text in &STATEMENTS[..2] {
        seen += usize::from(ana.query(&text.replace('$', THERE)).await.is_ok());
        assert!(ana.query(&text.replace('$', MISSING)).await.is_err());
    }
    let plan = substrait::all_of("hidden.secret", &[("id", DataType::Int64), ("word", DataType::Utf8)]);
    assert!(ana.ask(&substrait::command(plan)).await.is_ok());
    assert_eq!(seen, 2);
    // Nor is it among all that there is.
    let schemas = CommandGetDbSchemas { catalog: None, db_schema_filter_pattern: None };
    let tables = CommandGetTables {
        catalog: None,
        db_schema_filter_pattern: None,
        table_name_filter_pattern: None,
        table_types: Vec::new(),
        include_schema: true,
    };
    let listed = format!("{:?} {:?}", eve.ask(&tables).await.unwrap(), eve.ask(&schemas).await.unwrap());
    assert!(listed.contains("numbers") && !listed.contains("secret") && !listed.contains("hidden"), "{listed}");
    watch.finish(&mut served, &format!("{} questions about a table that may not be seen", there.len())).await;
}
