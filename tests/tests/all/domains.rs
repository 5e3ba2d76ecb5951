//! Experiment and production.

use sluice_model::Domain::{Experiment, Production};

use crate::support::{ADMIN, TestHome, refusals};

async fn home() -> TestHome {
    let home = TestHome::new().await;
    home.file("live.csv", "n\n1\n2\n");
    home.ok(
        ADMIN,
        "CREATE SCHEMA prod DOMAIN production;
         CREATE EXTERNAL TABLE prod.live STORED AS CSV LOCATION 'live.csv';
         SET TAG ON COLUMN prod.live.n public;
         GRANT SELECT, INSERT, MODIFY, CREATE ON SCHEMA prod TO SERVICE bot;
         GRANT SELECT ON SCHEMA prod TO USER ana",
    )
    .await;
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn production_reads_no_experiment_table() {
    let home = home().await;
    let error = home.run_in("ana", Production, "SELECT city FROM crm.people").await.unwrap_err();
    assert_eq!(
        refusals(&error),
        ["SELECT on `crm.people`, which is in domain experiment, is refused in domain production"]
    );
    assert_eq!(home.run_in("ana", Production, "SELECT n FROM prod.live").await.unwrap(), ["1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_experiment_reads_production_only_once_it_is_approved() {
    let home = home().await;
    assert_eq!(
        home.denied("ana", "SELECT n FROM prod.live").await,
        ["SELECT on `prod.live`, which is in domain production, is refused in domain experiment"]
    );
    home.denied("ana", "APPROVE TABLE prod.live FOR EXPERIMENT").await;
    home.ok(ADMIN, "APPROVE TABLE prod.live FOR EXPERIMENT").await;
    assert_eq!(home.ok("ana", "SELECT n FROM prod.live").await, ["1", "2"]);
    home.ok(ADMIN, "REVOKE APPROVAL ON TABLE prod.live FOR EXPERIMENT").await;
    home.denied("ana", "SELECT n FROM prod.live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_experiment_writes_production() {
    let home = home().await;
    let refused = "CREATE on `schema prod`, which is in domain production, is refused in domain experiment";
    assert_eq!(home.denied("bot", "CREATE TABLE prod.t AS SELECT 1 AS x").await, [refused]);
    assert_eq!(home.denied("bot", "CREATE TABLE prod.t (x INT)").await, [refused]);
    assert_eq!(home.denied("bot", "CREATE VIEW prod.v AS SELECT 1 AS x").await, [refused]);
}

#[tokio::test(flavor = "multi_thread")]
async fn production_is_not_written_by_hand_either() {
    let home = home().await;
    for text in ["CREATE TABLE prod.t AS SELECT 1 AS x", "CREATE TABLE lab.t AS SELECT 1 AS x"] {
        let error = home.run_in("bot", Production, text).await.unwrap_err();
        assert_eq!(refusals(&error).len(), 1, "{text}: {error}");
    }
    assert!(home.run_in("bot", Experiment, "CREATE TABLE lab.t AS SELECT 1 AS x").await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_in_an_experiment_does_not_open_production() {
    let home = home().await;
    home.ok(ADMIN, "APPROVE TABLE prod.live FOR EXPERIMENT").await;
    home.ok("bot", "CREATE VIEW lab.v AS SELECT n FROM prod.live").await;
    assert_eq!(home.ok("ana", "SELECT n FROM lab.v").await, ["1", "2"]);
    home.ok(ADMIN, "REVOKE APPROVAL ON TABLE prod.live FOR EXPERIMENT").await;
    assert_eq!(
        home.denied("ana", "SELECT n FROM lab.v").await,
        ["the owner of view `lab.v` has no SELECT on what it reads"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_in_one_domain_counts_in_that_domain() {
    let home = home().await;
    home.ok(
        ADMIN,
        "CREATE TAG ops; SET TAG ON COLUMN prod.live.n ops; GRANT READ ON TAG ops TO USER ana IN DOMAIN production;
         APPROVE TABLE prod.live FOR EXPERIMENT",
    )
    .await;
    assert_eq!(home.denied("ana", "SELECT n FROM prod.live").await, ["prod.live.n ops READ"]);
    assert_eq!(home.run_in("ana", Production, "SELECT n FROM prod.live").await.unwrap(), ["1", "2"]);
}
