//! What was allowed when it was prepared or announced, and is no longer when it is executed or fetched.

use std::sync::Arc;

use arrow::{
    array::{Array, Int64Array, RecordBatch},
    datatypes::{DataType, Field, Schema},
};
use arrow_flight::{
    Ticket,
    sql::{CommandPreparedStatementUpdate, ProstMessageExt},
};
use prost::Message;
use tonic::{Code, Status};

use super::{
    client::{first_column, prepared_query, statement, ticket_of},
    reveals_nothing,
    server::{SECRET, Served},
    substrait, told,
    watch::Watch,
};

#[track_caller]
fn denied(status: &Status) {
    assert_eq!(status.code(), Code::PermissionDenied, "{status:?}");
    reveals_nothing(status, &[SECRET]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_gone_ends_what_was_prepared_and_announced() {
    let mut served = Served::start("");
    let (ana, admin) = (served.client("ana").await, served.admin().await);
    let watch = Watch::over(&served).await;
    let text = "SELECT word FROM hidden.secret";
    let plan = substrait::all_of("hidden.secret", &[("id", DataType::Int64), ("word", DataType::Utf8)]);
    let prepared = prepared_query(&ana.prepare(text).await.unwrap());
    let direct = Ticket { ticket: prepared.as_any().encode_to_vec().into() };
    let ticket = ticket_of(&ana.info(&statement(text)).await.unwrap());
    let of_plan = ticket_of(&ana.info(&substrait::command(plan)).await.unwrap());
    assert_eq!(first_column(&ana.fetch(ticket.clone()).await.unwrap().1), [SECRET]);
    assert_eq!(first_column(&ana.ask(&prepared).await.unwrap().1), [SECRET]);

    admin.query("REVOKE READ ON TAG pii FROM USER ana").await.unwrap();
    denied(&ana.fetch(ticket.clone()).await.unwrap_err());
    denied(&ana.fetch(of_plan.clone()).await.unwrap_err());
    denied(&ana.fetch(direct.clone()).await.unwrap_err());
    denied(&ana.info(&prepared).await.unwrap_err());
    denied(&ana.schema(&prepared).await.unwrap_err());
    denied(&ana.prepare(text).await.unwrap_err());

    admin.query("REVOKE SELECT ON SCHEMA hidden FROM USER ana").await.unwrap();
    let missing = told(&ana.query("SELECT word FROM hidden.absent").await.unwrap_err());
    for status in [
        ana.fetch(ticket.clone()).await.unwrap_err(),
        ana.fetch(direct.clone()).await.unwrap_err(),
        ana.info(&prepared).await.unwrap_err(),
    ] {
        let (code, message, _) = told(&status);
        assert_eq!((code, message.replace("secret", "absent")), (missing.0, missing.1.clone()));
    }
    let status = ana.fetch(of_plan.clone()).await.unwrap_err();
    assert_eq!(status.code(), missing.0, "{status:?}");

    admin.query("GRANT SELECT ON SCHEMA hidden TO USER ana").await.unwrap();
    admin.query("GRANT READ ON TAG pii TO USER ana").await.unwrap();
    for ticket in [ticket, of_plan, direct] {
        let rows = ana.fetch(ticket).await.unwrap().1;
        assert!(format!("{rows:?}").contains(SECRET), "allowed again: {rows:?}");
    }
    watch.finish(&mut served, "revoked between announcing and fetching").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_write_is_decided_when_it_is_executed() {
    let mut served = Served::start("");
    let (ana, admin) = (served.client("ana").await, served.admin().await);
    let watch = Watch::over(&served).await;
    ana.query("CREATE TABLE lab.notes AS SELECT n FROM open.numbers WHERE n < 2").await.unwrap();
    admin.query("CREATE SCHEMA common").await.unwrap();
    admin.query("CREATE TABLE common.notes (n BIGINT)").await.unwrap();
    admin.query("GRANT SELECT, INSERT ON SCHEMA common TO USER ana").await.unwrap();
    let handle = ana.prepare("INSERT INTO common.notes VALUES (?)").await.unwrap();
    let command = CommandPreparedStatementUpdate { prepared_statement_handle: handle };
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let column: Arc<dyn Array> = Arc::new(Int64Array::from(vec![1]));
    let batch = [RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap()];
    ana.put_rows(&command, &schema, &batch).await.unwrap();
    admin.query("REVOKE INSERT ON SCHEMA common FROM USER ana").await.unwrap();
    denied(&ana.put_rows(&command, &schema, &batch).await.unwrap_err());
    admin.query("GRANT READ ON TAG unclassified TO USER root").await.unwrap();
    admin.query("GRANT SELECT ON SCHEMA common TO USER root").await.unwrap();
    let count = admin.texts("SELECT count(*) AS n FROM common.notes").await.unwrap();
    assert_eq!(count, ["1"], "what was refused was not written");
    watch.finish(&mut served, "revoked between preparing and writing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_dropped_lets_nobody_in_any_more() {
    let mut served = Served::start("");
    let (ana, admin) = (served.client("ana").await, served.admin().await);
    let watch = Watch::over(&served).await;
    let ticket = ticket_of(&ana.info(&statement("SELECT word FROM hidden.secret")).await.unwrap());
    for id in admin.texts("SHOW TOKENS FOR ana").await.unwrap() {
        admin.query(&format!("DROP TOKEN '{id}'")).await.unwrap();
    }
    let status = ana.fetch(ticket).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated, "{status:?}");
    watch.finish(&mut served, "a token dropped between announcing and fetching").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_prepared_follows_its_table() {
    let served = Served::start("");
    let ana = served.client("ana").await;
    ana.query("CREATE TABLE lab.t AS SELECT 1 AS a").await.unwrap();
    let prepared = prepared_query(&ana.prepare("SELECT * FROM lab.t").await.unwrap());
    for _ in 0..2 {
        let (schema, rows) = ana.ask(&prepared).await.unwrap();
        assert_eq!((schema.field(0).data_type(), first_column(&rows)), (&DataType::Int64, vec!["1".to_owned()]));
    }
    ana.query("INSERT INTO lab.t VALUES (2)").await.unwrap();
    assert_eq!(first_column(&ana.ask(&prepared).await.unwrap().1).len(), 2);
    ana.query("CREATE OR REPLACE TABLE lab.t AS SELECT 'x' AS a, 3 AS b").await.unwrap();
    let (schema, rows) = ana.ask(&prepared).await.unwrap();
    assert_eq!(schema.fields().len(), 2);
    assert_eq!(first_column(&rows), ["x"]);
}
