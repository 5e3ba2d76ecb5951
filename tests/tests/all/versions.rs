//! Time travel: what a table was, under the tags that it had and has.

use crate::support::{ADMIN, TestHome};

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_version_is_read_under_the_tags_of_then_and_now() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT race AS x FROM crm.people WHERE age > 30").await;
    home.ok("bot", "CREATE OR REPLACE TABLE lab.t AS SELECT city AS x FROM crm.people").await;
    assert_eq!(home.ok("ana", "SELECT x FROM lab.t ORDER BY x").await, ["Kiel", "Kiel", "Rome", "Rome"]);
    assert_eq!(home.denied("ana", "SELECT x FROM lab.t VERSION AS OF 0").await, ["lab.t.x special.race READ"]);
    assert_eq!(home.ok("rae", "SELECT x FROM lab.t VERSION AS OF 0 ORDER BY x NULLS FIRST").await, ["", "A", "B"]);
    home.ok(ADMIN, "REVOKE READ ON TAG personal FROM USER rae").await;
    assert_eq!(
        home.denied("rae", "SELECT count(*) FROM lab.t VERSION AS OF 0").await,
        ["lab.t (rows) personal.age USE"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_asked_for_by_number_and_by_time() {
    let home = TestHome::new().await;
    home.ok("bot", "CREATE TABLE lab.t AS SELECT 1 AS x; INSERT INTO lab.t VALUES (2)").await;
    assert_eq!(home.ok("ana", "SELECT count(*) FROM lab.t").await, ["2"]);
    assert_eq!(home.ok("ana", "SELECT count(*) FROM lab.t VERSION AS OF 0 AS old").await, ["1"]);
    assert_eq!(
        home.ok("ana", "SELECT n.x FROM lab.t n LEFT JOIN lab.t VERSION AS OF 0 o ON n.x = o.x WHERE o.x IS NULL")
            .await,
        ["2"]
    );
    let later = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let text = format!("SELECT count(*) FROM lab.t TIMESTAMP AS OF '{}'", later.to_rfc3339());
    assert_eq!(home.ok("ana", &text).await, ["2"]);
    let error = home.error("ana", "SELECT count(*) FROM lab.t VERSION AS OF 7").await;
    assert!(error.contains("lab.t"), "{error}");
    let error = home.error("ana", "SELECT count(*) FROM lab.t TIMESTAMP AS OF '2001-01-01'").await;
    assert!(error.contains("lab.t"), "{error}");
    let history = home.ok("ana", "SHOW HISTORY OF lab.t").await;
    assert_eq!(history.len(), 2, "{history:#?}");
}
