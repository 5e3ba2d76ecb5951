//! Names: folded, quoted, doubled, missing.

use crate::support::{ADMIN, TestHome};

#[tokio::test(flavor = "multi_thread")]
async fn unquoted_names_fold_and_quoted_ones_do_not() {
    let home = TestHome::new().await;
    home.ok(
        "bot",
        "CREATE TABLE lab.\"Mixed Case\" AS SELECT 1 AS \"Größe\", 2 AS plain;
         CREATE TABLE lab.mixed AS SELECT 3 AS x; CREATE TABLE lab.\"MIXED\" AS SELECT 4 AS x",
    )
    .await;
    assert_eq!(home.ok("ana", "SELECT \"Größe\", PLAIN FROM LAB.\"Mixed Case\"").await, ["1|2"]);
    assert_eq!(home.ok("ana", "SELECT x FROM lab.Mixed").await, ["3"]);
    assert_eq!(home.ok("ana", "SELECT x FROM lab.\"MIXED\"").await, ["4"]);
    assert!(home.error("ana", "SELECT x FROM lab.\"Mixed\"").await.contains("does not exist or is not visible"));
    home.ok(ADMIN, "CREATE TAG geo; SET TAG ON COLUMN lab.\"Mixed Case\".\"Größe\" geo").await;
    assert_eq!(
        home.denied("ana", "SELECT \"Größe\" FROM lab.\"Mixed Case\"").await,
        ["lab.\"Mixed Case\".\"Größe\" geo READ"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_exist_twice_or_not_at_all_are_named() {
    let home = TestHome::new().await;
    let error = home.error("ana", "SELECT id FROM crm.orders a JOIN crm.orders b ON a.item = b.item").await;
    assert!(error.contains("`id` is ambiguous"), "{error}");
    let error = home.run("ana", "SELECT cty FROM crm.people").await.unwrap_err();
    assert_eq!(error.to_string(), "column `cty` does not exist here");
    assert_eq!(error.hint().as_deref(), Some("did you mean `city`?"));
    assert!(home.error("ana", "SELECT 1 FROM nowhere").await.contains("schema.table"));
    assert!(home.error("ana", "SELECT 1 FROM a.b.c.d").await.contains("a.b.c.d"));
}

#[tokio::test(flavor = "multi_thread")]
async fn show_grants_tells_admins_alone_who_exists() {
    let home = TestHome::new().await;
    home.ok(ADMIN, "GRANT READ ON TAG public TO USER ana; GRANT READ ON TAG public TO USER eve").await;
    let none = home.ok("eve", "SHOW GRANTS TO USER nobody").await;
    assert!(none.is_empty(), "{none:#?}");
    for other in ["USER ana", "GROUP ana", "GROUP eve"] {
        assert_eq!(home.ok("eve", &format!("SHOW GRANTS TO {other}")).await, none, "{other}");
    }
    assert_eq!(home.ok("eve", "SHOW GRANTS TO USER eve").await, ["USER eve|READ|TAG public|"]);
    assert_eq!(home.ok(ADMIN, "SHOW GRANTS TO USER ana").await, ["USER ana|READ|TAG public|"]);
    assert!(home.error(ADMIN, "SHOW GRANTS TO USER nobody").await.contains("does not exist"));
    assert!(home.error(ADMIN, "SHOW GRANTS TO GROUP ana").await.contains("not a GROUP"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_object_and_a_missing_one_look_the_same() {
    let home = TestHome::new().await;
    home.file("broken.parquet", "this is not Parquet");
    for (hidden, missing) in [
        ("SELECT * FROM crm.people", "SELECT * FROM crm.nobody"),
        ("SHOW TAGS ON TABLE crm.people", "SHOW TAGS ON TABLE crm.nobody"),
        ("DESCRIBE crm.people", "DESCRIBE crm.nobody"),
        ("DROP TABLE crm.people", "DROP TABLE crm.nobody"),
        ("SHOW LINEAGE OF crm.people.id", "SHOW LINEAGE OF crm.nobody.id"),
        ("SET TAG ON COLUMN crm.people.id public", "SET TAG ON COLUMN crm.nobody.id public"),
        ("INSERT INTO crm.people VALUES (1)", "INSERT INTO crm.nobody VALUES (1)"),
        ("DELETE FROM crm.people", "DELETE FROM crm.nobody"),
        ("UPDATE crm.people SET id = 1", "UPDATE crm.nobody SET id = 1"),
        ("GRANT SELECT ON TABLE crm.people TO USER eve", "GRANT SELECT ON TABLE crm.nobody TO USER eve"),
        ("APPROVE TABLE crm.people FOR EXPERIMENT", "APPROVE TABLE crm.nobody FOR EXPERIMENT"),
        ("ALTER TABLE crm.people RENAME TO x", "ALTER TABLE crm.nobody RENAME TO x"),
        ("SELECT nothing FROM crm.people", "SELECT nothing FROM crm.nobody"),
        ("SELECT * FROM crm.people VERSION AS OF 3", "SELECT * FROM crm.nobody VERSION AS OF 3"),
        ("SHOW GRANTS ON TABLE crm.people", "SHOW GRANTS ON TABLE crm.nobody"),
        ("SHOW HISTORY OF crm.people", "SHOW HISTORY OF crm.nobody"),
        ("EXPLAIN GOVERNANCE SELECT * FROM crm.people", "EXPLAIN GOVERNANCE SELECT * FROM crm.nobody"),
        ("CREATE TABLE crm.people AS SELECT 1 AS x", "CREATE TABLE crm.nobody AS SELECT 1 AS x"),
    ] {
        let hidden_text = home.error("eve", hidden).await.replace("people", "X");
        let missing_text = home.error("eve", missing).await.replace("nobody", "X");
        assert_eq!(hidden_text, missing_text, "{hidden}");
    }
    for list in ["SHOW TABLES", "SHOW SCHEMAS", "SHOW UNCLASSIFIED", "SHOW GRANTS"] {
        let rows = home.ok("eve", list).await;
        assert!(rows.iter().all(|row| !row.contains("crm")), "{list}: {rows:#?}");
    }
    let log = home.ok(ADMIN, "SHOW AUDIT FOR eve").await;
    assert!(
        log.iter().any(|line| line.contains("`crm.people` does not exist or is not visible: it exists")),
        "{log:#?}"
    );
    assert!(
        log.iter().any(|line| line.contains("`crm.nobody` does not exist or is not visible: it does not")),
        "{log:#?}"
    );
    for log in ["SHOW AUDIT", "SHOW AUDIT FOR eve"] {
        let own = home.ok("eve", log).await;
        assert!(own.iter().any(|line| line.contains("`crm.people` does not exist or is not visible|")), "{own:#?}");
        assert!(own.iter().all(|line| !line.contains("it exists") && !line.contains("it does not")), "{own:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_queries_shadow_and_local_names_are_not_tables() {
    let home = TestHome::new().await;
    assert_eq!(home.ok("ana", "WITH people AS (SELECT 7 AS x) SELECT x FROM people").await, ["7"]);
    assert_eq!(home.ok("ana", "WITH \"crm.people\" AS (SELECT 7 AS x) SELECT x FROM \"crm.people\"").await, ["7"]);
    assert!(home.error("ana", "SELECT * FROM people").await.contains("schema.table"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_policy_hides_in_a_schema_is_as_one_that_is_not_there() {
    let home = TestHome::new().await;
    let orders = home.engine.catalog().table(&sluice_model::TableName::new("crm", "orders")).await.unwrap().unwrap();
    let policy = format!(
        "CREATE POLICY hidden AS CEDAR $$ forbid (principal == User::\"ana\", action in Action::\"SELECT\", \
         resource == Table::\"{}\"); $$",
        orders.id.as_str()
    );
    home.ok(ADMIN, &policy).await;
    home.ok(ADMIN, "GRANT CREATE ON SCHEMA crm TO USER ana").await;
    home.ok("ana", "CREATE TABLE crm.own AS SELECT 1 AS x").await;
    home.ok(ADMIN, "REVOKE CREATE ON SCHEMA crm FROM USER ana").await;
    for hidden in [
        "SELECT * FROM crm.orders",
        "CREATE TABLE crm.orders (x INT)",
        "CREATE TABLE IF NOT EXISTS crm.orders (x INT)",
        "CREATE TABLE crm.orders AS SELECT 1 AS x",
        "CREATE TABLE crm.orders AS SELECT nothing FROM crm.people",
        "CREATE OR REPLACE TABLE crm.orders AS SELECT 1 AS x",
        "CREATE OR REPLACE TABLE crm.orders AS SELECT nothing FROM crm.people",
        "CREATE VIEW crm.orders AS SELECT 1 AS x",
        "INSERT INTO crm.orders VALUES (1)",
        "DROP TABLE crm.orders",
        "DROP TABLE IF EXISTS crm.orders",
        "ALTER TABLE crm.own RENAME TO orders",
    ] {
        let told = async |name: &str| {
            let outcome = home.run("ana", &hidden.replace("orders", name)).await;
            format!("{:?}", outcome.map_err(|error| format!("{error} {:?}", error.hint()))).replace(name, "X")
        };
        assert_eq!(told("orders").await, told("absent").await, "{hidden}");
    }
}
