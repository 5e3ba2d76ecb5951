//! Statements that are polled say how far they have come, to those who may count their rows.

use std::time::Duration;

use arrow_flight::{FlightDescriptor, PollInfo};

use super::{
    client::{Client, first_column, prepared_query, statement, ticket_of},
    in_time,
    server::Served,
};

/// A server with the table `open.files` of ten files, too large together to be kept in memory.
async fn served() -> (Served, Client) {
    let served = Served::start("");
    let admin = served.admin().await;
    // A small table as well, whose rows are kept and whose files are not counted.
    for text in [
        "CREATE TABLE open.files (n BIGINT, r DOUBLE)",
        "SET TAG ON COLUMNS open.files (n public, r public)",
        "CREATE TABLE open.small AS SELECT 1 AS n",
        "SET TAG ON COLUMNS open.small (n pii)",
    ] {
        admin.update(text).await.unwrap();
    }
    for _ in 0..10 {
        let rows = "SELECT a.n * 30 + b.n, random() FROM open.numbers a CROSS JOIN open.numbers b WHERE b.n < 30";
        admin.update(&format!("INSERT INTO open.files {rows}")).await.unwrap();
    }
    (served, admin)
}

/// Something that takes each file a good part of a second.
fn slow(into: &str) -> String {
    format!(
        "CREATE TABLE {into} AS SELECT length(md5(repeat('x', CASE WHEN n = 0 THEN 60000000 ELSE 1 END))) AS l \
         FROM open.files WHERE r >= 0"
    )
}

async fn poll(client: &Client, descriptor: FlightDescriptor) -> PollInfo {
    client.flight().poll_flight_info(client.request(descriptor)).await.unwrap().into_inner()
}

/// Polls to the end; answers what progress was told on the way, and the rows at the end.
async fn polled(client: &Client, first: PollInfo) -> (Vec<f64>, Vec<String>) {
    let (mut told, mut info) = (Vec::new(), first);
    while let Some(descriptor) = info.flight_descriptor.take() {
        told.extend(info.progress);
        tokio::time::sleep(Duration::from_millis(20)).await;
        info = poll(client, descriptor).await;
    }
    assert_eq!(info.progress, Some(1.0));
    let rows = client.fetch(ticket_of(&info.info.unwrap())).await.unwrap().1;
    (told, first_column(&rows))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_tells_how_much_it_has_read() {
    let (mut served, admin) = served().await;
    let first = admin.poll(&statement(&slow("open.slow"))).await.unwrap();
    let (told, rows) = in_time("the write", polled(&admin, first)).await;
    assert_eq!(rows, ["300000"]);
    assert!(told.is_sorted() && told.iter().any(|share| *share > 0.0 && *share < 1.0), "{told:?}");

    // Prepared ones run in the background as well.
    let handle = admin.prepare(&slow("open.prepared")).await.unwrap();
    let first = admin.poll(&prepared_query(&handle)).await.unwrap();
    assert!(first.flight_descriptor.is_some(), "it was waited for");
    let (told, rows) = in_time("the prepared write", polled(&admin, first)).await;
    assert_eq!(rows, ["300000"]);
    assert!(told.iter().any(|share| *share > 0.0 && *share < 1.0), "{told:?}");
    served.must_be_well("");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_use_a_tag_of_what_is_read_is_told_nothing() {
    let (mut served, admin) = served().await;
    for text in
        ["GRANT SELECT, INSERT, MODIFY, CREATE ON SCHEMA lab TO USER bob", "GRANT PROCESS ON TAG pii TO USER bob"]
    {
        admin.update(text).await.unwrap();
    }
    let bob = served.client("bob").await;
    // The rows may be counted; a subquery that no row depends on may not be.
    let aside = slow("lab.aside").replace(" AS l ", " + (SELECT max(n) FROM open.small) AS l ");
    let first = bob.poll(&statement(&aside)).await.unwrap();
    let (told, rows) = in_time("the write", polled(&bob, first)).await;
    assert_eq!((told, rows), (Vec::new(), vec!["300000".to_owned()]));
    // Nor may they once the tag is on the column that the rows are chosen by.
    admin.update("SET TAG ON COLUMNS open.files (r pii)").await.unwrap();
    let first = bob.poll(&statement(&slow("lab.slow"))).await.unwrap();
    let (told, rows) = in_time("the write", polled(&bob, first)).await;
    assert_eq!((told, rows), (Vec::new(), vec![String::new()]), "the count is withheld");
    served.must_be_well("");
}
