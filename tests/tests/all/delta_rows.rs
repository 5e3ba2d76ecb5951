//! That a Delta table answers the rows that its query asks for, where the table itself could be asked to choose them.

use crate::support::{ADMIN, TestHome};

async fn home() -> TestHome {
    let home = TestHome::empty().await;
    home.ok(
        ADMIN,
        "CREATE SCHEMA lab; GRANT SELECT ON SCHEMA lab TO USER root; GRANT READ ON TAG unclassified TO USER root;
         CREATE TABLE lab.t AS SELECT a, a % 2 AS b FROM (VALUES (1), (2), (3), (4)) AS v (a)",
    )
    .await;
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn a_condition_without_columns_counts() {
    let home = home().await;
    for nothing in [
        "SELECT a FROM lab.t WHERE a > 0 AND NULL",
        "SELECT a FROM lab.t WHERE NULL",
        "SELECT a FROM lab.t WHERE a > 0 AND 1 = 2",
        "SELECT a FROM lab.t WHERE a > 0 AND random() < 0",
        "SELECT x.a FROM lab.t x JOIN lab.t y ON x.a = y.a AND NULL",
        "SELECT x.a FROM lab.t x JOIN lab.t y ON NULL",
    ] {
        assert_eq!(home.ok(ADMIN, nothing).await, [""; 0], "{nothing}");
    }
    assert_eq!(home.ok(ADMIN, "SELECT a FROM lab.t WHERE a > 3 AND random() < 2").await, ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_where_no_column_is_read() {
    let home = home().await;
    assert_eq!(home.ok(ADMIN, "SELECT 7 FROM lab.t LIMIT 1").await, ["7"]);
    assert_eq!(home.ok(ADMIN, "SELECT 7 FROM lab.t LIMIT 2 OFFSET 3").await, ["7"]);
    assert_eq!(home.ok(ADMIN, "SELECT count(*) FROM (SELECT 7 FROM lab.t LIMIT 3) AS s").await, ["3"]);
    assert_eq!(home.ok(ADMIN, "SELECT count(*) FROM lab.t").await, ["4"]);
    assert_eq!(home.ok(ADMIN, "SELECT 1 WHERE EXISTS (SELECT 1 FROM lab.t)").await, ["1"]);
}
