//! Views: names for queries, read on behalf of their owners, released to their readers.

use crate::support::{ADMIN, TestHome};

async fn home() -> TestHome {
    let home = TestHome::new().await;
    home.ok(
        "bot",
        "CREATE VIEW lab.v AS SELECT city, upper(race) AS r FROM crm.people WHERE age > 30;
         CREATE VIEW lab.w AS SELECT r, count(*) AS n FROM lab.v GROUP BY r",
    )
    .await;
    home
}

#[tokio::test(flavor = "multi_thread")]
async fn tags_flow_through_views_over_views() {
    let home = home().await;
    assert_eq!(home.ok("ana", "SELECT city FROM lab.v ORDER BY city").await, ["Kiel", "Rome", "Rome"]);
    assert_eq!(home.denied("ana", "SELECT r FROM lab.v").await, ["crm.people.race special.race READ"]);
    assert_eq!(home.denied("ana", "SELECT n FROM lab.w").await, ["crm.people.race special.race USE"]);
    assert_eq!(home.ok("uma", "SELECT n FROM lab.w").await.len(), 3);
    assert_eq!(home.ok("rae", "SELECT r, n FROM lab.w ORDER BY r NULLS LAST").await, ["A|1", "B|1", "|1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_needs_nothing_on_what_lies_behind_a_view_but_its_tags() {
    let home = home().await;
    home.ok(ADMIN, "GRANT SELECT ON TABLE lab.v TO USER eve; GRANT USE ON TAG personal TO USER eve").await;
    assert_eq!(home.ok("eve", "SELECT city FROM lab.v ORDER BY city").await, ["Kiel", "Rome", "Rome"]);
    assert_eq!(
        home.error("eve", "SELECT city FROM crm.people").await,
        "table `crm.people` does not exist or is not visible"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_behind_a_view_does_not_name_what_may_not_be_known() {
    let home = home().await;
    home.ok(ADMIN, "GRANT SELECT ON TABLE lab.v TO USER eve").await;
    for text in ["SELECT r FROM lab.v", "EXPLAIN SELECT r FROM lab.v", "SELECT nothing FROM lab.v"] {
        let error = home.run("eve", text).await.unwrap_err();
        let said = format!("{error} {:?} {:?}", error.denials(), error.hint());
        assert!(!said.contains("crm") && !said.contains("people") && !said.contains("age >"), "{text}: {said}");
    }
    let why = home.ok("eve", "EXPLAIN GOVERNANCE SELECT r FROM lab.v").await;
    assert!(why.iter().all(|row| !row.contains("crm")), "{why:#?}");
    home.ok(ADMIN, "GRANT USE ON TAG personal TO USER eve").await;
    let plan = home.ok("eve", "EXPLAIN SELECT city FROM lab.v").await;
    assert!(
        plan.iter().any(|line| line.contains("View: lab.v")) && plan.iter().all(|line| !line.contains("crm")),
        "{plan:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_stops_answering_when_its_owner_loses_what_it_reads() {
    let home = home().await;
    home.ok(ADMIN, "REVOKE SELECT ON SCHEMA crm FROM SERVICE bot").await;
    assert_eq!(
        home.denied("ana", "SELECT city FROM lab.v").await,
        ["the owner of view `lab.v` has no SELECT on what it reads"]
    );
    assert_eq!(
        home.denied("rae", "SELECT n FROM lab.w").await,
        ["the owner of view `lab.w` has no SELECT on what it reads"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_makes_a_view_over_what_it_may_not_read() {
    let home = TestHome::new().await;
    home.ok(ADMIN, "GRANT CREATE ON SCHEMA lab TO USER eve").await;
    assert_eq!(
        home.error("eve", "CREATE VIEW lab.v AS SELECT * FROM crm.people").await,
        "table `crm.people` does not exist or is not visible"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_cannot_come_to_read_itself() {
    let home = home().await;
    assert!(home.error("bot", "CREATE OR REPLACE VIEW lab.v AS SELECT r AS city, r FROM lab.w").await.contains("lab."));
    home.ok("ana", "SELECT city FROM lab.v").await;
}
